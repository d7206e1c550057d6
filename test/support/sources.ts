import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.ts';

/** The source files of all packages: path below packages/ → text. */
export function packageSources(): Map<string, string> {
  const files = globSync('*/src/**/*.{ts,tsx}', { cwd: join(root, 'packages') }).sort();
  return new Map(files.map((file) => [file, readFileSync(join(root, 'packages', file), 'utf8')]));
}
