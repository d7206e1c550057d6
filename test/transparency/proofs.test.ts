/** What outsiders may ask for, and what they are refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  decodeBundle,
  decodeTile,
  leafHash,
  type Tile,
  verifyConsistency,
  verifyInclusion,
} from '@indelible/core';
import { check, NAME, openLedger, record, rejectsWith, signer } from './support.ts';

test('tiles, bundles and proofs are given for what a published checkpoint covers, and for nothing else', async (t) => {
  const ledger = await openLedger('memory:', {
    name: NAME,
    signer: signer(),
    checkpoint_interval_ms: 3_600_000,
  });
  t.after(() => ledger.close());
  const log = ledger.transparency!;
  await rejectsWith('CHECKPOINT_MISSING', () => log.proofFile(0));
  const early = await log.checkpointNow();
  await record(ledger, 598);
  const { size, root } = await log.checkpointNow();
  const [uncovered] = await record(ledger, 300);
  assert.deepEqual([log.origin, size], [NAME, 600]);

  const leaves = [
    ...decodeTile(await log.tile({ level: 0, index: 0, width: 256 }), 256),
    ...decodeTile(await log.tile({ level: 0, index: 1, width: 256 }), 256),
    ...decodeTile(await log.tile({ level: 0, index: 2, width: 88 }), 88),
  ];
  assert.equal((await log.tile({ level: 1, index: 0, width: 2 })).length, 64);
  const part = decodeTile(await log.tile({ level: 0, index: 2, width: 10 }), 10);
  assert.deepEqual(part, leaves.slice(512, 522), 'an older, narrower tile is a slice');
  const entries = [
    ...decodeBundle(await log.bundle(0, 256), 256),
    ...decodeBundle(await log.bundle(1, 256), 256),
    ...decodeBundle(await log.bundle(2, 88), 88),
  ];
  assert.deepEqual(entries.map(leafHash), leaves);

  const missing: readonly (Tile & { level: number })[] = [
    { level: 0, index: 2, width: 89 },
    { level: 0, index: 3, width: 1 },
    { level: 1, index: 0, width: 3 },
    { level: 2, index: 0, width: 1 },
  ];
  for (const tile of missing) await rejectsWith('TILE_MISSING', () => log.tile(tile));
  await rejectsWith('TILE_MISSING', () => log.bundle(2, 89));
  for (const width of [0, 257, 1.5])
    await rejectsWith('TILE_INVALID', () => log.tile({ level: 0, index: 0, width }));
  await rejectsWith('TILE_INVALID', () => log.bundle(-1, 1));

  const proof = await log.inclusionProof(100, 600);
  assert.deepEqual(verifyInclusion({ leaf: leaves[100]!, index: 100, size, root, proof }), { ok: true });
  const steps = await log.consistencyProof(early.size, size);
  const claim = { from: early.size, from_root: early.root, to: size, to_root: root, proof: steps };
  assert.deepEqual(verifyConsistency(claim), { ok: true });
  for (const work of [
    () => log.inclusionProof(600, 600),
    () => log.inclusionProof(1, 601),
    () => log.inclusionProof(-1, 600),
    () => log.consistencyProof(0, 600),
    () => log.consistencyProof(10, 601),
    () => log.consistencyProof(11, 10),
    () => log.proofFile(1.5),
  ])
    await rejectsWith('PROOF_RANGE', work);
  await rejectsWith('CHECKPOINT_MISSING', () => log.proofFile(uncovered!.seq));

  assert.equal((await log.covering(1))!.size, early.size, 'the oldest that covers it');
  assert.equal((await log.covering(2))!.size, 600);
  const sizes: number[] = [];
  for await (const one of log.history(early.size + 1)) sizes.push(one.size);
  assert.deepEqual(sizes, [600]);
  assert.equal(check(await log.proofFile(599), leaves[599]!, log.verifier_keys).index, 599);
});
