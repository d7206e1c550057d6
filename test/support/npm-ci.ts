/**
 * Installs what only some commands need, the first time one of them needs it: `npm ci` of the project stays light.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { root } from './root.ts';

/**
 * Installs the dependencies of a folder with a package.json of its own, all of them named with exact versions. Resolves to
 * null once they are there, or to the reason why they are not.
 */
export async function installIn(folder: string, say: (message: string) => void): Promise<string | null> {
  const path = join(root, folder);
  try {
    if (await isInstalled(path)) return null;
    say(`installing what is needed (npm ci in ${folder}/), once …`);
    const failure = await npmCi(path);
    if (failure !== null) return failure;
    return (await isInstalled(path)) ? null : 'npm ci ended well, but something is not there';
  } catch (error) {
    return `could not be installed: ${error instanceof Error ? error.message : String(error)}`;
  }
}

async function isInstalled(path: string): Promise<boolean> {
  const wanted = JSON.parse(await readFile(join(path, 'package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  for (const [name, version] of Object.entries(wanted.dependencies)) {
    const text = await readFile(join(path, 'node_modules', name, 'package.json'), 'utf8').catch(() => null);
    if (text === null || (JSON.parse(text) as { version: string }).version !== version) return false;
  }
  return true;
}

async function npmCi(path: string): Promise<string | null> {
  // Run through npm, its own script is known; otherwise the one in the PATH.
  const script = process.env.npm_execpath;
  const [program, first] = script?.endsWith('.js') === true ? [process.execPath, [script]] : ['npm', []];
  const child = spawn(program, [...first, 'ci', '--no-audit', '--no-fund'], {
    cwd: path,
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors = (errors + text).slice(-2000)));
  const [code] = (await once(child, 'close')) as [number | null];
  // The first line names the fault; the last one only where npm keeps its log.
  const fault = errors.split('\n').find((line) => line.startsWith('npm error'));
  return code === 0
    ? null
    : `could not be installed (npm ci ended with ${code}${fault === undefined ? '' : `: ${fault}`})`;
}
