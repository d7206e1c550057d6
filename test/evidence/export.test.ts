import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { type Event, frameLine, isLine, LINE_BODY_START, sha256Hex } from '@indelible/core';
import {
  type ExportOptions,
  type ExportSummary,
  exportRecords,
} from '../../packages/indelible/src/evidence/export.ts';
import { exportLines } from '../../packages/indelible/src/evidence/export-lines.ts';
import { RUN_LOG_FIELDS } from '../../packages/indelible/src/evidence/run-log.ts';
import { createRunSteps } from '../../packages/indelible/src/evidence/run-steps.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LedgerReader } from '../../packages/indelible/src/ledger/types.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import type { RecordIndex } from '../../packages/indelible/src/stores/index/contract.ts';
import { newLedger, OTHER_RUN, RUN, readCsv, textOf } from './support.ts';

const AT = '2026-11-22T00:00:00.000Z';
const TRICKY: Event = {
  action: 'odd.values',
  correlation_id: RUN,
  message: 'a "quoted", two-\r\nline message; Größe € 😀',
  // Number-like names: parsing and writing them again would change their order.
  data: {
    10: 'ten',
    9: 'nine',
    z: 1e21,
    a: -0.5,
    empty: {},
    list: [null, true],
    text: '\u2028</script>',
    ключ: '"',
  },
};

async function exported(reader: LedgerReader, options: Omit<ExportOptions, 'exported_at'>) {
  const stream = exportRecords(reader, { ...options, exported_at: AT });
  assert.equal(stream.summary as unknown, null, 'nothing is claimed before the end');
  const text = await textOf(stream);
  const summary: ExportSummary | null = stream.summary;
  assert.equal(summary?.bytes, Buffer.byteLength(text));
  return { text, summary };
}

/** Two interleaved runs after record 0. */
async function twoRuns(ledger: Ledger, steps: number): Promise<void> {
  for (let i = 0; i < steps; i++)
    await ledger.record({ ...TRICKY, action: `step.${i % 3}`, correlation_id: i % 2 ? OTHER_RUN : RUN });
}

async function bodies(ledger: Ledger): Promise<string[]> {
  const head = await ledger.head();
  return (await ledger.get(Array.from({ length: head!.seq + 1 }, (_, i) => i))).map(({ body }) => body);
}

test('pitfall 5: event_json is the stored text, byte for byte', async (t) => {
  const { ledger } = await newLedger(t);
  await ledger.record(TRICKY);
  const [header, ...rows] = readCsv((await exported(ledger, { format: 'csv' })).text);
  const column = header!.indexOf('event_json');
  assert.deepEqual(
    rows.map((row) => row[column]),
    await bodies(ledger),
  );
});

test('pitfall 21: every format carries the hashes, and the file alone verifies', async (t) => {
  const { ledger } = await newLedger(t);
  await twoRuns(ledger, 4);
  await ledger.record(TRICKY);
  const hash = (body: string) => createHash('sha256').update('\0').update(body).digest('hex');
  const verify = (pairs: readonly { hash: string; prev_hash: string; body: string }[]) => {
    assert.equal(pairs.length, 6);
    pairs.forEach((pair, i) => {
      assert.equal(pair.hash, hash(pair.body));
      assert.equal(pair.prev_hash, i === 0 ? '0'.repeat(64) : pairs[i - 1]!.hash);
    });
  };
  const prevOf = (body: string) => (JSON.parse(body) as { prev_hash: string }).prev_hash;

  const [header, ...rows] = readCsv((await exported(ledger, { format: 'csv' })).text);
  const cell = (row: string[], name: string) => row[header!.indexOf(name)]!;
  verify(
    rows.map((row) => ({
      hash: cell(row, 'row_hash'),
      prev_hash: cell(row, 'prev_hash'),
      body: cell(row, 'event_json'),
    })),
  );

  const sliced = (line: string) => {
    const bytes = Buffer.from(`${line}\n`);
    assert.ok(isLine(bytes, 0, bytes.length));
    const body = bytes.subarray(LINE_BODY_START, -2).toString();
    return { hash: line.slice(9, 73), prev_hash: prevOf(body), body };
  };
  const jsonl = (await exported(ledger, { format: 'jsonl' })).text.trimEnd().split('\n');
  verify(jsonl.slice(0, -1).map(sliced));

  const json = (await exported(ledger, { format: 'json' })).text.split('\n');
  verify(json.slice(1, -2).map((line) => sliced(line.replace(/,$/, ''))));
});

test('JSON is one document that says what it holds', async (t) => {
  const { ledger } = await newLedger(t);
  await twoRuns(ledger, 6);
  const { text, summary } = await exported(ledger, { format: 'json', filter: { action: 'step.*' } });
  const document = JSON.parse(text);
  assert.deepEqual(document.export, {
    format: 'indelible-export/1',
    ledger: 'acme.example/test',
    exported_at: AT,
    filter: { action: 'step.*' },
    order: 'oldest',
  });
  const end = { count: 6, complete: true, first_seq: 1, last_seq: 6, head: await ledger.head() };
  assert.deepEqual(document.end, end);
  assert.equal(document.records.length, 6);
  const { bytes: _bytes, ...facts } = summary!;
  assert.deepEqual(facts, end);

  const none = await exported(ledger, { format: 'json', filter: { action: 'none' } });
  assert.deepEqual(JSON.parse(none.text).records, []);
  assert.equal(JSON.parse(none.text).end.count, 0);
});

test('an export cut by its limit says so in every format', async (t) => {
  const { ledger } = await newLedger(t);
  await twoRuns(ledger, 6);
  const limited = { limit: 3 };
  const json = await exported(ledger, { format: 'json', ...limited });
  assert.equal(JSON.parse(json.text).end.complete, false);
  assert.equal(JSON.parse(json.text).records.length, 3);
  const jsonl = await exported(ledger, { format: 'jsonl', ...limited });
  assert.equal(JSON.parse(jsonl.text.trimEnd().split('\n').at(-1)!).end.complete, false);
  const csv = readCsv((await exported(ledger, { format: 'csv', ...limited })).text);
  assert.equal(csv.length, 5);
  assert.equal(csv.at(-1)![RUN_LOG_FIELDS.indexOf('event_type')], 'export.truncated');

  // A limit that cuts nothing off leaves it complete; one page boundary in between must not matter.
  for (const format of ['csv', 'json', 'jsonl'] as const)
    assert.equal((await exported(ledger, { format, limit: 7 })).summary?.complete, true);
  const whole = readCsv((await exported(ledger, { format: 'csv', limit: 7 })).text);
  assert.equal(whole.length, 8);
});

test('an export that fails on the way has no end', async (t) => {
  const { ledger } = await newLedger(t);
  await twoRuns(ledger, 6);
  const store: LogStore = Object.create(ledger.store, {
    read: {
      value: async function* () {
        for await (const batch of ledger.store.read(0)) {
          yield batch;
          throw new Error('the disk is gone');
        }
      },
    },
    head: { value: () => ledger.store.head() },
  });
  const reader: LedgerReader = Object.create(ledger, {
    store: { value: store },
    index: { value: null },
    name: { value: ledger.name },
    head: { value: () => ledger.head() },
  });
  const stream = exportRecords(reader, { format: 'jsonl', exported_at: AT });
  await assert.rejects(textOf(stream), /the disk is gone/);
  assert.equal(stream.summary, null);
});

test('pitfall 22: a cell never starts a formula', async (t) => {
  const { ledger } = await newLedger(t);
  const attacks = ['=1+1', '+1', '-1', '@SUM(A1)', '\t=1', '\r=1', '=cmd|"/c calc"!A1', '-'];
  for (const message of attacks)
    await ledger.record({
      action: message.trim(),
      correlation_id: RUN,
      message,
      source: message.trim(),
      input_ref: '=HYPERLINK("http://x")',
      actor: { type: '=x', id: 'y' },
      latency_ms: 3,
    });
  const [header, ...rows] = readCsv(
    (await exported(ledger, { format: 'csv', filter: { correlation_id: RUN } })).text,
  );
  assert.equal(rows.length, attacks.length);
  for (const [i, row] of rows.entries()) {
    for (const value of row) assert.doesNotMatch(value, /^[=+\-@\t\r]/);
    const cell = (name: string) => row[header!.indexOf(name)]!;
    assert.equal(cell('message'), `'${attacks[i]}`);
    assert.equal(cell('latency_ms'), '3', 'numbers stay numbers');
    assert.equal(cell('seq'), String(i));
  }
});

test('pitfall 22: a large export holds one page at a time, and only when asked', async (t) => {
  const { ledger } = await newLedger(t);
  const LINES = 400_000;
  let made = 0;
  const line = frameLine('ab'.repeat(32), Buffer.from((await bodies(ledger))[0]!));
  const lines = Buffer.concat(Array.from({ length: 1000 }, () => line));
  const ends = Array.from({ length: 1000 }, (_, i) => (i + 1) * line.length);
  const store: LogStore = Object.create(ledger.store, {
    firstSeq: { value: async () => 0 },
    read: {
      value: async function* () {
        for (; made < LINES; made += 1000) yield { first_seq: made, bytes: lines, ends };
      },
    },
  });
  const reader: LedgerReader = Object.create(ledger, {
    store: { value: store },
    index: { value: null },
    name: { value: ledger.name },
    head: { value: async () => ({ seq: LINES - 1, hash: 'ab'.repeat(32) }) },
  });
  const stream = exportRecords(reader, { format: 'jsonl', exported_at: AT });
  let read = 0;
  for await (const part of stream) {
    read += part.length;
    assert.ok(made * line.length - read <= lines.length, 'no page is made before the one before it is taken');
  }
  assert.equal(stream.summary?.count, LINES);
  assert.ok(read > LINES * line.length);
});

test('pages end at about 1 MB, however long the records are', async (t) => {
  const { ledger } = await newLedger(t);
  const data = 'x'.repeat(60_000);
  await Promise.all(Array.from({ length: 100 }, () => ledger.record({ action: 'big.step', data })));
  await ledger.caughtUp();
  for (const filter of [{}, { action: 'big.*' }]) {
    const seqs: number[] = [];
    for await (const page of exportLines(ledger, filter, 101)) {
      const bytes = page.reduce((total, { line }) => total + line.length, 0);
      assert.ok(bytes < (1 << 20) + 65_536, `a page of ${bytes} bytes`);
      seqs.push(...page.map(({ seq }) => seq));
    }
    const first = 'action' in filter ? 1 : 0;
    assert.deepEqual(
      seqs,
      Array.from({ length: 101 - first }, (_, i) => i + first),
    );
  }
});

test('a filtered export asks the records again: an edited index cannot pass one off as another', async (t) => {
  const { ledger, index } = await newLedger(t);
  await twoRuns(ledger, 6);
  await ledger.caughtUp();
  const lying: RecordIndex = Object.create(index, {
    search: { value: async () => ({ seqs: [0, 1, 2, 3, 4, 5, 6], more: false, position: 7 }) },
    position: { value: () => index.position() },
  });
  const reader: LedgerReader = Object.create(ledger, {
    index: { value: lying },
    store: { value: ledger.store },
    name: { value: ledger.name },
    head: { value: () => ledger.head() },
    caughtUp: { value: async () => {} },
  });
  for (const format of ['jsonl', 'json', 'csv'] as const) {
    const { summary } = await exported(reader, { format, filter: { action: 'step.0' }, limit: 2 });
    assert.deepEqual([summary?.count, summary?.complete, summary?.last_seq], [2, true, 4], format);
  }
});

test('steps are numbered within the run, whatever the export leaves out', async (t) => {
  const { ledger } = await newLedger(t);
  await twoRuns(ledger, 20);
  const numbered = async (filter: ExportOptions['filter']) => {
    const { text } = await exported(ledger, { format: 'csv', ...(filter ? { filter } : {}) });
    return readCsv(text)
      .slice(1)
      .map((row) => [JSON.parse(row[RUN_LOG_FIELDS.indexOf('event_json')]!).seq, Number(row[2])]);
  };
  // Records 1 to 20 alternate between the runs; record 0 is a run of its own.
  const stepOf = (seq: number) => (seq === 0 ? 0 : Math.floor((seq - 1) / 2));
  for (const filter of [
    undefined,
    { correlation_id: RUN },
    { action: 'step.2' },
    { text: 'quoted', action: 'step.1' },
  ]) {
    const rows = await numbered(filter);
    assert.ok(rows.length >= 6);
    for (const [seq, step] of rows)
      assert.equal(step, stepOf(seq), `record ${seq} of ${JSON.stringify(filter)}`);
  }
});

test('step numbers stay right when more runs interleave than memory holds', async (t) => {
  const { ledger, index } = await newLedger(t);
  const runs = Array.from({ length: 12 }, (_, i) => sha256Hex(Buffer.from([i])).slice(0, 32));
  const order = Array.from({ length: 240 }, (_, i) => runs[(i * i + (i >> 3)) % runs.length]!);
  await Promise.all(order.map((correlation_id) => ledger.record({ action: 'x', correlation_id })));
  await ledger.caughtUp();
  const stored = await ledger.get(order.map((_, i) => i + 1));
  const rows = stored.map(({ record }) => ({ seq: record.seq, correlation_id: record.correlation_id }));
  const expected = rows.map(
    (row, i) => rows.slice(0, i).filter((o) => o.correlation_id === row.correlation_id).length,
  );
  for (const contiguous of [true, false]) {
    const steps = createRunSteps(index, contiguous, 3);
    const numbers: number[] = [];
    for (let i = 0; i < rows.length; i += 7) numbers.push(...(await steps.number(rows.slice(i, i + 7))));
    assert.deepEqual(numbers, expected);
  }
});

test('an export of a growing ledger holds what was durable when it began', async (t) => {
  const { ledger } = await newLedger(t);
  await twoRuns(ledger, 5);
  for (const filter of [undefined, { action: 'step.*' }]) {
    const head = (await ledger.head())!.seq;
    const stream = exportRecords(ledger, { format: 'jsonl', exported_at: AT, ...(filter ? { filter } : {}) });
    for await (const _ of stream) await ledger.record({ action: 'step.late' });
    assert.equal(stream.summary?.head?.seq, head);
    assert.equal(stream.summary?.last_seq, head);
  }
});
