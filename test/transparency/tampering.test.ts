/** What was signed is compared with what is there before anything more is signed. */
import assert from 'node:assert/strict';
import {
  copyFileSync,
  cpSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { check, folder, NAME, openLedger, record, rejectsWith, signer, until } from './support.ts';

/** A ledger of 2 + 598 records whose last checkpoint covers all of them. */
async function made(t: TestContext, records = 598): Promise<{ dir: string; url: string; tree: string }> {
  const dir = join(folder(t), 'ledger');
  const url = `file:${dir}`;
  const ledger = await openLedger(url, { name: NAME, signer: signer() });
  await record(ledger, records);
  await ledger.close();
  return { dir, url, tree: join(dir, 'tree') };
}

function flip(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

/** Opens it, records something, tries to sign; returns the code of the fault, or null. */
async function fault(url: string): Promise<{ code: string | null; message: string; warned: string[] }> {
  const warned: string[] = [];
  const log = { info() {}, warn: (_: unknown, message: string) => warned.push(message), error() {} };
  const ledger = await openLedger(url, { signer: signer(), log });
  try {
    const [receipt] = await record(ledger, 1);
    assert.ok(receipt, 'recording goes on');
    const before = ledger.transparency!.signed_size;
    const failed = await ledger.transparency!.checkpointNow().then(
      () => null,
      (error: Error & { code: string }) => error,
    );
    if (failed !== null) assert.equal(ledger.transparency!.signed_size, before, 'nothing was signed');
    else check(await ledger.proof(receipt), receipt.hash, ledger.transparency!.verifier_keys);
    assert.equal(ledger.stats.checkpoints!.fault?.code ?? null, failed?.code ?? null);
    return { code: failed?.code ?? null, message: failed?.message ?? '', warned };
  } finally {
    await ledger.close();
  }
}

test('an untouched ledger goes on', async (t) => {
  const { url } = await made(t);
  assert.deepEqual(await fault(url), { code: null, message: '', warned: [] });
});

const TREES: Readonly<Record<string, (tree: string) => void>> = {
  removed: (tree) => rmSync(join(tree, 'level-0')),
  'cut short': (tree) => truncateSync(join(tree, 'level-0'), 32 * 400),
  'cut within a hash': (tree) => truncateSync(join(tree, 'level-1'), 40),
  'changed in its partial tile': (tree) => flip(join(tree, 'level-0'), 32 * 590),
  'changed above': (tree) => flip(join(tree, 'level-1'), 3),
};
for (const [how, change] of Object.entries(TREES)) {
  test(`a stored tree that is ${how} is found before signing, and built again from the log`, async (t) => {
    const { url, tree } = await made(t);
    change(tree);
    const { code, warned } = await fault(url);
    assert.equal(code, null);
    assert.match(warned.join(), /built again from the log/);
    assert.deepEqual((await fault(url)).warned, [], 'it was made good');
  });
}

test('a full tile changed in the middle of the tree: no proof over it is given out', async (t) => {
  const { url, tree } = await made(t);
  flip(join(tree, 'level-0'), 32 * 100);
  const ledger = await openLedger(url, { read_only: true });
  await rejectsWith('TREE_DAMAGED', () => ledger.transparency!.proofFile(100));
  await rejectsWith('TREE_DAMAGED', () => ledger.transparency!.proofFile(101));
  await ledger.transparency!.proofFile(300);
  await ledger.close();
});

test('leftovers behind the checkpoint, as a crash may leave them, are written over', async (t) => {
  const { url, tree } = await made(t);
  const level = join(tree, 'level-0');
  writeFileSync(level, Buffer.concat([readFileSync(level), Buffer.alloc(32 * 50 + 7, 0xee)]));
  const level_1 = join(tree, 'level-1');
  writeFileSync(level_1, Buffer.concat([readFileSync(level_1), Buffer.alloc(32, 0xee)]));
  assert.deepEqual(await fault(url), { code: null, message: '', warned: [] });
  const ledger = await openLedger(url, { signer: signer() });
  const receipts = await record(ledger, 300);
  await ledger.transparency!.checkpointNow();
  check(
    await ledger.transparency!.proofFile(700),
    receipts.find(({ seq }) => seq === 700)!.hash,
    ledger.transparency!.verifier_keys,
  );
  await ledger.close();
});

test('pitfall 11: a log whose tail was cut is a fork; recording goes on, nothing is signed', async (t) => {
  const { url, dir } = await made(t);
  const segments = join(dir, 'segments');
  const [name] = readdirSync(segments);
  const lines = readFileSync(join(segments, name!), 'utf8').trimEnd().split('\n');
  writeFileSync(join(segments, name!), `${lines.slice(0, 500).join('\n')}\n`);
  const { code, message } = await fault(url);
  assert.equal(code, 'CHECKPOINT_FORK');
  assert.match(message, /500 records, but a checkpoint over 600/);
});

for (const records of [598, 510]) {
  test(`a log written anew behind the same tree is a fork, ${records + 2} records`, async (t) => {
    const { url, dir, tree } = await made(t, records);
    const other = join(folder(t), 'other');
    const rewritten = await openLedger(`file:${other}`, { name: NAME, signer: signer() });
    await record(rewritten, records + 20);
    await rewritten.close();
    cpSync(tree, join(other, 'tree'), { recursive: true });
    assert.equal((await fault(`file:${other}`)).code, 'CHECKPOINT_FORK');
    assert.equal((await fault(url)).code, null, `${dir} itself is as it was`);
  });
}

test('an older copy of the history of checkpoints: signing goes on from there', async (t) => {
  const { url, tree } = await made(t);
  copyFileSync(join(tree, 'checkpoints.db'), join(tree, 'copy'));
  assert.equal((await fault(url)).code, null);
  copyFileSync(join(tree, 'copy'), join(tree, 'checkpoints.db'));
  rmSync(join(tree, 'checkpoints.db-wal'), { force: true });
  rmSync(join(tree, 'checkpoints.db-shm'), { force: true });
  assert.deepEqual(await fault(url), { code: null, message: '', warned: [] });
});

test('without its folder a tree is built from the log, and the key is not announced again', async (t) => {
  const { url, tree } = await made(t);
  rmSync(tree, { recursive: true });
  const ledger = await openLedger(url, { signer: signer() });
  assert.equal((await ledger.head())!.seq, 599);
  assert.equal((await ledger.transparency!.checkpointNow()).size, 600);
  await ledger.close();
});

test('what a crash took from the tree since it was last synced is hashed again from the log', async (t) => {
  const { url, dir } = await made(t);
  const ledger = await openLedger(url, { signer: signer() });
  t.after(() => ledger.close());
  await record(ledger, 300);
  await ledger.transparency!.checkpointNow();
  const after = join(folder(t), 'after');
  cpSync(dir, after, { recursive: true });
  const level = join(after, 'tree', 'level-0');
  const whole = readFileSync(level);
  // Within a full tile, whose root in the level above the crash left alone.
  writeFileSync(level, Buffer.from(whole).fill(0, 32 * 700, 32 * 720));
  assert.deepEqual(await fault(`file:${after}`), { code: null, message: '', warned: [] });
  assert.deepEqual(readFileSync(level).subarray(0, whole.length), whole);
});

test('a truncation waits until the tree over what goes is signed and synced: a crash then loses nothing', async (t) => {
  const options = '?segment_bytes_max=20000&segments_max=3';
  const dir = join(folder(t), 'ledger');
  const ledger = await openLedger(`file:${dir}${options}`, { name: NAME, signer: signer() });
  t.after(() => ledger.close());
  for (let i = 0; i < 30; i++) await record(ledger, 10);
  await until('something was evicted', async () => (await ledger.store.firstSeq()) > 100);
  const after = join(folder(t), 'after');
  cpSync(dir, after, { recursive: true });
  assert.deepEqual(await fault(`file:${after}${options}`), { code: null, message: '', warned: [] });
});
