/** Copies and archives in a bucket: what is shown there for good is right, and enough to go on from. */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { copyLedger } from '../../packages/indelible/src/compose/copy-ledger.ts';
import { openArchive, openCopySource, openCopyTarget } from '../../packages/indelible/src/compose/moving.ts';
import { openStore as openLedgerStore } from '../../packages/indelible/src/compose/open-store.ts';
import { openPublication } from '../../packages/indelible/src/compose/publication.ts';
import { openStoredProofs } from '../../packages/indelible/src/compose/verification.ts';
import { Archive } from '../../packages/indelible/src/moving/archive.ts';
import { verifyLedger } from '../../packages/indelible/src/verification/verify-ledger.ts';
import { makeAt } from '../moving/support.ts';
import { signer, until } from '../transparency/support.ts';
import { type Buckets, Hand, lockedUrl, newPrefix, plainUrl, rejectsWith } from './support.ts';

const SILENT = { info() {}, warn() {}, error() {} };

async function newFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'indelible-s3-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function archiveOnce(from_url: string, to_url: string) {
  const archive = await openArchive({ from_url, to_url, log: SILENT, signerFor: async () => signer() });
  try {
    return await archive.once();
  } finally {
    await archive.close();
  }
}

/** What somebody finds at a URL. */
async function verified(url: string) {
  const store = await openLedgerStore(url, { read_only: true });
  const stored = await openStoredProofs(url);
  try {
    return (await verifyLedger({ store, stored, workers: 0 })).report;
  } finally {
    await stored?.close();
    await store.close();
  }
}

/** Another bit in the hash of record 1. */
async function flip(level_0: string): Promise<void> {
  const bytes = await readFile(level_0);
  bytes[40]! ^= 1;
  await writeFile(level_0, bytes);
}

export function archives(buckets: () => Buckets): void {
  test('one wrong byte in the tree of the log is not shown under lock', async (t) => {
    const folder = await newFolder(t);
    const from = `sqlite:${join(folder, 'from.db')}`;
    await makeAt(from, 300, { signer: signer() });
    await flip(join(folder, 'from.db.tree', 'level-0'));
    const address = lockedUrl(buckets(), newPrefix());
    const status = await archiveOnce(from, `${address}&local=${join(folder, 'local')}`);
    assert.equal(status.checkpoint_size, status.size);
    const report = await verified(`${address}&local=${join(folder, 'elsewhere')}`);
    assert.deepEqual([report.ok, report.graded.signed.size], [true, status.size], report.detail);
  });

  test('two archives that share a folder of this machine are told so before anything is written', async (t) => {
    const folder = await newFolder(t);
    const local = `&local=${join(folder, 'local')}`;
    const [first, second] = [lockedUrl(buckets(), newPrefix()), lockedUrl(buckets(), newPrefix())];
    for (const [name, address] of [
      ['acme.example/one', first],
      ['acme.example/two', second],
    ] as const) {
      const from = `sqlite:${join(folder, `${name.slice(-3)}.db`)}`;
      await makeAt(from, 20, { name, signer: signer(1, name) });
      if (address === first) await archiveOnce(from, address + local);
      else await rejectsWith('CHECKPOINT_OTHER_LOG', () => archiveOnce(from, address + local));
    }
    const elsewhere = `&local=${join(folder, 'elsewhere')}`;
    assert.equal((await verified(first + elsewhere)).graded.grade, 'signed');
    await rejectsWith('LEDGER_NOT_FOUND', () => verified(second + elsewhere));
  });

  test('a copy is shown after it was read again', async (t) => {
    const folder = await newFolder(t);
    const from = `sqlite:${join(folder, 'from.db')}`;
    await makeAt(from, 20, { signer: signer() });
    const prefix = newPrefix();
    const address = plainUrl(buckets(), prefix);
    const to = `${address}&local=${join(folder, 'local')}`;
    const published = async (): Promise<string> => {
      const place = await openPublication(address);
      try {
        return Buffer.from((await place.read('checkpoint'))!).toString();
      } finally {
        await place.close();
      }
    };
    await copyLedger(from, to);
    const before = await published();
    const hand = new Hand(buckets().client, buckets().plain);
    const [batch] = await hand.versions(`${prefix}/log/`);
    const [text, metadata] = [await hand.text(batch!.key), await hand.metadata(batch!.key)];
    await hand.put(batch!.key, text.replace('load.step', 'load.stop'), metadata);
    await makeAt(from, 20, { signer: signer() });
    await rejectsWith('COPY_DIFFERS', () => copyLedger(from, to));
    assert.equal(await published(), before);
  });

  test('what was signed comes back out of the bucket, on a machine that has nothing else of it', async (t) => {
    const folder = await newFolder(t);
    const from = `sqlite:${join(folder, 'from.db')}`;
    const address = lockedUrl(buckets(), newPrefix());
    const [here, there] = ['here', 'there'].map((name) => `${address}&local=${join(folder, name)}`);
    const sizes: number[] = [];
    for (const count of [300, 20]) {
      await makeAt(from, count, { signer: signer() });
      sizes.push((await archiveOnce(from, here!)).checkpoint_size);
    }
    const back = `sqlite:${join(folder, 'back.db')}`;
    const copied = await copyLedger(there!, back);
    assert.deepEqual([copied.checkpoints, copied.checkpoint_size], [2, sizes[1]]);
    assert.equal(copied.report?.graded.grade, 'signed', copied.report?.detail);

    // A folder that is left from earlier knows less than the bucket, and what it knows goes with the copy.
    const earlier = `sqlite:${join(folder, 'earlier.db')}`;
    await copyLedger(there!, `${lockedUrl(buckets(), newPrefix())}&local=${join(folder, 'left')}`);
    await makeAt(from, 20, { signer: signer() });
    const { checkpoint_size } = await archiveOnce(from, here!);
    const later = await copyLedger(`${address}&local=${join(folder, 'left')}`, earlier);
    assert.deepEqual([later.checkpoints, later.checkpoint_size], [3, checkpoint_size]);
    assert.equal(later.report?.graded.signed.size, checkpoint_size);
  });

  test('an archive follows what is published in the bucket that it archives', async (t) => {
    const folder = await newFolder(t);
    const from = `sqlite:${join(folder, 'from.db')}`;
    const address = lockedUrl(buckets(), newPrefix());
    const [here, there] = ['here', 'there'].map((name) => `${address}&local=${join(folder, name)}`);
    await makeAt(from, 20, { signer: signer() });
    await archiveOnce(from, here!);
    const pause = () => new Promise<void>(setImmediate);
    const source = await openCopySource(there!);
    const to = `sqlite:${join(folder, 'to.db')}`;
    const archive = new Archive({ from: source, openTarget: () => openCopyTarget(to), log: SILENT, pause });
    t.after(async () => {
      await archive.close();
      await source.close();
    });
    archive.start();
    await until('the first checkpoint is there', () => archive.status.checkpoint_size > 0);
    await makeAt(from, 20, { signer: signer() });
    const { checkpoint_size } = await archiveOnce(from, here!);
    await until('the second is', () => archive.status.checkpoint_size === checkpoint_size);
  });

  test('an archive below the folder of manifests of another is none of its manifests', async (t) => {
    const folder = await newFolder(t);
    const from = `sqlite:${join(folder, 'from.db')}`;
    const prefix = newPrefix();
    const [outer, inner] = [prefix, `${prefix}/manifests`].map(
      (place, i) => `${lockedUrl(buckets(), place)}&local=${join(folder, String(i))}`,
    );
    await makeAt(from, 20, { signer: signer() });
    await archiveOnce(from, outer!);
    await makeAt(from, 20, { signer: signer() });
    await archiveOnce(from, inner!);
    for (const url of [outer!, inner!]) {
      const report = await verified(url);
      assert.equal(report.verdict, 'consistent', report.detail);
    }
    const notes = (await verified(outer!)).store_notes.map(({ detail }) => detail).join('\n');
    assert.match(notes, /manifests\/ledger\.json is no manifest/);
  });
}
