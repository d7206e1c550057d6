/**
 * A three-node cluster of which one node is killed and restarted, paused, or cut off under load: nothing that was
 * acknowledged is lost, the chain is intact, and appends resume.
 *
 * By default the node is a follower, and all three happen to it in turn: that takes a few seconds.
 * INDELIBLE_NATS_ROUNDS sets how many rounds hit the leader, each fault with an election of up to 10 s (.ci/run says 1).
 * Each of these has a cluster of its own: servers before 2.10.23 may leave a node behind for good that led when it was
 * paused or cut off (docs/format/store-jetstream.md), and the next fault would be the second at a time.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isIndelibleError, lineHash } from '@indelible/core';
import { openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { type NatsCluster, type NatsNode, noNats, startNats } from '../support/nats-cluster.ts';

const ROUNDS = Number(process.env.INDELIBLE_NATS_ROUNDS ?? 0);
const STREAM = 'FAULTS';
const CALLERS = 32;
/** As many more acknowledged records show that appends have resumed. */
const RESUMED = 200;

interface Fault {
  readonly name: string;
  begin(cluster: NatsCluster, node: NatsNode): Promise<void> | void;
  end(cluster: NatsCluster, node: NatsNode): Promise<void> | void;
}

const FAULTS: readonly Fault[] = [
  {
    name: 'killed',
    begin: (_, node) => node.kill(),
    end: async (cluster, node) => {
      await node.start();
      cluster.connectRoutes(node);
    },
  },
  { name: 'paused', begin: (_, node) => node.pause(), end: (_, node) => node.resume() },
  {
    name: 'cut off',
    begin: (cluster, node) => cluster.partition(node),
    end: (cluster, node) => cluster.heal(node),
  },
];

/** Callers who record without end, and what they were told. */
class Load {
  /** Hashes by number. */
  readonly acknowledged = new Map<number, string>();
  readonly failures: string[] = [];
  #going = true;
  #waiting: { readonly count: number; readonly resolve: () => void }[] = [];
  readonly #callers: Promise<void>[];

  constructor(ledger: Ledger) {
    this.#callers = Array.from({ length: CALLERS }, (_, caller) => this.#call(ledger, caller));
  }

  /** Resolves when `count` more records were acknowledged. */
  async progress(count: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push({ count: this.acknowledged.size + count, resolve });
    await Promise.race([promise, Promise.all(this.#callers)]);
  }

  async stop(): Promise<void> {
    this.#going = false;
    await Promise.all(this.#callers);
  }

  async #call(ledger: Ledger, caller: number): Promise<void> {
    for (let i = 0; this.#going; i++) {
      try {
        const receipt = await ledger.record({ action: 'load.sent', data: { caller, i } });
        assert.ok(!this.acknowledged.has(receipt.seq), `record ${receipt.seq} was acknowledged twice`);
        this.acknowledged.set(receipt.seq, receipt.hash);
      } catch (error) {
        if (!isIndelibleError(error, 'STORE_UNAVAILABLE')) throw error;
        this.failures.push(error.message);
      }
      this.#waiting = this.#waiting.filter(({ count, resolve }) => {
        if (this.acknowledged.size < count) return true;
        resolve();
        return false;
      });
    }
  }
}

const skip = noNats();

test('a follower is killed and restarted, paused, cut off, in turn', { skip }, (t) =>
  withFaults(t, 'follower', FAULTS),
);

for (let round = 1; round <= ROUNDS; round++) {
  for (const fault of FAULTS) {
    test(`round ${round}: the leader is ${fault.name}`, { skip }, (t) => withFaults(t, 'leader', [fault]));
  }
}

const once_in_full = { skip: skip || (ROUNDS === 0 && 'INDELIBLE_NATS_ROUNDS=1 does this, too') };

test('a ledger that is made while a server is known to be down waits for it', once_in_full, async (t) => {
  const cluster = await startNats({ nodes: 3 });
  t.after(() => cluster.stop());
  const leader = await cluster.metaLeader();
  const node = cluster.nodes.find((one) => one !== leader)!;
  await node.shutDown();
  assert.equal(await cluster.metaLeader(1), leader);
  let opened = false;
  const url = cluster.url('LATE');
  const opening = openStore(url).finally(() => {
    opened = true;
  });
  await assert.rejects(openStore(url, { read_only: true }), { code: 'LEDGER_NOT_FOUND' });
  assert.equal(opened, false);
  await node.start();
  cluster.connectRoutes(node);
  await assertMade(t, await opening);
});

for (const leads of [false, true]) {
  const who = leads ? 'the server that places streams' : 'another server';
  test(`a ledger is made although ${who} was killed, and has it when it is back`, once_in_full, async (t) => {
    const cluster = await startNats({ nodes: 3 });
    t.after(() => cluster.stop());
    const leader = await cluster.metaLeader();
    const node = cluster.nodes.find((one) => (one === leader) === leads)!;
    await node.kill();
    const store = await openStore(cluster.url('LATE'));
    await node.start();
    cluster.connectRoutes(node);
    await cluster.healthy();
    await assertMade(t, store);
  });
}

async function assertMade(t: TestContext, store: LogStore): Promise<void> {
  t.after(() => store.close());
  assert.deepEqual(await store.inspect(), []);
}

async function withFaults(
  t: TestContext,
  victim: 'leader' | 'follower',
  faults: readonly Fault[],
): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-cluster-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const cluster = await startNats({ nodes: 3 });
  t.after(() => cluster.stop());
  const url = `${cluster.url(STREAM)}&local=${join(folder, 'derived')}`;
  const ledger = await openLedger(url, { name: 'test.example/faults' });
  const load = new Load(ledger);
  // Also when something fails before the end: a ledger that is open keeps the process alive.
  t.after(async () => {
    await load.stop();
    await ledger.close();
  });
  await load.progress(RESUMED);
  for (const fault of faults) {
    const leader = await cluster.hasLeader(STREAM);
    const node = victim === 'leader' ? leader : cluster.nodes.find((one) => one !== leader)!;
    const began = performance.now();
    await fault.begin(cluster, node);
    if (victim === 'leader') await cluster.leadershipLeaves(STREAM, node);
    await load.progress(RESUMED);
    const resumed = performance.now();
    await fault.end(cluster, node);
    await load.progress(RESUMED);
    if (fault !== faults.at(-1)) await cluster.healthy();
    const [before, after] = [resumed - began, performance.now() - resumed].map(Math.round);
    t.diagnostic(
      `the ${victim} ${fault.name}: appends resumed after ${before} ms; over, after ${after} ms more`,
    );
  }
  await load.stop();
  await ledger.caughtUp();
  await ledger.close();
  await assertKept(t, url, load);
}

async function assertKept(t: TestContext, url: string, { acknowledged, failures }: Load): Promise<void> {
  const store = await openStore(url, { read_only: true });
  t.after(() => store.close());
  const found = await store.get([...acknowledged.keys()]);
  const stored = new Map(found.map(({ seq, line }) => [seq, lineHash(line, 0)]));
  for (const [seq, hash] of acknowledged) assert.equal(stored.get(seq), hash, `acknowledged record ${seq}`);
  const report = await verifyLog({ store, workers: 0 });
  assert.equal(report.ok, true, report.detail);
  const why = [...new Set(failures)].join('; ');
  t.diagnostic(
    `${acknowledged.size} acknowledged, ${report.records_checked} in the log, ${failures.length} refused ${why}`,
  );
}
