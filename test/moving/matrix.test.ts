/**
 * Every kind of store to every kind: the same bytes, attachments and checkpoints, on real servers. The copy goes on as a
 * ledger in its own right.
 *
 * By default each kind is copied from once and to once; INDELIBLE_PAIRS=all copies between all of them.
 */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { openBucketAttachments } from '../../packages/indelible/src/attachments/bucket.ts';
import { runAttachmentConformance } from '../../packages/indelible/src/attachments/conformance.ts';
import { openArchive } from '../../packages/indelible/src/compose/moving.ts';
import { openPublication } from '../../packages/indelible/src/compose/publication.ts';
import { openStoredProofs } from '../../packages/indelible/src/compose/verification.ts';
import { openAttachments, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import { queryRecords } from '../../packages/indelible/src/evidence/query.ts';
import { manifestPath } from '../../packages/indelible/src/stores/s3/layout.ts';
import { verifyLedger } from '../../packages/indelible/src/verification/verify-ledger.ts';
import { Databases } from '../postgres/support.ts';
import { type Buckets, Hand, lockedUrl, makeBuckets, newPrefix, plainUrl } from '../s3/support.ts';
import { type NatsCluster, noNats, startNats } from '../support/nats-cluster.ts';
import { noPostgres } from '../support/postgres.ts';
import { noS3Server, type S3TestServer, startS3Server } from '../support/s3-server.ts';
import { rejectsWith, signer } from '../transparency/support.ts';
import { assertSameBytes, copyBetween, fill, makeAt, NAME, newFolder, openAt } from './support.ts';

const SCHEMES = ['file', 'sqlite', 'postgres', 's3', 'nats'] as const;
type Scheme = (typeof SCHEMES)[number];
const MISSING: Partial<Record<Scheme, string | false>> = {
  postgres: noPostgres(),
  s3: noS3Server(),
  nats: noNats(),
};

const ALL = process.env.INDELIBLE_PAIRS === 'all';
/** Each kind to the next. */
const RING: readonly Scheme[] = ['file', 'postgres', 's3', 'nats', 'sqlite', 'file'];

function skipped(from: Scheme, to: Scheme): string | false {
  const missing = MISSING[from] || MISSING[to] || false;
  if (missing !== false || ALL || RING[RING.indexOf(from) + 1] === to) return missing;
  return 'INDELIBLE_PAIRS=all copies between these, too';
}

let folder = '';
let databases: Databases | null = null;
let s3: { readonly server: S3TestServer; readonly buckets: Buckets } | null = null;
let nats: NatsCluster | null = null;
let places = 0;
const sources = new Map<Scheme, string>();

/** A place where nothing is. */
async function newPlace(scheme: Scheme): Promise<string> {
  const name = `place-${++places}`;
  const local = `local=${join(folder, name)}`;
  switch (scheme) {
    case 'file':
    case 'sqlite':
      return `${scheme}:${join(folder, name)}`;
    case 'postgres':
      return `${databases!.url(await databases!.create(), NAME)}&${local}`;
    case 's3':
      return `${lockedUrl(s3!.buckets, newPrefix())}&${local}`;
    case 'nats': {
      const url = nats!.url(name);
      return `${url}${url.includes('?') ? '&' : '?'}${local}`;
    }
  }
}

const removals: (() => Promise<void>)[] = [];
before(async () => {
  folder = await newFolder({ after: (work) => void removals.push(work) });
  await Promise.all([
    (async () => {
      if (MISSING.postgres === false) databases = await Databases.start([NAME]);
    })(),
    (async () => {
      if (MISSING.s3 !== false) return;
      const server = await startS3Server();
      s3 = { server, buckets: await makeBuckets(server) };
    })(),
    (async () => {
      if (MISSING.nats === false) nats = await startNats();
    })(),
  ]);
  for (const scheme of SCHEMES) {
    if (typeof MISSING[scheme] === 'string') continue;
    const url = await newPlace(scheme);
    await makeAt(url, 300, { signer: signer() });
    sources.set(scheme, url);
  }
});

after(async () => {
  s3?.buckets.client.destroy();
  s3?.server.stop();
  await databases?.stop();
  await nats?.stop();
  for (const remove of removals) await remove();
});

/** What `verify` says of a ledger by its URL. */
async function verdictOf(url: string) {
  const store = await openStore(url, { read_only: true });
  const attachments = openAttachments(url, { read_only: true });
  const stored = await openStoredProofs(url);
  try {
    return (await verifyLedger({ store, attachments, stored })).report;
  } finally {
    await stored?.close();
    await attachments.close();
    await store.close();
  }
}

for (const from_scheme of SCHEMES) {
  for (const to_scheme of SCHEMES) {
    const skip = skipped(from_scheme, to_scheme);
    test(`${from_scheme} to ${to_scheme}`, { skip }, async () => {
      const from = sources.get(from_scheme)!;
      const to = await newPlace(to_scheme);
      const first = await copyBetween(from, to);
      assert.equal(first.copied, first.records);
      assert.ok(first.attachments >= 1);
      await assertSameBytes(from, to);
      const again = await copyBetween(from, to);
      assert.deepEqual([again.copied, again.root], [0, first.root]);

      const copy = await openAt(to, { signer: signer() });
      assert.equal(copy.transparency!.fault, null);
      await fill(copy, 20);
      await copy.close();
      const { graded, records_checked } = await verdictOf(to);
      assert.deepEqual([graded.grade, records_checked], ['signed', first.records + 20]);
      assert.equal(graded.checkpoint?.size, first.records + 20, 'signed on to the end, without a fork');
    });
  }
}

test('an archive in a bucket is verified by itself, with nothing on this machine', {
  skip: MISSING.s3,
}, async () => {
  const from_url = await newPlace('file');
  await makeAt(from_url, 300, { signer: signer() });
  const prefix = newPrefix();
  const at = (local: string): string => `${lockedUrl(s3!.buckets, prefix)}&local=${join(folder, local)}`;
  const log = { info() {}, warn() {}, error() {} };
  const archiveOnce = async () => {
    const archive = await openArchive({ from_url, to_url: at('here'), log, signerFor: async () => signer() });
    try {
      return await archive.once();
    } finally {
      await archive.close();
    }
  };
  const first = await archiveOnce();
  assert.equal(first.checkpoint_size, first.size);
  const elsewhere = await verdictOf(at('elsewhere'));
  assert.deepEqual([elsewhere.graded.grade, elsewhere.records_checked], ['signed', first.size]);
  assert.equal(elsewhere.graded.checkpoint?.size, first.size);
  assert.ok(!existsSync(join(folder, 'elsewhere')), 'verifying left nothing behind');
  await makeAt(from_url, 10, { signer: signer() });
  const { size } = await archiveOnce();
  assert.equal(size, first.size! + 10);
  const { graded } = await verdictOf(at('elsewhere'));
  assert.deepEqual([graded.grade, graded.checkpoint?.size], ['signed', size]);
  const files = await openPublication(at('here'));
  assert.match(Buffer.from((await files.read(manifestPath(size!)))!).toString(), /acme\.example\/prod/);
  await files.close();
});

test('the local folder of a ledger elsewhere is new: its index is built as it opens', {
  skip: MISSING.postgres,
}, async () => {
  const url = sources.get('postgres')!.replace(/local=.*$/, `local=${join(folder, 'new-machine')}`);
  const ledger = await openLedger(url, { create: false });
  const { records } = await queryRecords(ledger, { filter: { action: 'load.step' }, limit: 1000 });
  assert.equal(records.length, 300);
  await ledger.close();
  assert.ok(existsSync(join(folder, 'new-machine', 'index.db')));
});

if (MISSING.s3 === false) {
  runAttachmentConformance(test, 'bucket', async () => {
    const url = plainUrl(s3!.buckets, newPrefix());
    return {
      lasting: true,
      open: async (options = {}) => openBucketAttachments({ url, ...options }),
      remove: async () => {},
    };
  });
}

test('attachments under lock: nothing is put twice, nothing put over one counts, none can be removed', {
  skip: MISSING.s3,
}, async () => {
  const { buckets } = s3!;
  const prefix = newPrefix();
  const attachments = openBucketAttachments({ url: lockedUrl(buckets, prefix) });
  const bytes = new TextEncoder().encode('what was recorded');
  const digest = await attachments.put(bytes);
  assert.equal(await attachments.put(bytes), digest);
  const hand = new Hand(buckets.client, buckets.locked);
  const key = `${prefix}/attachments/${digest.slice('sha-256:'.length)}`;
  assert.equal((await hand.versions(key)).length, 1);
  assert.deepEqual(await attachments.inspect(), []);

  await hand.put(key, 'what somebody would rather have recorded');
  assert.deepEqual(await attachments.get(digest), bytes);
  assert.match((await attachments.inspect())[0]!.detail, /was overwritten/);
  await hand.delete(key);
  assert.deepEqual(await attachments.get(digest), bytes);
  assert.equal(await attachments.has(digest), true);
  assert.match((await attachments.inspect())[0]!.detail, /was deleted/);
  await rejectsWith('STORE_READ_ONLY', () => attachments.remove(digest));
  assert.deepEqual(await attachments.get(digest), bytes);
  await attachments.close();
});
