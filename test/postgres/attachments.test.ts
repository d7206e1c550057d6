/** Attachments in the ledger's database: every server finds what any of them put, and only the owner can remove one. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { runAttachmentConformance } from '../../packages/indelible/src/attachments/conformance.ts';
import type { AttachmentStore } from '../../packages/indelible/src/attachments/contract.ts';
import { openDatabaseAttachments } from '../../packages/indelible/src/attachments/database.ts';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { noPostgres } from '../support/postgres.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'ours.example';
const skip = noPostgres();
let databases: Databases;
let folder: string;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([LEDGER, 'theirs.example']);
  folder = mkdtempSync(join(tmpdir(), 'indelible-database-attachments-'));
});
after(async () => {
  await databases?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const open = (url: string, options: { read_only?: boolean; bytes_max?: number } = {}): AttachmentStore =>
  openDatabaseAttachments({ url, default_ledger: LEDGER, ...options });
const raises = (code: Parameters<typeof isIndelibleError>[1]) => (error: unknown) => {
  assert.ok(isIndelibleError(error, code), String(error));
  return true;
};

if (skip === false) {
  // As the owner: nobody else can remove.
  runAttachmentConformance(test, 'postgres', async () => {
    const url = databases.server.url(await databases.create());
    return {
      lasting: true,
      open: async (options) => open(`${url}?ledger=made-by-its-first-attachment`, options),
      remove: async () => {},
    };
  });
} else test('postgres', { skip }, () => {});

test("a server's role adds and reads, and does nothing else; another ledger's it cannot see", {
  skip,
}, async () => {
  const database = await databases.create();
  const ours = open(databases.url(database, LEDGER));
  const digest = await ours.put(Buffer.from('kept'));
  await assert.rejects(ours.remove(digest), raises('STORE_READ_ONLY'));
  const theirs = open(databases.url(database, 'theirs.example'));
  assert.equal(await theirs.has(digest), false);
  await theirs.put(Buffer.from('kept'));
  const unbound = open(`${databases.server.url(database, APP)}?ledger=nobody.example`);
  await assert.rejects(unbound.put(Buffer.from('kept')), raises('LEDGER_NOT_FOUND'));
  await databases.run(database, "SELECT indelible.unbind('theirs.example', $1)", [APP]);
  const evicted = open(databases.url(database, 'theirs.example'));
  assert.equal(await evicted.has(digest), false);
  await assert.rejects(theirs.put(Buffer.from('more')), raises('STORE_READ_ONLY'));
  await Promise.all([ours, theirs, unbound, evicted].map((one) => one.close()));
});

test('nobody edits one, and a name holds no other bytes; what was damaged past that is put right', {
  skip,
}, async () => {
  const database = await databases.create();
  const store = open(databases.url(database, LEDGER));
  const digest = await store.put(Buffer.from('kept'));
  const name = Buffer.from(digest.slice('sha-256:'.length), 'hex');
  await assert.rejects(
    databases.run(database, "UPDATE indelible.attachments SET bytes = 'x'"),
    /append-only/,
  );
  await assert.rejects(databases.run(database, 'TRUNCATE indelible.attachments'), /append-only/);
  const insert = 'INSERT INTO indelible.attachments SELECT id, $2, $3 FROM indelible.ledgers WHERE name = $1';
  const other = createHash('sha256').update('other').digest();
  await assert.rejects(databases.run(database, insert, [LEDGER, other, Buffer.from('x')]), /digest_check/);

  await databases.run(
    database,
    `ALTER TABLE indelible.attachments DISABLE TRIGGER USER, DROP CONSTRAINT attachments_digest_check`,
  );
  await databases.run(database, 'UPDATE indelible.attachments SET bytes = $1 WHERE digest = $2', [
    Buffer.from('x'),
    name,
  ]);
  await assert.rejects(store.get(digest), raises('ATTACHMENT_ALTERED'));
  assert.equal(await store.put(Buffer.from('kept')), digest);
  assert.equal(Buffer.from(await store.get(digest)).toString(), 'kept');
  await store.close();
});

test('what one server attached, another reads and verifies', { skip }, async () => {
  const database = await databases.create();
  const url = (server: string) => `${databases.url(database, LEDGER)}&local=${join(folder, server)}`;
  const one = await openLedger(url('one'));
  const text = 'a'.repeat(100_000);
  const { seq } = await one.record({ action: 'file.kept', data: { text } });
  const two = await openLedger(url('two'));
  const [stored] = await two.get([seq]);
  const { attachment } = stored!.record;
  const bytes = await two.attachments!.get(attachment!.digest);
  assert.deepEqual(JSON.parse(Buffer.from(bytes).toString()), { text });
  const report = await verifyLog({ store: two.store, attachments: two.attachments!, workers: 0 });
  assert.deepEqual([report.verdict, report.attachments?.checked], ['consistent', 1], report.detail);
  await Promise.all([one.close(), two.close()]);
});
