/**
 * Runs a transcript: lines that begin with `$ ` are commands, the lines below them what they print.
 *
 * `…` in expected output stands for any text within a line; a line that is only `…` for any number of lines.
 */
import { spawnSync } from 'node:child_process';
import { delimiter, dirname, join } from 'node:path';
import { runInHost } from '../cli/host.ts';
import { root } from './root.ts';
import { FULL } from './runs.ts';

export interface Step {
  readonly command: string;
  readonly expected: string;
}

/** The commands of a transcript, each with its expected output. A command goes on after a backslash. */
export function stepsOf(text: string): Step[] {
  const steps: { command: string; expected: string }[] = [];
  const lines = text.trimEnd().split('\n');
  for (let i = 0; i < lines.length; i++) {
    const line = lines[i]!;
    const last = steps.at(-1);
    if (line.startsWith('$ ')) {
      let command = line.slice(2);
      while (command.endsWith('\\') && i + 1 < lines.length) command += `\n${lines[++i]!.replace(/^> /, '')}`;
      steps.push({ command, expected: '' });
    } else if (last === undefined)
      throw new Error(`a transcript begins with a command ("$ …"), not with: ${line}`);
    else last.expected += `${line}\n`;
  }
  return steps;
}

/** True when the output is the expected one, `…` standing for anything. */
export function outputMatches(output: string, expected: string): boolean {
  const pattern = expected
    .trimEnd()
    .split('\n')
    .map((line) => (line.trim() === '…' ? '(?:.*\\n)*?.*' : line.split('…').map(escaped).join('.*')))
    .join('\n');
  return new RegExp(`^${pattern}$`).test(withoutTrailingSpace(output).trimEnd());
}

function escaped(text: string): string {
  return text.trimEnd() === '' ? text : text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}

function withoutTrailingSpace(text: string): string {
  return text.replace(/[ \t]+$/gm, '');
}

/**
 * The words of a command that is `indelible` and asks nothing of a shell but quotes; null for any other. In a short run a
 * process that has the program loaded runs these, in a tenth of the time.
 */
export function plainWords(command: string): string[] | null {
  const text = command.replaceAll('\\\n', ' ');
  const words = text.match(/(?:[\w./:@=,+%-]|'[^']*'|"[^"$`\\]*")+/g) ?? [];
  if (words[0] !== 'indelible' || words.join(' ') !== text.trim().replaceAll(/ +/g, ' ')) return null;
  return words.slice(1).map((word) => word.replaceAll(/'([^']*)'|"([^"]*)"/g, '$1$2'));
}

/** Runs the steps one after another in `cwd`; returns what went wrong, or null. */
export async function runTranscript(text: string, cwd: string): Promise<string | null> {
  const path = [join(root, 'node_modules', '.bin'), dirname(process.execPath), process.env.PATH].join(
    delimiter,
  );
  for (const { command, expected } of stepsOf(text)) {
    const env = {
      ...process.env,
      PATH: path,
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
      CI: undefined,
      INDELIBLE_LEDGER: undefined,
      // As everybody has one, but not this user's.
      INDELIBLE_REGISTRY: join(cwd, 'registry.db'),
      XDG_CONFIG_HOME: join(cwd, '.config'),
    };
    const args = FULL ? null : plainWords(command);
    const run =
      args === null
        ? spawnSync('sh', ['-c', command], { cwd, env, encoding: 'utf8', timeout: 60_000 })
        : await runHere(args, cwd, env);
    const output = run.stdout + run.stderr;
    if (run.error !== undefined) return `$ ${command}\n${run.error.message}`;
    // A command that fails must be shown to: "… || echo exit $?".
    if (run.status !== 0) return `$ ${command}\nexit code ${run.status}\n${output}`;
    if (!outputMatches(output, expected))
      return `$ ${command}\nprinted:\n${output}\ninstead of:\n${expected}`;
  }
  return null;
}

async function runHere(args: readonly string[], cwd: string, env: NodeJS.ProcessEnv) {
  const given = Object.entries(env).filter((entry): entry is [string, string] => entry[1] !== undefined);
  const { code, ...said } = await runInHost({ args, cwd, env: Object.fromEntries(given), input: '' });
  return { ...said, status: code, error: undefined };
}
