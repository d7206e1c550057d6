/** Reading what was written although the index follows later: on request, for two servers, and on a new machine. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openIndex, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import { parseQuery, queryRecords } from '../../packages/indelible/src/evidence/query.ts';
import { catchUpIndex } from '../../packages/indelible/src/ledger/index-position.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import type { RecordIndex } from '../../packages/indelible/src/stores/index/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';
import { problem, startRig } from '../http/support.ts';
import { rejectsWith, until } from '../transparency/support.ts';

/** An index that takes no lines beyond a bound, until it is lifted. */
interface BoundedIndex extends RecordIndex {
  bound: number;
}

async function boundedIndex(bound: number): Promise<BoundedIndex> {
  const inner = await openSqliteIndex({ path: ':memory:' });
  const index = Object.create(inner) as BoundedIndex;
  for (const name of [
    'position',
    'tip',
    'search',
    'count',
    'byId',
    'byIdempotencyKeys',
    'reset',
    'close',
  ] as const)
    Object.defineProperty(index, name, { value: (inner[name] as () => unknown).bind(inner) });
  const waiting: (() => void)[] = [];
  Object.defineProperty(index, 'bound', {
    get: () => bound,
    set(lifted: number) {
      bound = lifted;
      for (const wake of waiting.splice(0)) wake();
    },
  });
  index.add = async (batch) => {
    while (batch.first_seq + batch.ends.length > bound)
      await new Promise<void>((resolve) => waiting.push(resolve));
    return inner.add(batch);
  };
  return index;
}

async function behindLedger(t: TestContext, index_wait_ms?: number) {
  const index = await boundedIndex(3);
  const ledger = await Ledger.open({
    store: openMemoryStore(),
    index,
    ...(index_wait_ms === undefined ? {} : { index_wait_ms }),
  });
  t.after(async () => {
    index.bound = Number.POSITIVE_INFINITY;
    await ledger.close();
  });
  for (const i of [1, 2]) await ledger.record({ action: 'step', data: i });
  await until('the first are indexed', () => ledger.stats.index_position === 3);
  for (const i of [3, 4, 5]) await ledger.record({ action: 'step', data: i });
  return { ledger, index };
}

test('a query waits for everything durable, for what it names, or for nothing and says what it lacks', async (t) => {
  const { ledger, index } = await behindLedger(t);
  const filter = { action: 'step' };
  const seqs = async (at_least: 'head' | 'indexed' | number) => {
    const page = await queryRecords(ledger, { filter, order: 'oldest', at_least });
    return [page.records.map(({ record }) => record.seq), page.lag] as const;
  };
  assert.deepEqual(await seqs('indexed'), [[1, 2], 3]);
  assert.deepEqual(await seqs(2), [[1, 2], 3], 'up to record 2 it is there');
  let done = false;
  const waiting = seqs(3).then((found) => {
    done = true;
    return found;
  });
  await new Promise(setImmediate);
  assert.equal(done, false, 'record 3 is not');
  index.bound = Number.POSITIVE_INFINITY;
  assert.deepEqual((await waiting)[0]!.slice(0, 3), [1, 2, 3]);
  assert.deepEqual(await seqs('head'), [[1, 2, 3, 4, 5], 0]);
  const message = await rejectsWith('QUERY_INVALID', () => seqs(6));
  assert.equal(message, 'there is no record 6; the last is 5');
});

test('who does not wait for ever is told how far the index is behind; recording goes on', async (t) => {
  const { ledger, index } = await behindLedger(t, 1);
  await assert.rejects(
    () => ledger.caughtUp(),
    (error: { code: string; details: Record<string, unknown> }) => {
      assert.equal(error.code, 'INDEX_BEHIND');
      assert.deepEqual(error.details, { position: 3, behind: 3, retry_after_s: 1 });
      return true;
    },
  );
  assert.equal((await ledger.record({ action: 'step' })).seq, 6);
  index.bound = Number.POSITIVE_INFINITY;
  await until('the index catches up', () => ledger.stats.index_position === 7);
  await ledger.caughtUp();
});

test('consistent and at_least are read strictly', () => {
  assert.equal(parseQuery({}, 0).at_least, 'head');
  assert.equal(parseQuery({ consistent: 'true' }, 0).at_least, 'head');
  assert.equal(parseQuery({ consistent: 'false' }, 0).at_least, 'indexed');
  assert.equal(parseQuery({ at_least: '41' }, 0).at_least, 41);
  for (const wrong of [
    { consistent: 'yes' },
    { consistent: true },
    { at_least: '-1' },
    { at_least: '1e3' },
    { at_least: 41 },
    { at_least: '1', consistent: 'true' },
  ])
    assert.throws(() => parseQuery(wrong, 0), { code: 'QUERY_INVALID' });
});

test('over HTTP: 503 with Retry-After while the index is behind, and what there is with consistent=false', async (t) => {
  const rig = await startRig(t, { store: openMemoryStore(), metrics_access: 'open' });
  const secret = await rig.token();
  await rig.ledger.record({ action: 'step' });
  await rig.ledger.caughtUp();
  const add = rig.ledger.index!.add.bind(rig.ledger.index);
  let release = (): void => {};
  const held = new Promise<void>((resolve) => {
    release = resolve;
  });
  rig.ledger.index!.add = async (batch) => {
    await held;
    return add(batch);
  };
  t.after(() => release());
  const { seq } = await rig.ledger.record({ action: 'step' });
  const stale = await rig.call('/v1/records?action=step&consistent=false', secret);
  const { records, lag } = (await stale.json()) as { records: unknown[]; lag: number };
  assert.deepEqual([stale.status, records.length], [200, 1]);
  assert.ok(lag >= 1);
  assert.equal((await rig.call(`/v1/records?action=step&at_least=${seq - 1}`, secret)).status, 200);
  const beyond = await rig.call('/v1/records?at_least=100', secret);
  assert.deepEqual([beyond.status, (await problem(beyond)).code], [400, 'QUERY_INVALID']);
  const metrics = await (await rig.call('/metrics', null)).text();
  assert.match(metrics, /indelible_index_lag_records\{ledger="test\/home"\} [1-9]/);
  const ready = (await (await rig.call('/readyz', null)).json()) as { ledgers: { index_lag: number }[] };
  assert.ok(ready.ledgers[0]!.index_lag >= 1);
  release();
  const fresh = await rig.call(`/v1/records?action=step&at_least=${seq}`, secret);
  assert.equal(((await fresh.json()) as { records: unknown[] }).records.length, 2);
});

test('two servers on one log, each with an index of its own: what one wrote the other finds', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-lag-'));
  const open = async (name: string): Promise<Ledger> =>
    Ledger.open({
      store: await openSqliteStore({ path: join(folder, 'log.db') }),
      index: await openSqliteIndex({ path: join(folder, `${name}.index`) }),
    });
  const [left, right] = [await open('left'), await open('right')];
  t.after(async () => {
    await left.close();
    await right.close();
    await rm(folder, { recursive: true });
  });
  for (let i = 0; i < 20; i++) {
    const [writer, reader] = i % 2 === 0 ? [left, right] : [right, left];
    const receipt = await writer.record({ action: 'step', data: i, idempotency_key: `step ${i}` });
    const { records } = await queryRecords(reader, { filter: { action: 'step' }, limit: 1 });
    assert.equal(records[0]!.hash, receipt.hash);
    const again = await reader.record({ action: 'step', data: i, idempotency_key: `step ${i}` });
    assert.deepEqual([again.seq, again.duplicate], [receipt.seq, true]);
  }
});

/** A log of so many records, and an index that knows none of them. */
async function longLog(count: number): Promise<{ store: LogStore; index: RecordIndex }> {
  const store = openMemoryStore();
  const close = store.close.bind(store);
  store.close = async () => {};
  const ledger = await Ledger.open({ store });
  for (let i = 0; i < count; i += 1000)
    await Promise.all(Array.from({ length: 1000 }, () => ledger.record({ action: 'step' })));
  await ledger.close();
  store.close = close;
  return { store, index: await openSqliteIndex({ path: ':memory:' }) };
}

test('a new index is built before the ledger opens, with progress; a little is left to the tail', async () => {
  const { store, index } = await longLog(3000);
  const seen: number[] = [];
  const onProgress = ({ records, records_total }: { records: number; records_total: number }): void => {
    assert.equal(records_total, 3001);
    seen.push(records);
  };
  assert.equal(await catchUpIndex(store, index, onProgress, 3001), 0, 'not that much');
  assert.deepEqual([seen, await index.position()], [[], 0]);
  assert.equal(await catchUpIndex(store, index, onProgress, 3000), 3001);
  assert.equal(seen[0], 0);
  assert.equal(seen.at(-1), 3001);
  assert.equal(await index.position(), 3001);
  assert.equal(await catchUpIndex(store, index, onProgress, 0), 0, 'nothing is missing');
  await index.close();
  await store.close();
});

test('an index that is ahead of its log, of another one that is, starts over', async () => {
  const { store, index } = await longLog(2000);
  await catchUpIndex(store, index, () => {}, 0);
  const { store: shorter, index: other } = await longLog(1000);
  assert.equal(await catchUpIndex(shorter, index, () => {}, 0), 1001);
  assert.equal(await index.position(), 1001);
  await Promise.all([index.close(), other.close(), store.close(), shorter.close()]);
});

test('opening by URL brings a far index along and says so', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-lag-'));
  t.after(() => rm(folder, { recursive: true }));
  const url = `file:${join(folder, 'ledger')}`;
  const first = await Ledger.open({ store: await openStore(url) });
  for (let i = 0; i < 51; i++)
    await Promise.all(Array.from({ length: 1000 }, () => first.record({ action: 'step' })));
  await first.close();
  let last = 0;
  const again = await openLedger(url, { onIndexing: ({ records }) => (last = records) });
  assert.equal(last, 51_001);
  await again.close();
  const index = await openIndex(url);
  assert.equal(await index.position(), 51_001);
  await index.close();
});

test('who reads does not wait for the store to notice what another process wrote', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-lag-'));
  const path = join(folder, 'log.db');
  const writer = await Ledger.open({ store: await openSqliteStore({ path }) });
  const store = await openSqliteStore({ path });
  // It never notices by itself.
  store.waitForAppend = (_seq, signal) =>
    new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  const reader = await Ledger.open({ store, index: await openSqliteIndex({ path: ':memory:' }) });
  t.after(async () => {
    await reader.close();
    await writer.close();
    await rm(folder, { recursive: true });
  });
  await reader.caughtUp();
  const { hash } = await writer.record({ action: 'step' });
  const { records } = await queryRecords(reader, { filter: { action: 'step' } });
  assert.deepEqual(
    records.map((one) => one.hash),
    [hash],
  );
});
