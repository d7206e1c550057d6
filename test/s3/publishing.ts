/** A log published beside its records: whole, resumable, and enough by itself to be verified. */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  decodeBundle,
  decodeTile,
  formatNote,
  formatVerifierKey,
  leafHash,
  merkleRoot,
  parseNote,
  signText,
} from '@indelible/core';
import { openLedger } from '../../packages/indelible/src/compose/open-ledger.ts';
import { openStore as openLedgerStore } from '../../packages/indelible/src/compose/open-store.ts';
import { openPublication } from '../../packages/indelible/src/compose/publication.ts';
import { openStoredProofs } from '../../packages/indelible/src/compose/verification.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { publishLog } from '../../packages/indelible/src/transparency/publish-log.ts';
import { verifyLedger } from '../../packages/indelible/src/verification/verify-ledger.ts';
import { NAME, record, signer } from '../transparency/support.ts';
import { type Buckets, Hand, lockedUrl, newPrefix, openStore, rejectsWith } from './support.ts';

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'indelible-s3-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** What somebody finds who has the bucket alone. */
async function verifyFromBucket(address: string, local: string, keys: readonly string[]) {
  const url = `${address}&local=${join(local, 'elsewhere')}`;
  const store = await openLedgerStore(url, { read_only: true });
  const stored = await openStoredProofs(url);
  try {
    return (await verifyLedger({ store, stored, trust: { keys }, workers: 0 })).report;
  } finally {
    await stored?.close();
    await store.close();
  }
}

async function publish(address: string, ledger: Ledger) {
  const to = await openPublication(address);
  try {
    return await publishLog({ transparency: ledger.transparency!, to, signer: signer() });
  } finally {
    await to.close();
  }
}

export function publishing(buckets: () => Buckets): void {
  test('a log is published beside its records, goes on where it ended, and is verified from the bucket alone', async (t) => {
    const prefix = newPrefix();
    const address = lockedUrl(buckets(), prefix, { lock: 'governance' });
    const local = await folder(t);
    const ledger = await openLedger(`${address}&local=${join(local, 'here')}`, {
      name: NAME,
      signer: signer(),
    });
    await record(ledger, 298);
    await ledger.transparency!.checkpointNow();
    const first = await publish(address, ledger);
    assert.deepEqual(
      [first.from, first.checkpoint.size, first.files_written, first.files_kept],
      [0, 300, 5, 0],
    );
    const again = await publish(address, ledger);
    assert.deepEqual([again.from, again.files_written], [300, 0]);
    await record(ledger, 250);
    await ledger.transparency!.checkpointNow();
    const second = await publish(address, ledger);
    assert.deepEqual([second.from, second.checkpoint.size, second.files_written], [300, 550, 5]);
    const keys = ledger.transparency!.verifier_keys;
    await ledger.close();

    const to = await openPublication(address);
    const bytes = async (path: string) => (await to.read(path))!;
    const names = ['000', '001', '002.p/38'];
    const widths = [256, 256, 38];
    const leaves = [];
    for (const [i, name] of names.entries()) {
      const hashes = decodeTile(await bytes(`tile/0/${name}`), widths[i]!);
      assert.deepEqual(decodeBundle(await bytes(`tile/entries/${name}`), widths[i]!).map(leafHash), hashes);
      leaves.push(...hashes);
    }
    assert.equal(merkleRoot(leaves), second.checkpoint.root);
    await to.close();

    const report = await verifyFromBucket(address, local, keys);
    assert.deepEqual(
      [report.ok, report.graded.grade, report.graded.signed.size],
      [true, 'signed', 550],
      report.detail,
    );
    assert.equal(report.proofs?.checkpoints, 2);
    assert.ok((report.proofs?.tree?.checked ?? 0) >= 550);
    assert.deepEqual(report.store_notes, []);

    const hand = new Hand(buckets().client, buckets().locked);
    const tile = (await hand.versions(`${prefix}/tile/0/000`))[0]!;
    await hand.put(tile.key, 'forged');
    await hand.delete(`${prefix}/checkpoint`);
    const attempted = await verifyFromBucket(address, local, keys);
    assert.deepEqual(attempted.store_notes.map(({ code }) => code).sort(), [
      'delete_attempted',
      'overwrite_attempted',
    ]);
    assert.deepEqual([attempted.ok, attempted.graded.signed.size], [true, 550], attempted.detail);
    assert.equal(await hand.delete(tile.key, tile.version), true);
    const damaged = await verifyFromBucket(address, local, keys);
    assert.deepEqual([damaged.ok, damaged.damage], [false, 'tree_mismatch'], damaged.detail);

    // A batch that was swapped for another of the same name and bytes is not the one that was signed for.
    const [batch] = await hand.versions(`${prefix}/log/`);
    await hand.put(batch!.key, await hand.text(batch!.key));
    assert.equal(await hand.delete(batch!.key, batch!.version), true);
    const swapped = await verifyFromBucket(address, local, keys);
    assert.match(
      swapped.findings.map(({ detail }) => detail).join('\n'),
      /manifests\/0000000000000300 states \d+ objects for the records from 0 to 299/,
    );
  });

  test('a manifest counts under the key that the verifier was given, whatever is published beside it', async (t) => {
    const prefix = newPrefix();
    const address = lockedUrl(buckets(), prefix, { lock: 'governance' });
    const local = await folder(t);
    const ledger = await openLedger(`${address}&local=${join(local, 'here')}`, {
      name: NAME,
      signer: signer(),
    });
    await record(ledger, 20);
    await ledger.transparency!.checkpointNow();
    await publish(address, ledger);
    const [own] = ledger.transparency!.verifier_keys;
    await ledger.close();
    const notes = async (store_keys?: readonly string[]) => {
      const store = await openStore(address, { read_only: true });
      try {
        return (await store.inspect(store_keys)).map(({ detail }) => detail);
      } finally {
        await store.close();
      }
    };
    assert.deepEqual([await notes(), await notes([own!])], [[], []]);

    // Somebody who may pass by retention puts a manifest in its place that says what they like, and their key beside it.
    const hand = new Hand(buckets().client, buckets().locked);
    const [manifest] = await hand.versions(`${prefix}/manifests/`);
    const theirs = signer(9);
    const { text } = parseNote(Buffer.from(await hand.text(manifest!.key)));
    const forged = text.replace(/"count":\d+/, '"count":1');
    assert.equal(await hand.delete(manifest!.key, manifest!.version), true);
    await hand.put(manifest!.key, formatNote({ text: forged, signatures: [await signText(forged, theirs)] }));
    await hand.put(`${prefix}/log.vkey`, `${formatVerifierKey(theirs.key)}\n`);
    const under_theirs = await notes();
    assert.ok(
      under_theirs.some((detail) => /manifests\/\d+ states 1 objects for the records/.test(detail)),
      `what is published shows no more than that the place agrees with itself: ${under_theirs}`,
    );
    // With its own keys, or those that the log announces, a verifier does not listen to it.
    for (const keys of [[own!], []]) {
      const report = await verifyFromBucket(address, local, keys);
      assert.equal(report.ok, true, report.detail);
      assert.match(
        report.store_notes.map(({ detail }) => detail).join('\n'),
        /manifests\/\d+ is not signed with a key that is believed; it does not count/,
      );
    }
  });

  test('what is published is not mixed with another log, or another history of this one', async () => {
    const address = lockedUrl(buckets(), newPrefix());
    const other = async (name: string, count: number): Promise<Ledger> => {
      const ledger = await openLedger('memory:', { name, signer: signer(1, name) });
      await record(ledger, count);
      await ledger.transparency!.checkpointNow();
      return ledger;
    };
    const ledgers = [
      await other(NAME, 9),
      await other('other.example', 9),
      await other(NAME, 9),
      await other(NAME, 3),
    ];
    await publish(address, ledgers[0]!);
    await rejectsWith('CHECKPOINT_OTHER_LOG', () => publish(address, ledgers[1]!));
    await rejectsWith('CHECKPOINT_FORK', () => publish(address, ledgers[2]!));
    await rejectsWith('CHECKPOINT_FORK', () => publish(address, ledgers[3]!));
    for (const ledger of ledgers) await ledger.close();
    await rejectsWith('LEDGER_NOT_FOUND', () => openStore(address, { read_only: true }));
  });
}
