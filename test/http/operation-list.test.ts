/** Listings of operations: what filters mean, and that pages hold while the ledger grows. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ALICE, ASKED, serveOperations } from './operations-support.ts';

test('by who asked, for whom, target, run, time and present state', async (t) => {
  const served = await serveOperations(t);
  const { world } = served;
  const reader = await served.token('reader', 'operations:read');
  const waiting = await served.planned();
  world.policy.says = { effect: 'allow' };
  world.pass(60_000);
  const stock = { connector: 'memory', action: 'set', params: { key: 'stock', value: 3 } };
  const bob = { type: 'user', id: 'bob' };
  const applied = await served.planned({ ...ASKED, members: [stock], on_behalf_of: bob });
  await world.engine.apply(applied.operation_id, { actor: { type: 'service', id: 'runner' } });
  const ids = async (query: string): Promise<string[]> => {
    const { status, body } = await served.get(`/v1/operations${query}`, reader);
    assert.equal(status, 200, JSON.stringify(body));
    return body.operations.map(({ operation_id }: { operation_id: string }) => operation_id);
  };
  const [one, two] = [waiting.operation_id, applied.operation_id];
  assert.deepEqual(await ids(''), [two, one]);
  assert.deepEqual(await ids('?order=oldest'), [one, two]);
  assert.deepEqual(await ids('?actor=helper'), [two, one]);
  assert.deepEqual(await ids(`?actor=${ALICE.id}`), [one]);
  assert.deepEqual(await ids('?resource=memory:stock'), [two]);
  assert.deepEqual(await ids(`?correlation_id=${waiting.envelope.correlation_id}`), [one]);
  assert.deepEqual(await ids('?since=30s'), [two]);
  assert.deepEqual(await ids('?until=30s'), [one]);
  assert.deepEqual(await ids('?state=pending_approval'), [one]);
  assert.deepEqual(await ids('?state=verified'), [two]);
  assert.deepEqual(await ids('?state=verified&actor=alice'), []);
  assert.deepEqual(await ids('?state=verified&actor=runner'), [], 'who executed it did not ask for it');
  assert.deepEqual(await ids('?state=executed'), [], 'it is no longer that');
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 1 }] };
  const undo = await world.engine.rollback(two, { requester: bob, reason: 'a mistake' });
  await world.engine.cancel(undo.operation_id, bob, 'it was none');
  assert.deepEqual(await ids('?state=verified'), [two], 'once, though it came there twice');
  const [{ targets, missing, members }] = (await served.get('/v1/operations?state=pending_approval', reader))
    .body.operations;
  assert.deepEqual(targets, [{ type: 'key', id: 'memory:price' }]);
  assert.deepEqual(
    [missing, members],
    [[{ role: null, count: 2 }], [{ connector: 'memory', action: 'set' }]],
  );
  for (const query of ['?limit=201', '?state=done', '?nothing=1', '?order=up', '?cursor=x'])
    assert.equal((await served.get(`/v1/operations${query}`, reader)).status, 400, query);
});

test('no page repeats or skips an operation, whatever happens meanwhile', async (t) => {
  const served = await serveOperations(t);
  const { world } = served;
  const reader = await served.token('reader', 'operations:read');
  const made: string[] = [];
  for (let i = 0; i < 5; i++)
    made.push((await served.planned({ ...ASKED, reason: `no. ${i}` })).operation_id);
  const seen: string[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null; page++) {
    const query: string = `?state=pending_approval&limit=2${cursor === '' ? '' : `&cursor=${cursor}`}`;
    const { body } = await served.get(`/v1/operations${query}`, reader);
    seen.push(...body.operations.map(({ operation_id }: { operation_id: string }) => operation_id));
    cursor = body.next_cursor as string | null;
    if (page > 0) continue;
    await served.planned({ ...ASKED, reason: 'late' });
    await world.engine.cancel(made[1]!, ALICE, 'never mind');
    const other = await served.get(
      `/v1/operations?state=pending_approval&actor=alice&cursor=${cursor}`,
      reader,
    );
    assert.equal(other.body.code, 'CURSOR_INVALID');
  }
  assert.deepEqual(seen, [made[4], made[3], made[2], made[0]]);
});
