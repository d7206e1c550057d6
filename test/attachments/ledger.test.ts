/** Events whose data is too large for a record, from the caller to the verifier. */
import assert from 'node:assert/strict';
import { readFile, stat, symlink, unlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { canonicalize, type Event, type Json } from '@indelible/core';
import type { AttachmentStore } from '../../packages/indelible/src/attachments/contract.ts';
import { openMemoryAttachments } from '../../packages/indelible/src/attachments/memory.ts';
import { openAttachments, openLedger } from '../../packages/indelible/src/compose.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { compareAttachments } from '../../packages/indelible/src/ledger/verify-attachments.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openFaultyStore } from '../support/faulty-store.ts';
import { attachmentFiles, digestOf, large, newFolder, openPlain, verifyAt } from './support.ts';

const PLACES = {
  memory: async () => 'memory:',
  file: async (t: TestContext) => `file:${join(await newFolder(t), 'ledger')}`,
  sqlite: async (t: TestContext) => `sqlite:${join(await newFolder(t), 'ledger.db')}`,
};

async function inMemory(t: TestContext, attachments = openMemoryAttachments()) {
  const store = openMemoryStore();
  const ledger = await Ledger.open({ store, attachments });
  t.after(() => ledger.close());
  return { ledger, store, attachments };
}

for (const [kind, place] of Object.entries(PLACES)) {
  test(`${kind}: large data goes to an attachment under its digest, and comes back`, async (t) => {
    const url = await place(t);
    const ledger = await openLedger(url);
    t.after(() => ledger.close());
    const data: Json = { text: 'ä'.repeat(70_000), list: [1, null, { deep: true }] };
    const { seq } = await ledger.record({ action: 'report.made', data, idempotency_key: 'r-1' });
    await ledger.record({ action: 'small', data: { a: 1 } });
    const [large, small] = await ledger.get([seq, seq + 1]);
    const text = canonicalize(data);
    assert.deepEqual(large!.record.attachment, {
      digest: digestOf(text),
      media_type: 'application/json',
      size: Buffer.byteLength(text),
    });
    assert.equal(large!.record.data, undefined);
    assert.equal(canonicalize(JSON.parse(large!.body)), large!.body, 'the members are in order');
    assert.deepEqual(await ledger.dataOf(large!.record), data);
    assert.deepEqual(await ledger.dataOf(small!.record), { a: 1 });
    const { index, attachments } = ledger;
    const report = await verifyLog({ store: ledger.store, index: index!, attachments: attachments! });
    assert.deepEqual([report.verdict, report.attachments], ['consistent', { checked: 1, unreferenced: 0 }]);
  });

  test(`${kind}: a retry of a large event is answered with the first receipt, other data is a conflict`, async (t) => {
    const ledger = await openPlain(await place(t));
    t.after(() => ledger.close());
    const event: Event = { action: 'a', data: large(), idempotency_key: 'k' };
    const first = await ledger.record(event);
    const again = await Promise.all([ledger.record(event), ledger.record(event)]);
    for (const receipt of again) assert.deepEqual(receipt, { ...first, duplicate: true });
    await assert.rejects(ledger.record({ ...event, data: large('y') }), { code: 'IDEMPOTENCY_CONFLICT' });
    assert.equal((await ledger.head())!.seq, first.seq);
    const { store, attachments } = ledger;
    const report = await verifyLog({ store, attachments: attachments! });
    assert.equal(report.ok, true, 'the data that was refused is a note, no damage');
    assert.deepEqual(report.attachments, { checked: 1, unreferenced: 1 });
    assert.deepEqual(
      report.store_notes.map(({ code, damage }) => [code, damage]),
      [['leftover_file', false]],
    );
  });
}

for (const [kind, place] of [
  ['file', PLACES.file],
  ['sqlite', PLACES.sqlite],
] as const) {
  test(`${kind}: an attachment that is gone, changed or a link is found, with the first record that needs it`, async (t) => {
    const url = await place(t);
    const folder = url.slice(url.indexOf(':') + 1) + (kind === 'file' ? '/attachments' : '.attachments');
    const ledger = await openPlain(url);
    for (const text of ['a', 'b', 'b', 'c', 'd']) await ledger.record({ action: 'a', data: large(text) });
    await ledger.close();
    const files = new Map(
      await Promise.all(
        (await attachmentFiles(folder)).map(async (path) => [await readFile(path, 'utf8'), path] as const),
      ),
    );
    const fileOf = (text: string): string => files.get(canonicalize(large(text)))!;
    assert.equal((await stat(fileOf('a'))).mode & 0o777, 0o600);
    assert.equal((await stat(folder)).mode & 0o777, 0o700);
    assert.equal((await verifyAt(url)).ok, true);

    await unlink(fileOf('b'));
    await writeFile(fileOf('c'), canonicalize(large('c')).replace('c', 'x'));
    const elsewhere = join(folder, '..', 'elsewhere');
    await writeFile(elsewhere, canonicalize(large('d')));
    await unlink(fileOf('d'));
    await symlink(elsewhere, fileOf('d'));
    for (const workers of [0, 2]) {
      const report = await verifyAt(url, workers);
      assert.equal(report.verdict, 'damaged');
      assert.deepEqual([report.damage, report.first_bad_seq], ['attachment_missing', 2]);
      const found = report.findings.map(({ damage, seq }) => `${damage} ${seq}`);
      assert.deepEqual(found.slice(0, 3), [
        'attachment_missing 2',
        'attachment_altered 4',
        'attachment_altered 5',
      ]);
    }
  });
}

test('data exactly at the limit stays in the record; one byte more, and it is attached', async (t) => {
  const { ledger, store } = await inMemory(t);
  const sizeWith = async (length: number): Promise<{ bytes: number; attached: boolean }> => {
    const { seq } = await ledger.record({
      action: 'a',
      actor: { type: 'user', id: 'u' },
      data: 'x'.repeat(length),
    });
    const [stored] = await ledger.get([seq]);
    return { bytes: Buffer.byteLength(stored!.body), attached: stored!.record.attachment !== undefined };
  };
  const { bytes } = await sizeWith(60_000);
  const room = 60_000 + 65_535 - bytes;
  assert.deepEqual(await sizeWith(room), { bytes: 65_535, attached: false });
  assert.equal((await sizeWith(room + 1)).attached, true);
  // The number of the tenth record has a digit more: only at its place is known that this does not fit.
  while ((await ledger.head())!.seq < 9) await ledger.record({ action: 'filler' });
  assert.equal((await sizeWith(room)).attached, true);
  assert.equal((await sizeWith(room - 1)).attached, false);
  const report = await verifyLog({ store, attachments: ledger.attachments! });
  assert.deepEqual([report.ok, report.attachments], [true, { checked: 2, unreferenced: 0 }]);
});

test('data over the limit of attachments, and records that are too large without their data, change nothing', async (t) => {
  const { ledger, attachments } = await inMemory(t, openMemoryAttachments({ bytes_max: 100_000 }));
  const refused = [
    [{ action: 'a', data: 'x'.repeat(100_000) }, 'ATTACHMENT_TOO_LARGE'],
    [
      {
        action: 'a',
        data: large(),
        related_resources: Array.from({ length: 32 }, () => ({ type: 't', id: '日'.repeat(1000) })),
      },
      'RECORD_TOO_LARGE',
    ],
    [{ action: 'a', data: { deep: nested(64), text: large() } }, 'JSON_TOO_DEEP'],
    [{ action: 'a', attachment: { digest: digestOf('x'), media_type: 'a/b', size: 1 } }, 'EVENT_INVALID'],
  ] as const;
  for (const [event, code] of refused)
    await assert.rejects(ledger.record(event as unknown as Event), { code });
  assert.equal((await ledger.record({ action: 'fine', data: 'x'.repeat(99_998) })).seq, 1);
  const listed: string[] = [];
  for await (const digest of attachments.list()) listed.push(digest);
  assert.equal(listed.length, 1);
});

function nested(depth: number): Json {
  return depth === 0 ? 1 : [nested(depth - 1)];
}

test("the ledger's own records never need an attachment to be read", async (t) => {
  const { ledger } = await inMemory(t);
  await assert.rejects(ledger.recordOwn({ action: 'ledger.noted', data: large() }), {
    code: 'RECORD_TOO_LARGE',
  });
});

test('the attachment is durable before its record: when it cannot be kept, nothing is recorded', async (t) => {
  const order: string[] = [];
  const inner = openMemoryAttachments();
  let fails = true;
  const attachments: AttachmentStore = {
    ...inner,
    put: async (bytes) => {
      if (fails) throw Object.assign(new Error('no space'), { code: 'STORE_FULL' });
      const digest = await inner.put(bytes);
      order.push('attachment');
      return digest;
    },
  };
  const store = await openFaultyStore();
  const append = store.append.bind(store);
  store.append = async (batch, expected) => {
    await append(batch, expected);
    order.push('record');
  };
  const ledger = await Ledger.open({ store, attachments });
  t.after(() => ledger.close());
  await assert.rejects(ledger.record({ action: 'a', data: large() }), { code: 'STORE_FULL' });
  fails = false;
  order.length = 0;
  assert.equal((await ledger.record({ action: 'a', data: large() })).seq, 1);
  assert.deepEqual(order, ['attachment', 'record']);
});

test('a crash between attachment and record leaves an attachment without a record: a note, and a retry goes well', async (t) => {
  const store = await openFaultyStore();
  const attachments = openMemoryAttachments();
  const ledger = await Ledger.open({ store, attachments });
  t.after(() => ledger.close());
  store.faults.push('lost');
  const event: Event = { action: 'a', data: large(), idempotency_key: 'k' };
  await assert.rejects(ledger.record(event), { code: 'STORE_UNAVAILABLE' });
  const crashed = await verifyLog({ store, attachments });
  assert.deepEqual([crashed.ok, crashed.attachments], [true, { checked: 0, unreferenced: 1 }]);
  assert.equal((await ledger.record(event)).duplicate, undefined);
  const recovered = await verifyLog({ store, attachments });
  assert.deepEqual([recovered.ok, recovered.attachments], [true, { checked: 1, unreferenced: 0 }]);
});

test('closing waits for data that is being attached', async () => {
  const store = openMemoryStore();
  const ledger = await Ledger.open({ store, attachments: openMemoryAttachments() });
  const recorded = ledger.record({ action: 'a', data: large() });
  await ledger.close();
  assert.equal((await recorded).seq, 1);
  await assert.rejects(ledger.record({ action: 'a', data: large() }), { code: 'LEDGER_CLOSED' });
});

test('data that waits to be attached has a bound; one event alone always may', async (t) => {
  const inner = openMemoryAttachments();
  const gate = Promise.withResolvers<void>();
  const attachments: AttachmentStore = {
    ...inner,
    put: async (bytes) => {
      await gate.promise;
      return inner.put(bytes);
    },
  };
  const ledger = await Ledger.open({ store: openMemoryStore(), attachments, backlog_bytes_max: 50_000 });
  t.after(() => ledger.close());
  const first = ledger.record({ action: 'a', data: large() });
  assert.ok(ledger.stats.waiting_bytes > 70_000);
  await assert.rejects(ledger.record({ action: 'a', data: large('y') }), { code: 'BACKLOG_FULL' });
  gate.resolve();
  assert.equal((await first).seq, 1);
  assert.equal(ledger.stats.waiting_bytes, 0);
});

test('many large events at once, some of the same content, next to small ones', async (t) => {
  const url = await PLACES.file(t);
  const ledger = await openPlain(url);
  const receipts = await Promise.all(
    Array.from({ length: 60 }, (_, i) => {
      if (i % 3 === 0) return ledger.record({ action: 'small', data: i });
      return ledger.record({ action: 'large', data: large(`text ${i % 5} `) });
    }),
  );
  await ledger.close();
  assert.equal(new Set(receipts.map(({ seq }) => seq)).size, 60);
  const report = await verifyAt(url);
  assert.deepEqual(
    [report.ok, report.records_checked, report.attachments],
    [true, 61, { checked: 5, unreferenced: 0 }],
  );
});

test('a bounded ledger drops attachments with the last record that refers to them', async (t) => {
  const path = join(await newFolder(t), 'ledger');
  const url = `file:${path}?segment_bytes_max=20000&segments_max=2`;
  const ledger = await openPlain(url);
  await ledger.record({ action: 'a', data: large('gone') });
  await ledger.record({ action: 'a', data: large('stays') });
  for (let i = 0; i < 30; i++) {
    await Promise.all(
      Array.from({ length: 10 }, () => ledger.record({ action: 'step', data: 'y'.repeat(200) })),
    );
    if (i % 3 === 0) await ledger.record({ action: 'a', data: large('stays') });
  }
  await ledger.close();
  const report = await verifyAt(url);
  assert.ok(report.first_seq > 2, 'the first large records were evicted');
  assert.deepEqual([report.findings, report.attachments], [[], { checked: 1, unreferenced: 0 }]);
  assert.equal((await attachmentFiles(path)).length, 1);
});

test('an altered file is set aside as evidence when the same data is recorded again', async (t) => {
  const url = await PLACES.file(t);
  const ledger = await openPlain(url);
  t.after(() => ledger.close());
  await ledger.record({ action: 'a', data: large() });
  const [file] = await attachmentFiles(url.slice('file:'.length));
  await writeFile(file!, 'altered');
  await ledger.record({ action: 'a', data: large() });
  assert.deepEqual(await ledger.dataOf((await ledger.get([1]))[0]!.record), large());
  const report = await verifyAt(url);
  assert.deepEqual([report.verdict, report.damage], ['damaged', 'store_altered']);
});

test('a verification that was not given the attachments says so, and only where there are any', async (t) => {
  const { ledger, store } = await inMemory(t);
  await ledger.record({
    action: 'a',
    data: { a: 1, attachment: { digest: `sha-256:${'0'.repeat(64)}`, x: 1 } },
  });
  const without = await verifyLog({ store });
  assert.deepEqual([without.attachments, /attachments/.test(without.does_not_prove.join())], [null, false]);
  await ledger.record({ action: 'a', data: large() });
  const report = await verifyLog({ store });
  assert.equal(report.ok, true);
  assert.match(report.does_not_prove.at(-1)!, /attachments.*not checked/);
});

test('unfinished and foreign files among the attachments are notes', async (t) => {
  const url = await PLACES.file(t);
  const ledger = await openPlain(url);
  await ledger.record({ action: 'a', data: large() });
  await ledger.close();
  const [file] = await attachmentFiles(url.slice('file:'.length));
  await writeFile(`${file}.0011.partial`, 'half');
  await writeFile(join(url.slice('file:'.length), 'attachments', 'notes.txt'), 'mine');
  const report = await verifyAt(url);
  assert.equal(report.ok, true);
  assert.equal(report.store_notes.length, 2);
  const reader = openAttachments(url, { read_only: true });
  const listed: string[] = [];
  for await (const digest of reader.list()) listed.push(digest);
  assert.equal(listed.length, 1);
});

test('a record that states another size than its attachment has is found, whatever its digest says', async (t) => {
  const { ledger, store, attachments } = await inMemory(t);
  const { seq } = await ledger.record({ action: 'a', data: large() });
  const digest = (await ledger.get([seq]))[0]!.record.attachment!.digest;
  const use = { digest, media_type: 'application/json', seq };
  const right = (await attachments.get(digest)).length;
  const found = await compareAttachments(
    [
      { ...use, size: right },
      { ...use, size: right + 1 },
    ],
    attachments,
  );
  assert.deepEqual(
    found.findings.map(({ damage, seq }) => [damage, seq]),
    [['attachment_altered', seq]],
  );
  assert.equal((await verifyLog({ store, attachments })).ok, true);
});
