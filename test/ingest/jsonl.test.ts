import assert from 'node:assert/strict';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { canonicalize, checkEvent, frameLine, GENESIS_HASH, leafHash } from '@indelible/core';
import { jsonLinesImporter } from '../../packages/indelible/src/ingest/jsonl.ts';
import { LineCounter } from '../../packages/indelible/src/ingest/line-counter.ts';
import { importInto } from '../../packages/indelible/src/ingest/run-import.ts';
import { brief, bytes, FakeLedger, readAll, source } from './support.ts';

const LOGIN = '{"action":"user.login","actor":{"type":"user","id":"ada"}}';

test('two equal lines are two events, and the same file twice adds nothing', async () => {
  const ledger = new FakeLedger();
  const text = `${LOGIN}\n${LOGIN}\n{"action":"a","idempotency_key":"k"}\n`;
  const first = await importInto(ledger.record, jsonLinesImporter, [source(text)]);
  assert.deepEqual([first.added, first.duplicates], [3, 0]);
  const again = [source(text, 3), source(gzipSync(text)), source(`\ufeff${text}`)];
  const second = await importInto(ledger.record, jsonLinesImporter, again);
  assert.deepEqual([second.added, second.duplicates, second.failed], [0, 9, 0]);
  // The file grew.
  const third = await importInto(ledger.record, jsonLinesImporter, [source(`${text}${LOGIN}`)]);
  assert.deepEqual([third.added, third.duplicates], [1, 3]);
  assert.equal(ledger.events[2]?.idempotency_key, 'k');
});

test('CR LF, blank lines and a last line without end', async () => {
  const { good, bad } = await readAll(jsonLinesImporter, source(`${LOGIN}\r\n\r\n  \n${LOGIN}`, 2));
  assert.deepEqual(bad, []);
  assert.deepEqual(
    good.map(({ position }) => position),
    ['line 1', 'line 4'],
  );
  assert.match(good[1]!.event.idempotency_key!, /^jsonl:[0-9a-f]{64}:1$/);
});

test('bad lines are named by number and the rest goes in', async () => {
  const lines = [
    LOGIN,
    '{"action":',
    '{"when":"now"}',
    '[]',
    '{"action":"a","bogus":1}',
    'x'.repeat(1_100_000),
    LOGIN,
  ];
  const content = Buffer.concat([
    bytes(`${lines.join('\n')}\n{"action":"`),
    Buffer.from([0xc3, 0x28]),
    bytes('"}\n'),
  ]);
  const { good, bad } = await readAll(jsonLinesImporter, source(content));
  assert.deepEqual(brief(bad), [
    'line 2 JSON_INVALID',
    'line 3 EVENT_INVALID',
    'line 4 EVENT_INVALID',
    'line 5 EVENT_INVALID',
    'line 6 RECORD_TOO_LARGE',
    'line 8 JSON_INVALID',
  ]);
  assert.match(bad[1]!.error.message, /\{"action":"user\.login"\}/);
  assert.equal(good.length, 2);
});

test('truncated gzip: whole lines go in, the cut one does not', async () => {
  const text = Array.from(
    { length: 2000 },
    (_, n) => `{"action":"a","data":${Math.imul(n, 2654435761)}}\n`,
  ).join('');
  const zipped = gzipSync(text);
  const { good, bad } = await readAll(jsonLinesImporter, source(zipped.subarray(0, zipped.length - 200)));
  assert.ok(good.length > 100 && good.length < 2000);
  assert.deepEqual(brief(bad), [`line ${good.length + 1} IMPORT_SOURCE`]);
});

function recordLine(extra: object = {}): { line: string; hash: string } {
  const record = {
    v: 1,
    ledger: 'old.example/prod',
    seq: 7,
    id: '018f4d5e-0000-7000-8000-000000000001',
    prev_hash: GENESIS_HASH,
    recorded_at: '2024-05-06T07:00:00.123Z',
    action: 'secret.set',
    actor: { type: 'user', id: 'ada' },
    outcome: 'ok',
    correlation_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    data: { size: 3 },
    ...extra,
  };
  const body = bytes(canonicalize(record));
  const hash = leafHash(body);
  return { line: new TextDecoder().decode(frameLine(hash, body)), hash };
}

test('a record of another ledger is adopted with its origin stated', async () => {
  const { line, hash } = recordLine({ idempotency: { key: 'k', digest: 'a'.repeat(64) } });
  const { good, bad } = await readAll(jsonLinesImporter, source(line + line));
  assert.deepEqual(bad, []);
  assert.deepEqual(checkEvent(good[0]!.event), {
    action: 'secret.set',
    actor: { type: 'user', id: 'ada' },
    outcome: 'ok',
    correlation_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    occurred_at: '2024-05-06T07:00:00.123Z',
    data: {
      imported_from: {
        ledger: 'old.example/prod',
        seq: 7,
        id: '018f4d5e-0000-7000-8000-000000000001',
        hash,
        recorded_at: '2024-05-06T07:00:00.123Z',
      },
      original: { size: 3 },
    },
    idempotency_key: `record:${hash}`,
  });
  assert.deepEqual(good[1]!.event, good[0]!.event, 'one record is one event, however often it is exported');
});

test('what another ledger recorded about itself is adopted as history, not as a record of this ledger about itself', async () => {
  const { line } = recordLine({ action: 'ledger.created', actor: { type: 'service', id: 'indelible' } });
  const { good, bad } = await readAll(jsonLinesImporter, source(line));
  assert.deepEqual(bad, []);
  const { action, actor } = checkEvent(good[0]!.event);
  assert.deepEqual(
    [action, actor],
    ['imported.ledger.created', { type: 'service', id: 'indelible:old.example/prod' }],
  );
});

test('the line that ends an export is no entry: it is skipped, and reported as what it is', async () => {
  const { line } = recordLine();
  const end = (end: object) =>
    `${canonicalize({ export: { format: 'indelible-export/1' }, end: { complete: true, ...end } })}\n`;
  const text = `${line}${end({ count: 1 })}${LOGIN}\n${LOGIN}\n${end({ count: 3, complete: false })}`;
  const { good, bad, remarks } = await readAll(jsonLinesImporter, source(text));
  assert.deepEqual([good.length, bad.length], [3, 0]);
  assert.deepEqual(
    remarks.map(({ position, remark }) => `${position}: ${remark}`),
    [
      'line 2: end of an export of 1 record; not an entry, skipped',
      'line 5: end of an export of 3 records, cut by its limit, but 2 lines stand before it; not an entry, skipped',
    ],
  );
  // The line as an export itself writes it, through the whole import.
  const seen: string[] = [];
  const written = `{"export":{"format":"indelible-export/1"},"end":{"complete":true,"count":1}}\n`;
  const summary = await importInto(new FakeLedger().record, jsonLinesImporter, [source(line + written)], {
    onRemark: ({ position }) => seen.push(position),
  });
  assert.deepEqual([summary.read, summary.added, summary.failed, seen], [1, 1, 0, ['line 2']]);
  const others = ['{"export":{},"end":{}}', '{"export":{"format":"indelible-export/1"}}'];
  const unlike = await readAll(jsonLinesImporter, source(others.join('\n')));
  assert.equal(unlike.bad.length, 2, 'anything else is an error as before');
});

test('an altered record line is refused; one of a keyed ledger is adopted with its key id', async () => {
  const { line } = recordLine();
  const altered = await readAll(jsonLinesImporter, source(line.replace('"ada"', '"eve"')));
  assert.deepEqual(brief(altered.bad), ['line 1 RECORD_INVALID']);
  const keyed = recordLine({ key_id: 'key-1' }).line.replace(/[0-9a-f]{64}/, 'b'.repeat(64));
  const adopted = await readAll(jsonLinesImporter, source(keyed));
  assert.equal(
    (adopted.good[0]!.event.data as { imported_from: { key_id: string } }).imported_from.key_id,
    'key-1',
  );
});

test('the line counter counts like a Map, through growth', () => {
  const counter = new LineCounter();
  const model = new Map<string, number>();
  for (let i = 0; i < 20_000; i++) {
    const digest = leafHash(bytes(String(Math.imul(i, 40_503) % 7000)));
    assert.equal(counter.seen(digest), model.get(digest) ?? 0);
    model.set(digest, (model.get(digest) ?? 0) + 1);
  }
});
