/** Attachments in a stream beside the ledger's: every server finds what any of them put. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { runAttachmentConformance } from '../../packages/indelible/src/attachments/conformance.ts';
import { openStreamAttachments } from '../../packages/indelible/src/attachments/stream.ts';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { settingsFor } from '../../packages/indelible/src/stores/jetstream/settings.ts';
import { type NatsCluster, noNats, startNats } from '../support/nats-cluster.ts';
import { type Client, openClient, publishAs } from './support/streams.ts';

const skip = noNats();
let server: NatsCluster;
let owner: Client;
let folder: string;
let streams = 0;

before(async () => {
  if (skip !== false) return;
  // Several messages each, also for small ones.
  server = await startNats({ settings: 'max_payload: 96KB' });
  owner = await openClient(server.hosts);
  folder = mkdtempSync(join(tmpdir(), 'indelible-stream-attachments-'));
});
after(async () => {
  await owner?.nats.close();
  await server?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const newStream = (): string => `ATTACHED-${++streams}`;

if (skip === false) {
  // In a stream made by hand that permits removal; of our own making it permits none.
  runAttachmentConformance(test, 'jetstream', async () => {
    const stream = newStream();
    const settings = { ...settingsFor(`${stream}-attachments`, 1), deny_purge: false };
    await owner.manager.streams.add({ ...settings, subjects: [`indelible.${stream}.attachments.>`] });
    return {
      lasting: true,
      open: async (options) => openStreamAttachments({ url: server.url(stream), ...options }),
      remove: async () => {},
    };
  });
} else test('jetstream', { skip }, () => {});

const raises = (code: Parameters<typeof isIndelibleError>[1]) => (error: unknown) => {
  assert.ok(isIndelibleError(error, code), String(error));
  return true;
};

test('nobody removes one; what was begun and not completed is not there', { skip }, async () => {
  const stream = newStream();
  const store = openStreamAttachments({ url: server.url(stream) });
  const bytes = new Uint8Array(300_000).map((_, i) => i % 251);
  const digest = await store.put(bytes);
  assert.deepEqual(await store.get(digest), bytes);
  await assert.rejects(store.remove(digest), raises('STORE_READ_ONLY'));
  await assert.rejects(owner.manager.streams.purge(`${stream}-attachments`));

  const begun = 'ab'.repeat(32);
  const part = { 'Indelible-Attachment': `1/2 ${'0'.repeat(16)}` };
  await publishAs(owner, `indelible.${stream}.attachments.${begun}.part`, part, 'half of it');
  assert.equal(await store.has(`sha-256:${begun}`), false);
  await assert.rejects(store.get(`sha-256:${begun}`), raises('ATTACHMENT_MISSING'));
  const listed: string[] = [];
  for await (const one of store.list()) listed.push(one);
  assert.deepEqual(listed, [digest]);
  await store.close();
});

test('what others put under a name does not count, nor hide what has the right bytes', { skip }, async () => {
  const stream = newStream();
  const store = openStreamAttachments({ url: server.url(stream) });
  const digest = await store.put(Buffer.from('kept'));
  const hex = digest.slice('sha-256:'.length);
  const publish = (subject: string, header: string, bytes: string) =>
    publishAs(owner, `indelible.${stream}.attachments.${subject}`, { 'Indelible-Attachment': header }, bytes);
  const forged = 'cd'.repeat(32);
  for (const name of [hex, forged]) {
    const nonce = 'f'.repeat(16);
    await publish(`${name}.part`, `1/1 ${nonce}`, 'other');
    await publish(name, `1 ${nonce} 1`, '');
    await publish(name, 'nonsense', '');
    await publish(name, `999999 ${nonce} 1`, '');
  }
  assert.equal(Buffer.from(await store.get(digest)).toString(), 'kept');
  await assert.rejects(store.get(`sha-256:${forged}`), raises('ATTACHMENT_ALTERED'));
  await store.close();
});

test('what one server attached, another reads and verifies', { skip }, async () => {
  const stream = newStream();
  const url = (machine: string) => `${server.url(stream)}&local=${join(folder, machine)}`;
  const one = await openLedger(url('one'));
  const text = 'a'.repeat(400_000);
  const { seq } = await one.record({ action: 'file.kept', data: { text } });
  const two = await openLedger(url('two'));
  const [stored] = await two.get([seq]);
  const bytes = await two.attachments!.get(stored!.record.attachment!.digest);
  assert.deepEqual(JSON.parse(Buffer.from(bytes).toString()), { text });
  const report = await verifyLog({ store: two.store, attachments: two.attachments!, workers: 0 });
  assert.deepEqual([report.verdict, report.attachments?.checked], ['consistent', 1], report.detail);
  await Promise.all([one.close(), two.close()]);
});

test('a name that leaves no room for the second stream is refused when it is needed', { skip }, async () => {
  const store = openStreamAttachments({ url: server.url('S'.repeat(60)) });
  await assert.rejects(store.put(Buffer.from('x')), raises('LEDGER_URL'));
  await store.close();
});

const WEAKER: Record<string, object> = {
  'storage is memory': { storage: 'memory' },
  'max_age is 3600000000000 ns': { max_age: 3600e9 },
  'max_bytes is 5000': { max_bytes: 5000 },
  'deny_delete is not set': { deny_delete: false },
  'its subjects are indelible': { subjects: ['indelible.other.>'] },
};
for (const [words, weaker] of Object.entries(WEAKER)) {
  test(`a stream that would not keep what is put is refused, and the verifier says why: ${words}`, {
    skip,
  }, async () => {
    const stream = newStream();
    const name = `${stream}-attachments`;
    const settings = { ...settingsFor(name, 1), subjects: [`indelible.${stream}.attachments.>`], ...weaker };
    await owner.manager.streams.add(settings);
    const store = openStreamAttachments({ url: server.url(stream) });
    await assert.rejects(store.put(Buffer.from('x')), (error) => {
      raises('STORE_UNSUITABLE')(error);
      assert.ok((error as Error).message.includes(words), String(error));
      return true;
    });
    const [finding] = await store.inspect();
    assert.ok(finding?.damage === true && finding.detail.includes(words), finding?.detail);
    await store.close();
    await owner.manager.streams.delete(name);
  });
}

test('a limit was lowered and raised again: verifying says that attachments are gone', {
  skip,
}, async (t) => {
  const stream = newStream();
  const ledger = await openLedger(`${server.url(stream)}&local=${join(folder, stream)}`);
  t.after(() => ledger.close());
  await ledger.record({ action: 'file.kept', data: { text: 'a'.repeat(400_000) } });
  const whole = await verifyLog({ store: ledger.store, attachments: ledger.attachments!, workers: 0 });
  assert.deepEqual([whole.ok, whole.store_notes], [true, []]);
  const name = `${stream}-attachments`;
  await owner.manager.streams.update(name, { max_msgs: 2 });
  await owner.manager.streams.update(name, { max_msgs: -1 });
  const { ok, store_notes } = await verifyLog({
    store: ledger.store,
    attachments: ledger.attachments!,
    workers: 0,
  });
  assert.equal(ok, false);
  assert.match(store_notes.map(({ detail }) => detail).join(), /messages 1 to \d+ are gone/);
});
