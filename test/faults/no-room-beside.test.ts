/**
 * No room for the file beside a database through which its readers share memory: SQLite calls it an I/O error, and it is
 * told as what it is, a disk without room. A real file that cannot grow: the process that opens it may not make one larger.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';
import { openCheckpointHistory } from '../../packages/indelible/src/transparency/checkpoint-history.ts';
import { temporaryFolder } from '../stores/support/file-ledger.ts';
import { root } from '../support/root.ts';

const SOURCES = join(root, 'packages/indelible/src');

/** What opening says in a process whose files may not reach a kilobyte. */
function saidWithoutRoom(module: string, call: string): string {
  const script = `
    const opened = await import(${JSON.stringify(join(SOURCES, module))});
    try { await opened.${call}; console.log('opened'); } catch (error) { console.log(error.code); }
    process.exit();`;
  const args = ['-c', 'ulimit -f 1; exec "$@"', 'sh', process.execPath, '--conditions=source'];
  const { stdout } = spawnSync('sh', [...args, '--input-type=module', '--eval', script], {
    encoding: 'utf8',
  });
  return stdout.trim();
}

test('a ledger in SQLite, its index and its checkpoints: STORE_FULL', async (t) => {
  const folder = temporaryFolder(t);
  const [ledger, index, checkpoints] = ['ledger', 'index', 'checkpoints'].map((name) =>
    join(folder, `${name}.db`),
  ) as [string, string, string];
  await (await openSqliteStore({ path: ledger })).close();
  await (await openSqliteIndex({ path: index })).close();
  await openCheckpointHistory(checkpoints).close();
  const path = (file: string): string => JSON.stringify(file);
  assert.deepEqual(
    [
      saidWithoutRoom('stores/sqlite/sqlite-store.ts', `openSqliteStore({ path: ${path(ledger)} })`),
      saidWithoutRoom('stores/index/sqlite-index.ts', `openSqliteIndex({ path: ${path(index)} })`),
      saidWithoutRoom(
        'transparency/checkpoint-history.ts',
        `openCheckpointHistory(${path(checkpoints)}).newest()`,
      ),
    ],
    ['STORE_FULL', 'STORE_FULL', 'STORE_FULL'],
  );
});
