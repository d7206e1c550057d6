/**
 * Makes sure that the built output is there and not older than the source, for the tests that need it.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.ts';

/** Runs `tsc -b` when a package has no build, or one older than its source. Throws when that fails. */
export function ensureBuilt(): void {
  if (['core', 'indelible'].every(isFresh)) return;
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-b'], { cwd: root, encoding: 'utf8' });
  if (status !== 0) throw new Error(`tsc -b failed, so there is no build to test:\n${stdout}`);
}

function isFresh(name: string): boolean {
  const folder = join(root, 'packages', name);
  const info = join(folder, 'dist', '.tsbuildinfo');
  if (!existsSync(info) || !existsSync(join(folder, 'dist', 'index.js'))) return false;
  const built = statSync(info).mtimeMs;
  const sources = globSync('{src/**/*.ts,package.json,tsconfig.json}', { cwd: folder });
  return sources.every((file) => statSync(join(folder, file)).mtimeMs <= built);
}
