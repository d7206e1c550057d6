import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseFilter } from '../../packages/indelible/src/evidence/filter.ts';
import { type Page, parseQuery, queryRecords } from '../../packages/indelible/src/evidence/query.ts';
import type { LedgerReader } from '../../packages/indelible/src/ledger/types.ts';
import type { Filter } from '../../packages/indelible/src/stores/index/contract.ts';
import { newLedger, OTHER_RUN, RUN } from './support.ts';

const NOW = Date.parse('2026-11-21T12:00:00.000Z');

async function listing(reader: LedgerReader, raw: Record<string, unknown>, between: () => Promise<unknown>) {
  const seqs: number[] = [];
  let pages = 0;
  for (let cursor: string | undefined; ; pages++) {
    const page: Page = await queryRecords(reader, parseQuery({ ...raw, ...(cursor ? { cursor } : {}) }, NOW));
    seqs.push(...page.records.map(({ record }) => record.seq));
    if (page.next_cursor === null) return { seqs, pages: pages + 1 };
    cursor = page.next_cursor;
    await between();
  }
}

for (const order of ['newest', 'oldest'] as const) {
  test(`a listing, ${order} first, neither repeats nor skips while the ledger grows`, async (t) => {
    const { ledger } = await newLedger(t);
    for (let i = 0; i < 25; i++)
      await ledger.record({ action: i % 2 ? 'a.odd' : 'a.even', correlation_id: RUN });
    const { seqs, pages } = await listing(ledger, { action: 'a.*', order, limit: '4' }, () =>
      ledger.record({ action: 'a.late', correlation_id: OTHER_RUN }),
    );
    const expected = Array.from({ length: 25 }, (_, i) => i + 1);
    assert.deepEqual(seqs, order === 'newest' ? expected.reverse() : expected);
    assert.equal(pages, 7);
  });
}

test('a query sees what was recorded just before it', async (t) => {
  const { ledger } = await newLedger(t);
  for (let i = 0; i < 20; i++) {
    const receipt = await ledger.record({ action: 'seen', message: `needle${i}` });
    const { records } = await queryRecords(ledger, { filter: { text: `NEEDLE${i}` } });
    assert.deepEqual(
      records.map(({ record }) => record.seq),
      [receipt.seq],
    );
  }
});

test('a cursor serves its own query alone', async (t) => {
  const { ledger } = await newLedger(t);
  for (let i = 0; i < 9; i++) await ledger.record({ action: 'a' });
  const { next_cursor } = await queryRecords(ledger, { filter: { action: 'a' }, limit: 2 });
  assert.ok(next_cursor);
  const invalid = { code: 'CURSOR_INVALID' };
  const next = (filter: Filter, cursor: string, order: 'newest' | 'oldest' = 'newest') =>
    queryRecords(ledger, { filter, cursor, order });
  await next({ action: 'a' }, next_cursor);
  await assert.rejects(next({ action: 'b' }, next_cursor), invalid);
  await assert.rejects(next({}, next_cursor), invalid);
  await assert.rejects(next({ action: 'a' }, next_cursor, 'oldest'), invalid);
  for (let i = 0; i < next_cursor.length; i++)
    await assert.rejects(
      next({ action: 'a' }, `${next_cursor.slice(0, i)}!${next_cursor.slice(i + 1)}`),
      invalid,
    );
  for (const text of ['', 'x', `${next_cursor}=`, ` ${next_cursor}`, 'e30', 'bnVsbA', 'W10'])
    await assert.rejects(next({ action: 'a' }, text), invalid);
});

test('all pages of a listing count an age from its first page', async (t) => {
  const { ledger } = await newLedger(t);
  for (let i = 0; i < 9; i++) await ledger.record({ action: 'a' });
  const first = parseQuery({ since: '12h', limit: 3 }, NOW);
  const page = await queryRecords(ledger, first);
  assert.equal(page.records.length, 3);
  const later = parseQuery({ since: '12h', limit: 3, cursor: page.next_cursor }, NOW + 3_600_000);
  assert.equal(later.filter.since, first.filter.since);
  assert.equal((await queryRecords(ledger, later)).records.length, 3);
});

test('a delegated act is found under everyone it was done for', async (t) => {
  const { ledger } = await newLedger(t);
  const alice = { type: 'user', id: 'alice' };
  const actor = {
    type: 'agent',
    id: 'bot',
    on_behalf_of: { type: 'service', id: 'planner', on_behalf_of: alice },
  };
  const { seq } = await ledger.record({ action: 'x', actor });
  for (const id of ['bot', 'planner', 'alice']) {
    const { records } = await queryRecords(ledger, { filter: { actor: id } });
    assert.deepEqual(records[0]?.record.seq, seq, id);
  }
  assert.equal(
    (await queryRecords(ledger, { filter: { actor: 'alice', actor_type: 'user' } })).records.length,
    0,
  );
});

test('the record has the last word over an index that lies', async (t) => {
  const { ledger, index } = await newLedger(t);
  await ledger.record({ action: 'mine', correlation_id: RUN });
  const lying = { ...index, search: async () => ({ seqs: [0, 1], more: false, position: 2 }) };
  const reader: LedgerReader = {
    name: ledger.name,
    url: ledger.url,
    store: ledger.store,
    index: lying,
    head: () => ledger.head(),
    attachments: ledger.attachments,
    get: (seqs) => ledger.get(seqs),
    dataOf: (record) => ledger.dataOf(record),
    caughtUp: async () => {},
  };
  const { records } = await queryRecords(reader, { filter: { correlation_id: RUN } });
  assert.deepEqual(
    records.map(({ record }) => record.seq),
    [1],
  );
});

test('filters are strict, and the message names the member', () => {
  const bad: [Record<string, unknown>, string][] = [
    [{ acton: 'x' }, 'acton'],
    [{ action: '' }, 'action'],
    [{ action: 7 }, 'action'],
    [{ action: ['a', 'b'] }, 'action'],
    [{ action: 'a*b*' }, 'action'],
    [{ action: '*a' }, 'action'],
    [{ actor: 'x'.repeat(1025) }, 'actor'],
    [{ outcome: 'fine' }, 'outcome'],
    [{ correlation_id: '123' }, 'correlation_id'],
    [{ text: '--' }, 'text'],
    [{ since: 'yesterday' }, 'since'],
    [{ until: '2026-02-30' }, 'until'],
    [{ since: '2026-11-21T10:00:00' }, 'since'],
    [{ since: '2026-11-21T24:00:00Z' }, 'since'],
    [{ since: '2026-11-21T10:00:00+25:00' }, 'since'],
    [{ since: '1e3' }, 'since'],
    [{ __proto__: null, constructor: 'x' }, 'constructor'],
  ];
  for (const [input, member] of bad)
    assert.throws(
      () => parseFilter(input, NOW),
      (error: Error & { code?: string }) =>
        error.code === 'QUERY_INVALID' && error.message.startsWith(member),
      JSON.stringify(input),
    );
  for (const raw of [{ limit: 0 }, { limit: '5x' }, { limit: 1001 }, { order: 'random' }, { cursor: 3 }])
    assert.throws(() => parseQuery(raw, NOW), { code: 'QUERY_INVALID' });
});

test('times are normalised to UTC milliseconds', () => {
  const cases: Record<string, string> = {
    '2026-11-21T03:14:00+01:00': '2026-11-21T02:14:00.000Z',
    '2026-11-20T21:14:00.5-05:00': '2026-11-21T02:14:00.500Z',
    '2026-11-21t02:14:00z': '2026-11-21T02:14:00.000Z',
    '2026-11-21T02:14:00.1230001Z': '2026-11-21T02:14:00.124Z',
    '2026-11-21': '2026-11-21T00:00:00.000Z',
    '24h': '2026-11-20T12:00:00.000Z',
    '7d': '2026-11-14T12:00:00.000Z',
    '90s': '2026-11-21T11:58:30.000Z',
    '2w': '2026-11-07T12:00:00.000Z',
  };
  for (const [text, expected] of Object.entries(cases))
    assert.equal(parseFilter({ since: text }, NOW).since, expected, text);
  assert.equal(
    parseFilter({ correlation_id: '4BF92F35-77B3-4DA6-A3CE-929D0E0E4736' }, NOW).correlation_id,
    RUN,
  );
});

test('since is inclusive, until exclusive', async (t) => {
  const { ledger, clock } = await newLedger(t);
  const times: string[] = [];
  for (let i = 0; i < 5; i++) {
    clock.now += 1000;
    times.push((await ledger.record({ action: 'tick' })).recorded_at);
  }
  const filter = { action: 'tick', since: times[1]!, until: times[3]! };
  const { records } = await queryRecords(ledger, { filter, order: 'oldest' });
  assert.deepEqual(
    records.map(({ record }) => record.recorded_at),
    times.slice(1, 3),
  );
});
