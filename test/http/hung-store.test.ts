/** Health, readiness and metrics while a store keeps silent: whoever asks whether a server lives must not wait for its store. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { HEALTH_WAIT_MS } from '../../packages/indelible/src/http/ask-soon.ts';
import { archiveState, outboxState } from '../../packages/indelible/src/http/following-state.ts';
import type { OutboxShown } from '../../packages/indelible/src/http/options.ts';
import { createServer } from '../../packages/indelible/src/http/server.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openTestLedger, startRig } from './support.ts';

/** Only an answer that waits for the store meets this bound. */
const STUCK = { timeout: 30_000 };
const silent = () => new Promise<never>(() => {});

test(
  'while a store keeps silent: alive, not ready, and measured, all soon; it is asked once at a time',
  STUCK,
  async (t) => {
    const store = openMemoryStore();
    const rig = await startRig(t, { store, metrics_access: 'open' });
    await rig.token();
    await rig.ledger.caughtUp();
    const head = store.head;
    const { promise: back, resolve: comeBack } = Promise.withResolvers<void>();
    let asked = 0;
    store.head = async () => {
      asked++;
      await back;
      return head.call(store);
    };
    t.after(() => comeBack());
    const [health, ready, metrics] = await Promise.all(
      ['/healthz', '/readyz', '/metrics', '/readyz'].map((path) => rig.call(path, null)),
    );
    assert.equal(asked, 1);
    assert.equal(health!.status, 200);
    const { ledgers } = (await health!.json()) as { ledgers: { index_lag: number | null }[] };
    assert.equal(ledgers[0]!.index_lag, null, 'what is not known is not said');
    assert.equal(ready!.status, 503);
    assert.deepEqual(await ready!.json(), {
      ready: false,
      ledgers: [
        { ledger: 'test/home', ready: false, fault: 'STORE_UNAVAILABLE', head_seq: null, index_lag: null },
      ],
    });
    const text = await metrics!.text();
    assert.match(text, /^indelible_store_fault\{ledger="test\/home"\} 0$/m);
    assert.match(text, /^indelible_store_answers\{ledger="test\/home"\} 0$/m);
    assert.doesNotMatch(text, /^indelible_index_lag_records\{/m);

    comeBack();
    assert.equal((await rig.call('/readyz', null)).status, 200, 'ready as soon as it answers');
    assert.match(await (await rig.call('/metrics', null)).text(), /^indelible_store_answers\{.*\} 1$/m);
  },
);

test('nor do archives and outboxes that keep silent hold up health', STUCK, async () => {
  const error = { code: 'STORE_UNAVAILABLE', message: '' };
  const status = { size: 3, checkpoint_size: 2, last_archived_at: null, failing_since: 0, error };
  const archive = await archiveState({ status, lag: silent });
  assert.deepEqual(
    [archive!.ok, archive!.size, archive!.lag_records, archive!.lag_s],
    [false, 3, null, null],
  );
  const sealing = { is_leader: true, sealed: 1, refused: 0, fault: null } as OutboxShown['status'];
  const outbox = await outboxState({ status: sealing, lag: silent });
  assert.deepEqual([outbox!.is_leader, outbox!.waiting], [true, null]);
});

test('what health asks for it asks at once: who keeps silent is waited for once', STUCK, async (t) => {
  const store = openMemoryStore();
  const ledger = await openTestLedger('test/home', store);
  await ledger.caughtUp();
  const asked = new Set<string>();
  const never = (what: string) => () => {
    asked.add(what);
    return silent();
  };
  const sealing = { is_leader: true, sealed: 1, refused: 0, fault: null } as OutboxShown['status'];
  const outboxes = new Map([['test/home', { status: sealing, lag: never('outbox') }]]);
  const server = await createServer({ ledgers: new Map([['test/home', ledger]]), outboxes });
  const { head } = store;
  store.head = never('head');
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const answer = server.app.inject({ url: '/healthz' });
  // No time passes meanwhile.
  while (asked.size < 2) await turn();
  t.mock.timers.tick(HEALTH_WAIT_MS);
  assert.equal((await answer).statusCode, 200);
  t.mock.timers.reset();
  store.head = head;
  await server.close();
  await ledger.close();
});
