import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { isIndelibleError } from '@indelible/core';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import { appendNext, temporaryFolder } from './support/file-ledger.ts';

const CHILD = fileURLToPath(new URL('./support/file-lock-holder.ts', import.meta.url));

/** Another process that holds the lock once this resolves. */
async function otherWriter(t: TestContext, dir: string) {
  const child = spawn(process.execPath, ['--conditions=source', '--expose-gc', CHILD, dir], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  t.after(() => child.kill('SIGKILL'));
  await once(child.stdout, 'data');
  return child;
}

test('a second writer is refused at once and told who holds the lock; kill -9 releases it', async (t) => {
  const dir = temporaryFolder(t);
  const child = await otherWriter(t, dir);
  for (let i = 0; i < 2; i++) {
    await assert.rejects(openFileStore({ dir }), (error) => {
      assert.ok(isIndelibleError(error, 'LEDGER_LOCKED'));
      assert.equal(error.details.pid, child.pid);
      assert.match(error.message, new RegExp(`process ${child.pid}`));
      return true;
    });
  }
  const reader = await openFileStore({ dir, read_only: true });
  assert.equal(await reader.head(), null);
  await reader.close();
  child.kill('SIGKILL');
  await once(child, 'exit');
  const store = await openFileStore({ dir });
  await appendNext(store, 1);
  await store.close();
});

test('the lock holds against the same process, whatever it does with the folder, and against others', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir });
  const reader = await openFileStore({ dir, read_only: true });
  await reader.inspect();
  await reader.close();
  for (let i = 0; i < 2; i++) {
    await assert.rejects(openFileStore({ dir }), (error) => isIndelibleError(error, 'LEDGER_LOCKED'));
  }
  const child = spawn(process.execPath, ['--conditions=source', '--expose-gc', CHILD, dir], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let output = '';
  child.stderr.on('data', (chunk: Buffer) => {
    output += chunk.toString();
  });
  const [code] = await once(child, 'close');
  assert.notEqual(code, 0);
  assert.match(output, /LEDGER_LOCKED/);
  await store.close();
  await (await openFileStore({ dir })).close();
});

test('without a note of the holder the lock holds all the same', async (t) => {
  const dir = temporaryFolder(t);
  const child = await otherWriter(t, dir);
  for (const note of [
    () => fs.writeFileSync(path.join(dir, 'lock.pid'), 'rubbish'),
    () => fs.unlinkSync(path.join(dir, 'lock.pid')),
  ]) {
    note();
    await assert.rejects(openFileStore({ dir }), (error) => {
      assert.ok(isIndelibleError(error, 'LEDGER_LOCKED'));
      assert.deepEqual(error.details, {});
      return true;
    });
  }
  child.kill('SIGKILL');
  await once(child, 'exit');
});

test('a lock file that is no database is no ledger of ours: typed, and nothing is written', async (t) => {
  const dir = temporaryFolder(t);
  fs.writeFileSync(path.join(dir, 'lock.db'), 'rubbish '.repeat(1000));
  await assert.rejects(openFileStore({ dir }), (error) => isIndelibleError(error, 'STORE_UNAVAILABLE'));
});
