/**
 * The index answers as a search through every record would.
 */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import fc from 'fast-check';
import type { Filter, RecordIndex, Search } from '../../packages/indelible/src/stores/index/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { runs } from '../support/runs.ts';
import { addAll, batchOf, makeRecord, makeRecords, naiveMatch, naiveSearch, timeOf } from './support.ts';

const COUNT = 2000;
const records = makeRecords(COUNT);

const MEMBERS = {
  actor: fc.constantFrom('actor-0', 'actor-3', 'boss-1', 'boss-2', 'nobody'),
  actor_type: fc.constantFrom('user', 'agent', 'service'),
  action: fc.constantFrom('secret.get', 'deploy', 'secret.*', 's*', '*', 'Secret.*', 'none.*', 'secret'),
  resource: fc.constantFrom('db/1', 'db/12', 'h0', 'h10', 'db'),
  resource_type: fc.constantFrom('table', 'secret', 'host'),
  outcome: fc.constantFrom('ok', 'denied', 'error', 'pending'),
  correlation_id: fc.nat(400).map((run) => run.toString(16).padStart(32, '0')),
  session: fc.constantFrom('s-2', 's-6', 's'),
  since: fc.nat(COUNT * 2).map(timeOf),
  until: fc.nat(COUNT * 2).map(timeOf),
  text: fc.constantFrom('rotation', 'BETA 7', 'größe alpha', '401', 'number 77', 'missing', 'key', 'note'),
};
type Member = keyof typeof MEMBERS;
/** At most three members at once: more would hardly ever match anything. */
const filters: fc.Arbitrary<Filter> = fc
  .tuple(fc.record(MEMBERS), fc.subarray(Object.keys(MEMBERS) as Member[], { maxLength: 3 }))
  .map(([all, chosen]) => Object.fromEntries(chosen.map((name) => [name, all[name]])));
const searches: fc.Arbitrary<Search> = fc
  .record({
    filter: filters,
    order: fc.constantFrom('newest', 'oldest'),
    limit: fc.integer({ min: 1, max: 60 }),
    beyond: fc.option(fc.nat(COUNT + 10), { nil: undefined }),
    below: fc.option(fc.nat(COUNT + 10), { nil: undefined }),
  })
  .map(({ beyond, below, ...search }) => ({
    ...search,
    ...(beyond === undefined ? {} : { beyond }),
    ...(below === undefined ? {} : { below }),
  }));

describe('search and count', () => {
  let index: RecordIndex;
  before(async () => {
    index = await openSqliteIndex({ path: ':memory:' });
    // Small adds of many sizes, so that segments of every size class exist and several merges have happened.
    await addAll(index, records, [1, 1, 40, 3, 130, 1, 7]);
  });
  after(() => index.close());

  test('any search gives what looking at every record gives', async () => {
    assert.equal(await index.position(), COUNT);
    let hits = 0;
    await fc.assert(
      fc.asyncProperty(searches, async (search) => {
        const { position, ...found } = await index.search(search);
        const expected = naiveSearch(records, search);
        hits += expected.seqs.length;
        assert.deepEqual(found, expected);
        assert.equal(position, COUNT);
      }),
      { numRuns: runs(400) },
    );
    assert.ok(hits > runs(2000), 'the searches must find something');
  });

  test('any count is the number of matches, or the cap', async () => {
    await fc.assert(
      fc.asyncProperty(filters, fc.nat(500), async (filter, cap) => {
        const expected = records.filter((record) => naiveMatch(record, filter)).length;
        assert.equal(await index.count(filter, cap), Math.min(cap, expected));
      }),
      { numRuns: runs(150) },
    );
  });

  test('records are found by id, idempotency keys by their text', async () => {
    assert.equal(await index.byId(String(records[1234]!.id)), 1234);
    assert.equal(await index.byId('0199aaaa-0000-7000-8000-ffffffffffff'), null);
    assert.deepEqual(
      (await index.byIdempotencyKeys(['key-1', 'key-2', 'key-1999'])).seqs,
      new Map([
        ['key-1', 1],
        ['key-1999', 1999],
      ]),
    );
  });

  test('a limit out of range is refused', async () => {
    for (const limit of [0, 10_001, 1.5])
      await assert.rejects(index.search({ filter: {}, order: 'newest', limit }), { code: 'QUERY_INVALID' });
  });
});

test('words: letters and digits of any script, in any case, but no member names', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:' });
  t.after(() => index.close());
  const notes = [
    'It’s ÄRGER, naïve_case',
    'plain ascii',
    'half ascii ŽLUŤOUČKÝ kůň',
    'a/b-c.d',
    'x'.repeat(5000),
  ];
  await index.add(
    batchOf(
      0,
      notes.map((note, seq) => makeRecord(seq, { data: { only_name: note, n: 1.5e300 } })),
    ),
  );
  const find = async (text: string) =>
    (await index.search({ filter: { text }, order: 'oldest', limit: 9 })).seqs;
  assert.deepEqual(await find('ärger'), [0]);
  assert.deepEqual(await find('CASE naïve'), [0]);
  assert.deepEqual(await find('žluťoučký ASCII half'), [2]);
  assert.deepEqual(await find('ascii'), [1, 2]);
  assert.deepEqual(await find('b c/d'), [3]);
  assert.deepEqual(await find('X'.repeat(5000)), [4]);
  assert.deepEqual(await find('only_name'), [], 'member names are no words');
  assert.deepEqual(await find('1.5e+300'), [0, 1, 2, 3, 4]);
  assert.deepEqual(await find('asci'), [], 'a part of a word is no word');
});

test('a large record with thousands of words is found by its last one', async (t) => {
  const index = await openSqliteIndex({ path: ':memory:' });
  t.after(() => index.close());
  const many = Array.from({ length: 9000 }, (_, i) => `w${i}`).join(' ');
  await index.add(batchOf(0, [makeRecord(0), makeRecord(1, { data: many }), makeRecord(2)]));
  const found = await index.search({ filter: { text: 'w8999 w0' }, order: 'oldest', limit: 9 });
  assert.deepEqual(found.seqs, [1]);
});
