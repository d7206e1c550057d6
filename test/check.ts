/**
 * `npm run check`: types, lint, format, unused code, and what the packages look like once published. `npm run format`
 * (this with `format`) repairs what can be repaired.
 *
 * Every step runs even if one before it failed, so that one run shows everything. What they look with is installed the
 * first time (checks/package.json).
 */
import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { installIn } from './support/npm-ci.ts';
import { root } from './support/root.ts';

interface Step {
  readonly name: string;
  readonly command: readonly [string, ...string[]];
}

const packages = readdirSync(join(root, 'packages')).sort();
const format: Step = { name: 'format and lint', command: ['biome', 'check', '--write', '.'] };
const checks: readonly Step[] = [
  { name: 'types and build', command: ['tsc', '-b'] },
  { name: 'types of tests, bench, examples', command: ['tsc', '-p', 'tsconfig.test.json'] },
  {
    name: 'lint and format',
    command: ['biome', 'ci', '--colors=off', '--error-on-warnings', '--diagnostic-level=warn', '.'],
  },
  { name: 'unused files, exports, dependencies', command: ['knip'] },
  ...packages.flatMap((name): Step[] => [
    { name: `publint ${name}`, command: ['publint', 'run', `packages/${name}`, '--strict'] },
    {
      name: `attw ${name}`,
      command: ['attw', '--pack', `packages/${name}`, '--profile', 'esm-only', '--no-color', '--no-emoji'],
    },
  ]),
];

const missing = await installIn('checks', console.log);
if (missing !== null) {
  console.error(`What the checks need ${missing}.`);
  process.exit(1);
}
const steps = process.argv[2] === 'format' ? [format] : checks;
// Our own first: among the tools' dependencies is another compiler.
const bins = ['.', 'checks'].map((folder) => join(root, folder, 'node_modules', '.bin'));
const env = { ...process.env, PATH: [...bins, process.env.PATH ?? ''].join(delimiter) };
const failed: string[] = [];

for (const step of steps) {
  const started = performance.now();
  const [program, ...args] = step.command;
  const run = spawnSync(program, args, { cwd: root, env, encoding: 'utf8' });
  const seconds = ((performance.now() - started) / 1000).toFixed(1);
  const ok = run.status === 0;
  console.log(`${ok ? 'ok  ' : 'FAIL'}  ${step.name} (${step.command.join(' ')}), ${seconds} s`);
  if (ok) continue;
  failed.push(step.name);
  console.log(`${run.stdout ?? ''}${run.stderr ?? ''}${run.error?.message ?? ''}`.trimEnd());
}

if (failed.length > 0) {
  console.error(`\n${failed.length} of ${steps.length} checks failed: ${failed.join('; ')}`);
  process.exitCode = 1;
} else {
  console.log(`\nAll ${steps.length} checks passed.`);
}
