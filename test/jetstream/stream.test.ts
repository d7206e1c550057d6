/** What others can do to a stream: settings, counts, messages that are not ours. It is noticed, and said. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { zstdCompressSync } from 'node:zlib';
import { isIndelibleError } from '@indelible/core';
import {
  type SampleLine,
  sampleBatch,
  sampleLines,
} from '../../packages/indelible/src/stores/conformance.ts';
import type { Head, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { encodeLines } from '../../packages/indelible/src/stores/jetstream/payload.ts';
import { settingsFor } from '../../packages/indelible/src/stores/jetstream/settings.ts';
import { noNats, startNats } from '../support/nats-cluster.ts';
import { type Client, publishAs, readAll, withClient } from './support/streams.ts';

const skip = noNats();
const server = skip === false ? await startNats({ settings: 'max_payload: 96KB' }) : null;
after(() => server?.stop());
let streams = 0;

interface Stage {
  readonly stream: string;
  readonly subject: string;
  open(options?: { read_only?: boolean; create?: boolean }): Promise<LogStore>;
}

function stage(): Stage {
  const stream = `STREAM-${++streams}`;
  return {
    stream,
    subject: `indelible.${stream}`,
    open: (options = {}) => openJetStreamStore({ url: server!.url(stream), ...options }),
  };
}

/** With records, closed again. */
async function filled(counts: readonly number[]): Promise<Stage & { readonly lines: SampleLine[] }> {
  const place = stage();
  const store = await place.open();
  const lines: SampleLine[] = [];
  for (const count of counts) {
    const more = sampleLines(count, { after: lines.at(-1) });
    await store.append(sampleBatch(more), headOf(lines));
    lines.push(...more);
  }
  await store.close();
  return { ...place, lines };
}

function headOf(lines: readonly SampleLine[]): Head | null {
  const last = lines.at(-1);
  return last === undefined ? null : { seq: last.seq, hash: last.hash };
}

const asOwner = <T>(work: (client: Client) => Promise<T>): Promise<T> => withClient(server!.hosts, work);

function says(code: Parameters<typeof isIndelibleError>[1], words: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(isIndelibleError(error, code), String(error));
    assert.match(error.message, words);
    return true;
  };
}

test('a new stream has every setting that a ledger needs', { skip }, async () => {
  const { open, stream, subject } = stage();
  const store = await open();
  await store.close();
  const { config } = await asOwner(({ manager }) => manager.streams.info(stream));
  const { description, duplicate_window, ...rest } = config;
  assert.match(description!, /store-jetstream\.md/);
  assert.equal(duplicate_window, 120e9);
  assert.deepEqual(
    { subjects: rest.subjects, storage: rest.storage, retention: rest.retention, discard: rest.discard },
    { subjects: [subject], storage: 'file', retention: 'limits', discard: 'new' },
  );
  assert.deepEqual(
    [rest.max_msgs, rest.max_bytes, rest.max_age, rest.max_msg_size, rest.max_msgs_per_subject],
    [-1, -1, 0, -1, -1],
  );
  assert.deepEqual(
    [rest.deny_delete, rest.deny_purge, rest.allow_rollup_hdrs, rest.num_replicas],
    [true, true, false, 1],
  );
});

const WEAKER = {
  'storage is memory': { storage: 'memory' },
  'deny_delete is not set': { deny_delete: false },
  'deny_purge is not set': { deny_purge: false },
  'max_msgs is 5': { max_msgs: 5 },
  'max_bytes is 5000': { max_bytes: 5000 },
  'max_msgs_per_subject is 5': { max_msgs_per_subject: 5 },
  'max_msg_size is 5000': { max_msg_size: 5000 },
  'max_age is 3600000000000 ns': { max_age: 3600e9 },
  'retention is workqueue': { retention: 'workqueue' },
  'no_ack is set': { no_ack: true },
  'its subjects are other': { subjects: ['other.subject'] },
} as const;

for (const [words, weaker] of Object.entries(WEAKER)) {
  test(`a stream is refused for writing, and the verifier says why: ${words}`, { skip }, async () => {
    const { open, stream } = stage();
    await asOwner(({ manager }) => manager.streams.add({ ...settingsFor(stream, 1), ...weaker } as never));
    await assert.rejects(open(), says('STORE_UNSUITABLE', new RegExp(words)));
    const reader = await open({ read_only: true });
    const findings = await reader.inspect();
    assert.ok(findings.length > 0 && findings.every(({ damage }) => damage));
    assert.ok(
      findings.some(({ code, detail }) => code === 'schema_altered' && detail.startsWith(words)),
      JSON.stringify(findings),
    );
    await reader.close();
    await asOwner(({ manager }) => manager.streams.delete(stream));
  });
}

test('too few replicas are refused', { skip }, async () => {
  const { stream } = await filled([1]);
  const url = server!.url(stream, 'replicas=3');
  await assert.rejects(openJetStreamStore({ url }), says('STORE_UNSUITABLE', /num_replicas is 1, not 3/));
});

test('a missing stream is not made when it should be there', { skip }, async () => {
  const { open } = stage();
  await assert.rejects(open({ create: false }), says('LEDGER_NOT_FOUND', /STREAM-/));
  await assert.rejects(open({ read_only: true }), says('LEDGER_NOT_FOUND', /STREAM-/));
});

test('deny_delete and deny_purge hold', { skip }, async () => {
  const { stream, lines, open } = await filled([2, 2]);
  await asOwner(async ({ manager }) => {
    await assert.rejects(manager.streams.deleteMessage(stream, 1));
    await assert.rejects(manager.streams.purge(stream));
    await assert.rejects(manager.streams.update(stream, { deny_delete: false, deny_purge: false }));
  });
  const store = await open();
  assert.deepEqual(
    await readAll(store),
    lines.map(({ text }) => text),
  );
  await store.close();
});

test('pitfall 11: a lowered limit dropped the oldest messages, and was raised again: the counts show it', {
  skip,
}, async () => {
  const { stream, lines, open } = await filled([2, 3, 4, 1]);
  await asOwner(async ({ manager }) => {
    await manager.streams.update(stream, { max_msgs: 2 });
    await manager.streams.update(stream, { max_msgs: -1 });
  });
  await assert.rejects(open(), says('LEDGER_DAMAGED', /messages 1 to 2 are gone: the stream begins with 3/));
  const reader = await open({ read_only: true });
  assert.deepEqual(await reader.inspect(), [
    {
      code: 'segment_missing',
      detail: 'messages 1 to 2 are gone: the stream begins with 3',
      damage: true,
    },
  ]);
  // What is left can be read and found.
  assert.deepEqual(
    await readAll(reader),
    lines.slice(5).map(({ text }) => text),
  );
  assert.equal(await reader.firstSeq(), 5);
  assert.deepEqual(
    (await reader.get([0, 4, 5, 9])).map(({ seq }) => seq),
    [5, 9],
  );
  await reader.close();
});

test('pitfall 11: a stream that is deleted while it is open, and one that is made anew in its place', {
  skip,
}, async () => {
  const { stream, lines, open } = await filled([3]);
  const store = await open();
  const head = await store.head();
  await asOwner(({ manager }) => manager.streams.delete(stream));
  await assert.rejects(store.head(), says('LEDGER_NOT_FOUND', /no stream/));
  await (await open()).close();
  const more = sampleBatch(sampleLines(1, { after: lines[2] }));
  await assert.rejects(store.head(), says('LEDGER_DAMAGED', /made anew/));
  await assert.rejects(store.append(more, head), says('LEDGER_DAMAGED', /made anew/));
  await store.close();
});

test('a stream that is made anew with as many messages is noticed by a writer that only appends', {
  skip,
}, async () => {
  const { stream, subject, lines, open } = await filled([3]);
  const url = server!.url(stream);
  // Due before every append.
  const store = await openJetStreamStore({ url, times: { recheck_ms: 0 } });
  const more = sampleLines(2, { after: lines[2] });
  await store.append(sampleBatch(more.slice(0, 1)), headOf(lines));
  await asOwner(async ({ manager }) => {
    await manager.streams.delete(stream);
    await manager.streams.add(settingsFor(stream, 1));
  });
  await publish(subject, {}, 'altered');
  await publish(subject, fieldsOf(more.slice(0, 1)), sampleBatch(more.slice(0, 1)).bytes);
  await assert.rejects(
    store.append(sampleBatch(more.slice(1)), headOf(more.slice(0, 1))),
    says('LEDGER_DAMAGED', /made anew/),
  );
  await store.close();
  const reader = await open({ read_only: true });
  assert.deepEqual(await reader.head(), headOf(more.slice(0, 1)), 'nothing was appended');
  await reader.close();
});

test('settings that are changed under an open writer: it appends nothing to what would not keep it', {
  skip,
}, async () => {
  const { stream, lines } = await filled([2, 1]);
  const url = server!.url(stream);
  // Due before every append.
  const store = await openJetStreamStore({ url, times: { recheck_ms: 0, patience_ms: 300 } });
  const set = (settings: object) => asOwner(({ manager }) => manager.streams.update(stream, settings));
  const append = async (): Promise<void> => {
    const more = sampleLines(1, { after: lines.at(-1) });
    await store.append(sampleBatch(more), headOf(lines));
    lines.push(...more);
  };
  await append();
  for (const [changed, back, words] of [
    [{ max_age: 3600e9 }, { max_age: 0 }, /max_age is 3600000000000 ns: old messages are dropped/],
    [{ max_bytes: 1e9 }, { max_bytes: -1 }, /max_bytes is 1000000000/],
    [{ subjects: ['other'] }, { subjects: [`indelible.${stream}`] }, /its subjects are other/],
  ] as const) {
    await set(changed);
    await assert.rejects(append(), says('STORE_UNSUITABLE', words));
    assert.deepEqual(await store.head(), headOf(lines), 'what is there can be read');
    await set(back);
    await append();
  }
  await set({ max_msgs: 1 });
  await set({ max_msgs: -1 });
  await assert.rejects(append(), says('LEDGER_DAMAGED', /messages 1 to \d are gone/));
  await store.close();
});

test('a sealed stream is read, and refused for writing', { skip }, async () => {
  const { stream, lines, open } = await filled([3]);
  const store = await open();
  await asOwner(({ manager }) => manager.streams.update(stream, { sealed: true } as never));
  const more = sampleBatch(sampleLines(1, { after: lines[2] }));
  await assert.rejects(store.append(more, headOf(lines)), says('STORE_READ_ONLY', /sealed/));
  await store.close();
  await assert.rejects(open(), says('STORE_READ_ONLY', /sealed/));
  const reader = await open({ read_only: true });
  assert.equal((await readAll(reader)).length, 3);
  assert.deepEqual(await reader.inspect(), []);
  await reader.close();
});

const publish = (subject: string, fields: Record<string, string>, payload: string | Uint8Array) =>
  asOwner((owner) => publishAs(owner, subject, fields, payload));

function fieldsOf(lines: readonly SampleLine[], part?: string): Record<string, string> {
  return {
    'Indelible-First-Seq': String(lines[0]!.seq),
    'Indelible-Count': String(lines.length),
    'Indelible-Last-Hash': lines.at(-1)!.hash,
    ...(part === undefined ? {} : { 'Indelible-Part': part }),
  };
}

test('a batch that was never completed does not count, wherever it lies', { skip }, async () => {
  const { lines, open, subject } = await filled([20, 20]);
  const torn = sampleLines(6, { after: lines.at(-1), note: 'torn' });
  const batch = torn[5]!.hash;
  // The first parts of three; one that begins in the middle, as when another writer took the first place.
  await publish(subject, fieldsOf(torn.slice(0, 2), `1/3 ${batch}`), sampleBatch(torn.slice(0, 2)).bytes);
  await publish(subject, fieldsOf(torn.slice(2, 4), `2/3 ${batch}`), sampleBatch(torn.slice(2, 4)).bytes);
  const store = await open();
  assert.deepEqual(await store.head(), headOf(lines));
  const more = sampleLines(700, { after: lines.at(-1) });
  await store.append(sampleBatch(more), headOf(lines));
  await publish(subject, fieldsOf(torn.slice(2, 4), `2/3 ${batch}`), sampleBatch(torn.slice(2, 4)).bytes);
  const all = [...lines, ...more];
  for (const one of [store, await open({ read_only: true })]) {
    assert.deepEqual(await one.head(), headOf(all));
    assert.deepEqual(
      await readAll(one),
      all.map(({ text }) => text),
    );
    const seqs = [0, 19, 20, 39, 40, 41, 45, 300, 738, 739, 740];
    assert.deepEqual(
      (await one.get(seqs)).map(({ seq, line }) => [seq, Buffer.from(line).toString()]),
      seqs.filter((seq) => seq < 740).map((seq) => [seq, all[seq]!.text]),
    );
    assert.deepEqual(await one.inspect(), []);
    await one.close();
  }
});

test('messages that are not ours are passed over, and reading says so', { skip }, async () => {
  const { lines, open, subject } = await filled([3]);
  await publish(subject, {}, 'hello');
  await publish(subject, { ...fieldsOf(lines), 'Indelible-Count': '0' }, 'hello');
  await publish(subject, fieldsOf(lines, '3/2 x'), 'hello');
  const store = await open();
  const more = sampleLines(2, { after: lines[2] });
  await store.append(sampleBatch(more), headOf(lines));
  const seen: number[] = [];
  await assert.rejects(
    async () => {
      for await (const { first_seq, ends } of store.read(0)) seen.push(first_seq, ends.length);
    },
    says('LEDGER_DAMAGED', /message 2 is not a ledger's: .*message 3 .*message 4 /),
  );
  assert.deepEqual(seen, [0, 3, 3, 2], 'all records were read before that');
  await store.close();
});

test('headers that do not fit the records are noticed', { skip }, async () => {
  const more = sampleLines(3, { after: sampleLines(3)[2] });
  for (const [fields, words] of [
    [{ ...fieldsOf(more), 'Indelible-Count': '2' }, /message 2 of .*: its headers say 2 records, it holds 3/],
    [
      { ...fieldsOf(more), 'Indelible-Last-Hash': more[0]!.hash },
      /message 2 of .*: its last record is not the one/,
    ],
  ] as const) {
    const { open, subject } = await filled([3]);
    await publish(subject, fields, sampleBatch(more).bytes);
    const reader = await open({ read_only: true });
    await assert.rejects(reader.head(), says('LEDGER_DAMAGED', words));
    await reader.close();
  }
  // The wrong number alone: a verifier compares it with the record's own.
  const { open, subject } = await filled([3]);
  await publish(subject, { ...fieldsOf(more), 'Indelible-First-Seq': '7' }, sampleBatch(more).bytes);
  const reader = await open({ read_only: true });
  const filed: number[] = [];
  for await (const { stored_seqs } of reader.read(0)) filed.push(...Array.from(stored_seqs!));
  assert.deepEqual(filed, [0, 1, 2, 7, 8, 9]);
  await reader.close();
});

test('messages from before compression, compressed ones and small ones are one log', { skip }, async () => {
  const { lines, open, stream, subject } = await filled([3, 100]);
  const plain = sampleLines(100, { after: lines.at(-1) });
  await publish(subject, fieldsOf(plain), sampleBatch(plain).bytes);
  const store = await open();
  assert.deepEqual(await store.head(), headOf(plain));
  const large = sampleLines(900, { after: plain.at(-1) });
  await store.append(sampleBatch(large), headOf(plain));
  await store.close();

  const encodings = await asOwner(async ({ manager }) => {
    const { state } = await manager.streams.info(stream);
    const numbers = Array.from({ length: state.messages }, (_, i) => i + 1);
    const messages = await Promise.all(numbers.map((seq) => manager.streams.getMessage(stream, { seq })));
    return messages.map((message) => message!.header.get('Indelible-Encoding'));
  });
  assert.deepEqual(encodings.slice(0, 4), ['', 'zstd', '', 'zstd']);
  assert.ok(encodings.length > 4, 'the last batch takes several messages');
  assert.equal(encodings.at(-1), '', 'the last line alone');

  const all = [...lines, ...plain, ...large];
  const reader = await open({ read_only: true });
  assert.deepEqual(await reader.head(), headOf(all));
  assert.deepEqual(
    await readAll(reader),
    all.map(({ text }) => text),
  );
  const seqs = [0, 2, 3, 102, 103, 202, 203, 204, 1102];
  assert.deepEqual(
    (await reader.get(seqs)).map(({ seq, line }) => [seq, Buffer.from(line).toString()]),
    seqs.map((seq) => [seq, all[seq]!.text]),
  );
  await reader.close();
});

const more = sampleLines(100, { after: sampleLines(3)[2] });
const { payload: shrunk } = encodeLines(sampleBatch(more).bytes);
const UNREADABLE: Record<string, readonly [payload: Uint8Array, encoding: string]> = {
  'cut short': [shrunk.subarray(0, -1), 'zstd'],
  'something behind it': [Buffer.concat([shrunk, shrunk]), 'zstd'],
  'a bomb': [zstdCompressSync(Buffer.alloc(200 << 20)), 'zstd'],
  'not compressed': [sampleBatch(more).bytes, 'zstd'],
  'compressed in a way that we do not know': [shrunk, 'br'],
  'no encoding named': [sampleBatch(more).bytes, ''],
};
for (const [name, [payload, encoding]] of Object.entries(UNREADABLE)) {
  test(`a message that cannot be decompressed is damage, and nothing is appended to it: ${name}`, {
    skip,
  }, async () => {
    const { lines, open, subject } = await filled([3]);
    await publish(subject, { ...fieldsOf(more), 'Indelible-Encoding': encoding }, payload);
    const behind = sampleLines(2, { after: more.at(-1) });
    await publish(subject, fieldsOf(behind), sampleBatch(behind).bytes);
    const unreadable = /message 2\b.*: its headers say 100 records, its payload cannot be read/;
    const reader = await open({ read_only: true });
    const seen: number[] = [];
    await assert.rejects(
      async () => {
        for await (const { first_seq, ends } of reader.read(0)) seen.push(first_seq, ends.length);
      },
      says('LEDGER_DAMAGED', unreadable),
    );
    assert.deepEqual(seen, [0, 3, 103, 2], 'all else was read before that');
    assert.deepEqual(
      (await reader.get([0, 2, 3, 50, 102, 103])).map(({ seq }) => seq),
      [0, 2, 103],
    );
    await reader.close();

    // As the last message: who would append must not pass over it, as over what is not a ledger's.
    const other = await filled([3]);
    await publish(other.subject, { ...fieldsOf(more), 'Indelible-Encoding': encoding }, payload);
    const writer = await other.open();
    await assert.rejects(writer.head(), says('LEDGER_DAMAGED', unreadable));
    const next = sampleBatch(sampleLines(1, { after: lines[2] }));
    await assert.rejects(writer.append(next, headOf(lines)), says('LEDGER_DAMAGED', unreadable));
    await writer.close();
  });
}

test('what decompresses to other records than the headers say is noticed', { skip }, async () => {
  const { open, subject } = await filled([3]);
  const others = encodeLines(sampleBatch(sampleLines(100, { after: more[0] })).bytes);
  await publish(subject, { ...fieldsOf(more), 'Indelible-Encoding': 'zstd' }, others.payload);
  const reader = await open({ read_only: true });
  await assert.rejects(reader.head(), says('LEDGER_DAMAGED', /its last record is not the one/));
  await reader.close();
});

test('a record is found wherever it lies, in batches of every size', { skip }, async () => {
  let seed = 1;
  const sizes = Array.from({ length: 60 }, () => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % 7 === 0 ? 250 : 1 + (seed % 9);
  });
  const { lines, open } = await filled(sizes);
  const reader = await open({ read_only: true });
  const seqs = lines.map(({ seq }) => seq).toSorted((a, b) => ((a * 7919) % 1009) - ((b * 7919) % 1009));
  for (const seq of seqs.slice(0, 200)) {
    const fresh = seq % 40 === 0 ? await open({ read_only: true }) : reader;
    const [found] = await fresh.get([seq]);
    assert.equal(Buffer.from(found!.line).toString(), lines[seq]!.text);
    if (fresh !== reader) await fresh.close();
  }
  for (const from of [1, 5, 250, lines.length - 1]) {
    const texts: string[] = [];
    for await (const { bytes } of reader.read(from)) texts.push(Buffer.from(bytes).toString());
    const expected = lines.slice(from).map(({ text }) => text);
    assert.equal(texts.join(''), expected.join(''));
  }
  await reader.close();
});
