/**
 * The golden vectors.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './root.ts';

/** The vector file of this name. */
export function readVectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(root, 'vectors', `${name}.json`), 'utf8')) as T;
}
