/**
 * Which test files share a process. Starting one costs half a second of processor time: with a process for each file,
 * a quarter of a run would be starting.
 *
 * Files of one room share a process, and small rooms one, each file as a suite of its own, so that hooks stay with their
 * file; what a whole room uses, such as a PostgreSQL server, goes when the room ends (at-end.ts). Files that kill servers,
 * start many processes or measure have one for themselves.
 */
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from './root.ts';

/** Rooms, or files. */
const ALONE = [
  ...['bench', 'faults', 'jetstream', 's3'],
  ...['browser.test.ts', 'postgres/failover.test.ts', 'postgres/torture.test.ts'],
];
/** Rooms that take little more than starting a process for each would: they share one. */
const SMALL = [
  'access',
  'attachments',
  'evidence',
  'ingest',
  'interop',
  'ledger',
  'monitor',
  'outbox',
  'registry',
  'threads',
  'witness',
];
const CACHE = join(root, 'node_modules/.cache/indelible-tests');

/** The files to hand to the test runner for these test files (paths from the root of the repository). */
export function testProcesses(files: readonly string[]): string[] {
  const rooms = Map.groupBy(files, roomOf);
  const folder = join(CACHE, 'rooms');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  return [...rooms].flatMap(([room, members]) => {
    if (room === null) return members;
    const path = join(folder, `${room}.test.mjs`);
    writeFileSync(path, entryOf(members));
    return [path];
  });
}

/** The folder below `test/`, `small` for several, or null for a file that has a process for itself. */
function roomOf(file: string): string | null {
  const [, room, ...rest] = file.split('/');
  if ([room!, [room, ...rest].join('/')].some((one) => ALONE.includes(one))) return null;
  // The longest single file: rooms come first, so that it does not run when all others have ended.
  if (file === 'test/docs.test.ts') return 'docs';
  return rest.length === 0 || SMALL.includes(room!) ? 'small' : room!;
}

function entryOf(files: readonly string[]): string {
  const suites = files.map((file) => {
    const url = pathToFileURL(join(root, file)).href;
    return `describe(${JSON.stringify(file)}, async () => {\n  await import(${JSON.stringify(url)});\n});\n`;
  });
  const at_end = pathToFileURL(join(root, 'test/support/at-end.ts')).href;
  return `import { describe } from 'node:test';\nimport ${JSON.stringify(at_end)};\n${suites.join('')}`;
}
