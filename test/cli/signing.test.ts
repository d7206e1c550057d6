/** Commands that record sign checkpoints in passing, with the key that they find. */
import assert from 'node:assert/strict';
import { chmod, copyFile, cp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { type Here, makeHere } from './run-here.ts';

const seedOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64');
const signed = async (here: Here): Promise<number> => (await here.json(['checkpoint'])).size;

async function keyPath(here: Here): Promise<string> {
  return (await here.json(['signing-key', 'show'])).path;
}

test('what a command records is under a checkpoint when it ends', async (t) => {
  const here = await makeHere(t);
  await here.json(['init']);
  const { seq } = await here.json(['record', 'a']);
  assert.equal(await signed(here), seq + 1);
});

test('a key that is gone is no fault, one that cannot be used a notice: recording goes on', async (t) => {
  const here = await makeHere(t);
  await here.json(['init']);
  const path = await keyPath(here);
  const before = await signed(here);
  await rename(path, `${path}.away`);
  const gone = await here.run(['record', 'a']);
  assert.deepEqual([gone.code, gone.stderr], [0, '']);
  await copyFile(`${path}.away`, path);
  const cases: [prepare: () => Promise<void>, says: RegExp][] = [
    [() => chmod(path, 0o644), /SIGNING_KEY_EXPOSED|may be read or written by others/],
    [() => rm(path).then(() => writeFile(path, 'no key', { mode: 0o600 })), /no Ed25519 private key/],
    [() => writeFile(path, seedOf(1)), /another key; next: Use the active signing key/],
  ];
  for (const [prepare, says] of cases) {
    await prepare();
    const result = await here.run(['record', 'b']);
    assert.equal(result.code, 0, result.stderr);
    assert.match(result.stderr, says);
    assert.match(result.stdout, /^recorded \d+ /);
    assert.doesNotMatch(result.stderr, new RegExp(seedOf(1)));
  }
  assert.equal(await signed(here), before, 'nothing was signed meanwhile');
  await rename(`${path}.away`, path);
  const { seq } = await here.json(['record', 'c']);
  assert.equal(await signed(here), seq + 1);
});

test('a ledger that was never signed does not begin by itself with the key of another of its name', async (t) => {
  const here = await makeHere(t);
  await here.json(['init']);
  const other = { INDELIBLE_LEDGER: `file:${join(here.folder, 'other')}` };
  await here.json(['record', 'a'], other);
  assert.equal((await here.run(['checkpoint'], other)).code, 3);
});

test('pitfall 11: a log whose tail was cut gets no new checkpoint; recording goes on, and says so', async (t) => {
  const here = await makeHere(t);
  await here.json(['init']);
  const [ledger, older] = [join(here.folder, 'ledger'), join(here.folder, 'older')];
  await cp(join(ledger, 'segments'), older, { recursive: true });
  await here.json(['record', 'a']);
  const before = await signed(here);
  await rm(join(ledger, 'segments'), { recursive: true });
  await rename(older, join(ledger, 'segments'));
  const now = await here.run(['checkpoint', '--now']);
  assert.equal(now.code, 1, now.stderr);
  assert.match(now.stderr, /CHECKPOINT_FORK/);
  const went_on = await here.run(['record', 'b']);
  assert.equal(went_on.code, 0, went_on.stderr);
  assert.match(went_on.stderr, /no checkpoints are signed any more/);
  assert.equal(await signed(here), before);
});
