/** Two ledgers elsewhere that were given one local folder: the second is refused before it touches what is the first's. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { noPostgres } from '../support/postgres.ts';
import { APP, Databases } from './support.ts';

const skip = noPostgres();
let databases: Databases;
let local: string;
before(async () => {
  if (skip !== false) return;
  local = mkdtempSync(join(tmpdir(), 'indelible-local-'));
  databases = await Databases.start(['acme.example/one', 'acme.example/two']);
});
after(async () => {
  await databases?.stop();
  if (local !== undefined) rmSync(local, { recursive: true, force: true });
});

test('a local folder is one ledger’s: another one is refused there, and an index stays as it was', {
  skip,
}, async (t) => {
  const url = databases.server.url(await databases.create(), APP);
  const open = async (name: string, read_only = false) => {
    const ledger = await openLedger(`${url}?ledger=acme.example/${name}&local=${local}`, { read_only });
    t.after(() => ledger.close());
    return ledger;
  };
  const one = await open('one');
  const { seq } = await one.record({ action: 'order.paid' });
  await one.caughtUp();
  const is_refused = {
    code: 'LEDGER_EXISTS',
    message: /is the local folder of the ledger acme.example\/one/,
  };
  await assert.rejects(open('two'), is_refused);
  assert.equal(one.stats.index_position, seq + 1);
  await one.close();
  await assert.rejects(open('two', true), is_refused);
  const again = await open('one', true);
  assert.equal(again.stats.index_position, seq + 1);
});
