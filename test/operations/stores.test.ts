/** Governed writes on every store, on real servers: planned, approved, applied, taken over after a crash, undone. */
import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { openSnapshots } from '../../packages/indelible/src/compose/beside.ts';
import { Databases } from '../postgres/support.ts';
import { type Buckets, makeBuckets, newPrefix, plainUrl } from '../s3/support.ts';
import { type NatsCluster, noNats, startNats } from '../support/nats-cluster.ts';
import { noPostgres } from '../support/postgres.ts';
import { noS3Server, type S3TestServer, startS3Server } from '../support/s3-server.ts';
import { LEDGER, RUNNER, World } from './world.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-operations-'));
let databases: Databases | null = null;
let s3: { readonly server: S3TestServer; readonly buckets: Buckets } | null = null;
let nats: NatsCluster | null = null;

before(async () => {
  await Promise.all([
    (async () => {
      if (noPostgres() === false) databases = await Databases.start([LEDGER]);
    })(),
    (async () => {
      if (noS3Server() !== false) return;
      const server = await startS3Server();
      s3 = { server, buckets: await makeBuckets(server) };
    })(),
    (async () => {
      if (noNats() === false) nats = await startNats();
    })(),
  ]);
});
after(async () => {
  s3?.buckets.client.destroy();
  s3?.server.stop();
  await databases?.stop();
  await nats?.stop();
  rmSync(folder, { recursive: true, force: true });
});

const local = (): string => `local=${join(folder, randomUUID())}`;

/** Where a ledger is to be made; what is skipped has no server. */
const STORES: Readonly<Record<string, { readonly skip: string | false; place(): Promise<string> }>> = {
  memory: { skip: false, place: async () => 'memory:' },
  file: { skip: false, place: async () => `file:${join(folder, 'file')}` },
  sqlite: { skip: false, place: async () => `sqlite:${join(folder, 'ledger.db')}` },
  postgres: {
    skip: noPostgres(),
    place: async () => `${databases!.url(await databases!.create(), LEDGER)}&${local()}`,
  },
  s3: { skip: noS3Server(), place: async () => `${plainUrl(s3!.buckets, newPrefix())}&${local()}` },
  jetstream: { skip: noNats(), place: async () => `${nats!.url('operations')}&${local()}` },
};

for (const [name, { skip, place }] of Object.entries(STORES))
  test(`the whole life of operations on ${name}`, { skip }, async (t) => lifeOn(t, await place()));

async function lifeOn(t: TestContext, url: string): Promise<void> {
  const blobs = openSnapshots(url);
  t.after(() => blobs.close());
  const world = await World.open(t, { blobs }, url);
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 1 }] };
  const asked = await world.engine.plan(world.request(2));
  assert.equal((await world.vote(asked, 'bob')).state, 'approved');
  const applied = await world.engine.apply(asked.operation_id, { actor: RUNNER });
  assert.deepEqual([applied.state, world.system.state('price')!.facts.value], ['verified', 2]);

  world.policy.says = { effect: 'allow' };
  const stock = { connector: 'memory', action: 'set', params: { key: 'stock', value: 3 } };
  const left = await world.engine.plan(world.request(null, { members: [stock] }));
  const crashing = world.another({
    holder: 'crashed',
    reached: async (point) => {
      if (point === 'answered') throw new Error('the process ends here');
    },
  });
  await assert.rejects(crashing.apply(left.operation_id, { actor: RUNNER }));
  const writes = world.system.writes;
  const taking = world.another({ holder: 'second', mayBeAlive: (holder) => holder !== 'crashed' });
  const [recovered] = await taking.recover();
  assert.deepEqual([recovered?.operation_id, recovered?.state], [left.operation_id, 'verified']);
  assert.equal(world.system.writes, writes, 'what had happened does not happen again');

  const child = await taking.rollback(asked.operation_id, { requester: RUNNER, reason: 'a mistake' });
  assert.equal((await taking.apply(child.operation_id, { actor: RUNNER })).state, 'verified');
  assert.equal(world.system.state('price')!.facts.value, 1);
  const elsewhere = await world.another({ holder: 'third' }).read(asked.operation_id);
  assert.deepEqual([elsewhere.state, elsewhere.illegal], ['rolled_back', []]);
  const digest = await blobs.put(new TextEncoder().encode('a large before-image'));
  assert.equal(new TextDecoder().decode(await blobs.get(digest)), 'a large before-image');
  if (!/^(?:postgres|nats):/.test(url)) return;
  const server = openSnapshots(url.replace(/local=.*/, local()));
  t.after(() => server.close());
  assert.deepEqual(await server.get(digest), await blobs.get(digest), 'another server can undo it, too');
}
