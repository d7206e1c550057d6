/** Going on from where the last verification ended: never further than can be relied on, and never with a gap. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openStoredProofs, verifiedPosition } from '../../packages/indelible/src/compose/verification.ts';
import { openStore } from '../../packages/indelible/src/compose.ts';
import { verifyLedger } from '../../packages/indelible/src/verification/verify-ledger.ts';
import { folder, NAME, openLedger, record, signer } from '../transparency/support.ts';

/** A signed ledger of 2 + 598 records that was verified once. */
async function verifiedLedger(t: TestContext) {
  const dir = join(folder(t), 'log');
  const url = `file:${dir}`;
  const add = async (count: number): Promise<void> => {
    const ledger = await openLedger(url, { name: NAME, signer: signer() });
    await record(ledger, count);
    await ledger.close();
  };
  const verify = async (incremental = true) => {
    const store = await openStore(url, { read_only: true });
    const stored = await openStoredProofs(url);
    try {
      return await verifyLedger({ store, stored, position: verifiedPosition(url)!, incremental, workers: 0 });
    } finally {
      await stored?.close();
      await store.close();
    }
  };
  await add(598);
  const first = await verify();
  assert.deepEqual([first.mode, first.report.ok, first.report.graded.size], ['full', true, 600]);
  const edit = (change: (text: string) => string): void => {
    const path = join(dir, 'segments', readdirSync(join(dir, 'segments'))[0]!);
    const text = readFileSync(path, 'utf8');
    assert.notEqual(change(text), text);
    writeFileSync(path, change(text));
  };
  const position = join(dir, 'tree', 'verified.json');
  const rewrite = (change: (position: Record<string, unknown>) => object): void =>
    writeFileSync(position, JSON.stringify(change(JSON.parse(readFileSync(position, 'utf8')))));
  return { dir, add, verify, edit, rewrite, position };
}

test('only what is new is read, and the verdict reaches all of it', async (t) => {
  const { add, verify } = await verifiedLedger(t);
  await add(350);
  const { mode, report, read_again } = await verify();
  assert.deepEqual([mode, read_again, report.ok], ['incremental', null, true]);
  assert.deepEqual(
    [report.records_checked, report.graded.size, report.proofs?.verified_from],
    [350, 950, 600],
  );
  assert.deepEqual([report.graded.signed.size, report.graded.consistent.size], [950, 950]);
  assert.match(
    report.does_not_prove.join('\n'),
    /records below 600 are still as they were at .*not read again/,
  );
  const whole = await verify(false);
  assert.equal(whole.report.graded.root, report.graded.root, 'both compute the same root');
});

test('with nothing new nothing is read, and the verdict still holds', async (t) => {
  const { verify } = await verifiedLedger(t);
  const { mode, report } = await verify();
  assert.deepEqual(
    [mode, report.ok, report.records_checked, report.graded.size],
    ['incremental', true, 0, 600],
  );
});

test('pitfall 19: every step begins exactly behind the one before, in any sizes', async (t) => {
  const { add, verify } = await verifiedLedger(t);
  let size = 600;
  for (const count of [1, 255, 1, 256, 300]) {
    await add(count);
    const { mode, report } = await verify();
    size += count;
    assert.deepEqual(
      [mode, report.ok, report.records_checked, report.graded.size],
      ['incremental', true, count, size],
    );
  }
});

test('a new record that was tampered with is found', async (t) => {
  const { add, verify, edit } = await verifiedLedger(t);
  await add(50);
  edit((text) => text.replace(/"i":10(?=.*"seq":610,)/, '"i":11'));
  const { mode, report } = await verify();
  assert.deepEqual(
    [mode, report.verdict, report.damage, report.first_bad_seq],
    ['incremental', 'damaged', 'mutated', 610],
  );
});

test('an old record that was tampered with is found by a full one, and an incremental one does not claim it', async (t) => {
  const { add, verify, edit } = await verifiedLedger(t);
  await add(1);
  edit((text) => text.replace('"i":100', '"i":101'));
  const { report } = await verify();
  assert.equal(report.ok, true);
  assert.match(report.does_not_prove[0]! + report.does_not_prove[1]!, /records below 600 .* not read again/);
  assert.equal((await verify(false)).report.damage, 'mutated');
});

test('pitfall 11: a tail cut behind the position is found', async (t) => {
  const { verify, edit } = await verifiedLedger(t);
  edit((text) => `${text.split('\n').slice(0, 550).join('\n')}\n`);
  const { mode, report, read_again } = await verify();
  assert.deepEqual([mode, report.verdict, report.damage], ['full', 'damaged', 'records_missing']);
  assert.match(read_again!, /is gone/);
});

const POSITIONS: Readonly<Record<string, (position: Record<string, unknown>) => object>> = {
  'of another root': (position) => ({ ...position, root: 'ab'.repeat(32) }),
  'further than the log': (position) => ({ ...position, size: 700 }),
  'of another version': (position) => ({ ...position, version: 2 }),
  'with another last hash': (position) => {
    const chain = position.chain as { beginning: object; end: object };
    return { ...position, chain: { ...chain, end: { ...chain.end, hash: 'ab'.repeat(32) } } };
  },
  'that is no position': () => ['nothing'],
};
for (const [what, change] of Object.entries(POSITIONS)) {
  test(`a position ${what} is not gone on from`, async (t) => {
    const { verify, rewrite } = await verifiedLedger(t);
    rewrite(change);
    const { mode, report, read_again } = await verify();
    assert.deepEqual([mode, report.ok, report.records_checked], ['full', true, 600]);
    assert.notEqual(read_again, null);
  });
}

test('a position that no checkpoint covers is not gone on from', async (t) => {
  const { verify, dir } = await verifiedLedger(t);
  for (const name of ['checkpoints.db', 'checkpoints.db-wal', 'checkpoints.db-shm'])
    rmSync(join(dir, 'tree', name), { force: true });
  const { mode, report, read_again } = await verify();
  assert.equal(mode, 'full');
  assert.match(read_again!, /no checkpoint/);
  assert.deepEqual([report.verdict, report.ok], ['not_checked', false]);
});

test('what was not found sound is not gone on from', async (t) => {
  const { add, verify, edit, position } = await verifiedLedger(t);
  const before = readFileSync(position, 'utf8');
  await add(10);
  edit((text) => text.replace(/"i":3(?=.*"seq":603,)/, '"i":4'));
  assert.equal((await verify()).report.ok, false);
  assert.equal(readFileSync(position, 'utf8'), before);
});

test('a stored tree that is not the one that was verified is not gone on from', async (t) => {
  const { verify, dir } = await verifiedLedger(t);
  const level = join(dir, 'tree', 'level-1');
  writeFileSync(level, readFileSync(level).fill(0, 3, 4));
  const { mode, report, read_again } = await verify();
  assert.match(read_again!, /stored tree is not the one/);
  assert.deepEqual([mode, report.damage], ['full', 'tree_mismatch']);
});
