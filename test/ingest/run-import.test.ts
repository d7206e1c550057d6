import assert from 'node:assert/strict';
import test from 'node:test';
import { type Event, IndelibleError } from '@indelible/core';
import type { Importer } from '../../packages/indelible/src/ingest/contract.ts';
import { jsonLinesImporter } from '../../packages/indelible/src/ingest/jsonl.ts';
import {
  type ImportProblem,
  type ImportProgress,
  importInto,
} from '../../packages/indelible/src/ingest/run-import.ts';
import { FakeLedger, source } from './support.ts';

const lines = (count: number) => Array.from({ length: count }, (_, n) => `{"action":"a${n}"}\n`).join('');
const actions = (count: number) => Array.from({ length: count }, (_, n) => `a${n}`);

test('many records are in flight, never more than stated, called in order', async () => {
  const waiting: (() => void)[] = [];
  const called: string[] = [];
  let most = 0;
  let in_flight = 0;
  const record = (event: Event): Promise<{ seq: number }> => {
    called.push(event.action);
    most = Math.max(most, ++in_flight);
    const seq = called.length - 1;
    return new Promise((resolve) => {
      waiting.push(() => {
        in_flight--;
        resolve({ seq });
      });
      // Answers come newest first, once the import has stopped calling.
      setImmediate(() => waiting.pop()?.());
    });
  };
  const summary = await importInto(record, jsonLinesImporter, [source(lines(500))], { concurrency: 50 });
  assert.equal(summary.added, 500);
  assert.deepEqual(called, actions(500));
  assert.equal(most, 50);
});

test('what is in flight is bounded in bytes too', async () => {
  let bytes_in_flight = 0;
  let most = 0;
  const big: Importer = {
    format: 'big',
    async *read() {
      for (let i = 0; i < 400; i++) yield { position: `${i}`, event: { action: 'a' }, bytes: 60_000 };
    },
  };
  const record = async () => {
    bytes_in_flight += 60_000;
    most = Math.max(most, bytes_in_flight);
    await new Promise(setImmediate);
    bytes_in_flight -= 60_000;
    return { seq: 0 };
  };
  assert.equal((await importInto(record, big, [source('')])).added, 400);
  assert.equal(most, 279 * 60_000);
});

test('what may become an attachment goes alone: the order of the source is that of the log', async () => {
  const sizes = [10, 100_000, 10, 10, 70_000, 10];
  const mixed: Importer = {
    format: 'mixed',
    async *read() {
      for (const [i, bytes] of sizes.entries()) yield { position: `${i}`, event: { action: `a${i}` }, bytes };
    },
  };
  const landed: string[] = [];
  const record = async ({ action }: Event) => {
    // Large ones take longer, as they do when their data is written first.
    for (let turns = sizes[Number(action.slice(1))]! > 1000 ? 5 : 1; turns > 0; turns--)
      await new Promise(setImmediate);
    landed.push(action);
    return { seq: 0 };
  };
  await importInto(record, mixed, [source('')]);
  assert.deepEqual(
    landed,
    sizes.map((_, i) => `a${i}`),
  );
});

for (const code of ['STORE_FULL', 'STORE_UNAVAILABLE', 'BACKLOG_FULL', 'KEY_WRONG'] as const) {
  test(`${code} stops the import and blames no record`, async () => {
    let calls = 0;
    let settled = 0;
    const problems: ImportProblem[] = [];
    const record = async () => {
      const call = calls++;
      await new Promise(setImmediate);
      settled++;
      if (call >= 100) throw new IndelibleError(code, 'no more');
      return { seq: call };
    };
    const run = importInto(record, jsonLinesImporter, [source(lines(5000)), source(lines(5000))], {
      concurrency: 10,
      onError: (problem) => problems.push(problem),
    });
    await assert.rejects(run, (error: IndelibleError) => {
      assert.equal(error.code, code);
      assert.match(error.message, /no more \(import stopped at test, line 101; 100 added/);
      assert.equal(error.details.added, 100);
      return true;
    });
    assert.ok(calls < 120);
    assert.equal(settled, calls, 'nothing is left in flight');
    assert.deepEqual(problems, []);
  });
}

test('an error that is none of ours is raised as it is', async () => {
  const bug = new TypeError('a bug');
  await assert.rejects(
    importInto(
      () => {
        throw bug;
      },
      jsonLinesImporter,
      [source(lines(3))],
    ),
    (error) => error === bug,
  );
});

test('a callback that throws ends the import', async () => {
  const stop = () => {
    throw new Error('callback');
  };
  const ledger = new FakeLedger();
  const bad = source('{"action":"\\ud800"}\n{"oops":1}\n');
  await assert.rejects(importInto(ledger.record, jsonLinesImporter, [bad], { onError: stop }), /callback/);
  await assert.rejects(
    importInto(ledger.record, jsonLinesImporter, [source(lines(3))], { onProgress: stop }),
    /callback/,
  );
});

test('faults of importer and ledger are counted and named, the first hundred kept', async () => {
  const ledger = new FakeLedger();
  const problems: ImportProblem[] = [];
  const conflict = '{"action":"x","idempotency_key":"k"}\n{"action":"y","idempotency_key":"k"}\n';
  const sources = [
    source(conflict, 9, 'one'),
    source('nope\n'.repeat(150), 9, 'two'),
    source(lines(5), 9, 'three'),
  ];
  const summary = await importInto(ledger.record, jsonLinesImporter, sources, {
    onError: (problem) => problems.push(problem),
  });
  assert.deepEqual([summary.sources, summary.read, summary.added, summary.failed], [3, 157, 6, 151]);
  assert.equal(summary.errors.length, 100);
  assert.equal(problems.length, 151);
  assert.deepEqual(
    { ...summary.errors[0], message: '', remedy: '' },
    { source: 'one', position: 'line 2', code: 'IDEMPOTENCY_CONFLICT', message: '', remedy: '' },
  );
  assert.deepEqual([problems[150]!.source, problems[150]!.position], ['two', 'line 150']);
});

test('a source that cannot be read is one problem; the others go in', async () => {
  const missing = {
    name: 'missing.jsonl',
    // biome-ignore lint/correctness/useYield: it fails before it yields.
    bytes: (async function* (): AsyncGenerator<Uint8Array> {
      throw Object.assign(new Error('ENOENT: no such file'), { code: 'ENOENT' });
    })(),
  };
  const summary = await importInto(new FakeLedger().record, jsonLinesImporter, [missing, source(lines(2))]);
  assert.deepEqual([summary.added, summary.failed], [2, 1]);
  assert.equal(summary.errors[0]?.code, 'IMPORT_SOURCE');
  assert.match(summary.errors[0]!.message, /cannot be read \(ENOENT\)/);
});

test('progress adds up to the bytes of the sources', async () => {
  const text = lines(1000);
  const seen: ImportProgress[] = [];
  const summary = await importInto(
    new FakeLedger().record,
    jsonLinesImporter,
    [source(text, 1000), source(text, 1000)],
    {
      onProgress: (progress) => seen.push(progress),
    },
  );
  assert.equal(summary.bytes, 2 * text.length);
  assert.equal(seen.at(-1)?.bytes, 2 * text.length);
  assert.ok(seen.length >= 2 * Math.floor(text.length / 1000));
  for (let i = 1; i < seen.length; i++) assert.ok(seen[i]!.bytes >= seen[i - 1]!.bytes);
});
