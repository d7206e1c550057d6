/** signing-key: the key that signs checkpoints is made, shown and changed. */
import assert from 'node:assert/strict';
import { copyFile, mkdir, readFile, rename, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { test } from 'node:test';
import { parseNote } from '@indelible/core';
import { makeHere } from './run-here.ts';

const seedOf = (byte: number): string => Buffer.alloc(32, byte).toString('base64');

test('signing-key new begins checkpoints, once; show tells whether this user can sign', async (t) => {
  const here = await makeHere(t);
  await here.json(['init', '--no-signing']);
  const missing = await here.run(['signing-key', 'show']);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /SIGNER_MISSING/);
  const { vkey, path } = await here.json(['signing-key', 'new']);
  assert.equal((await stat(path)).mode & 0o777, 0o600);
  assert.equal((await here.run(['signing-key', 'new'])).code, 2);
  const stranger = await here.json(['signing-key', 'show'], { INDELIBLE_SIGNING_KEY: seedOf(2) });
  assert.deepEqual([stranger.vkey, stranger.can_sign], [vkey, false], 'the log has one active key');
  assert.match(await readFile(path, 'utf8'), /PRIVATE KEY/);
  const shown = await here.run(['signing-key', 'show', '--json']);
  const secret = (await readFile(path, 'utf8')).split('\n')[1]!;
  assert.ok(!shown.stdout.includes(secret) && !shown.stderr.includes(secret));
});

test('a key is never made inside the folder of the ledger', async (t) => {
  const here = await makeHere(t);
  await here.json(['init', '--no-signing']);
  const path = join(here.folder, 'ledger', 'sign.key');
  const refused = await here.run(['signing-key', 'new'], { INDELIBLE_SIGNING_KEY_FILE: path });
  assert.equal(refused.code, 2);
  assert.match(refused.stderr, /SIGNING_KEY_EXPOSED/);
  await assert.rejects(stat(path));
});

test('a rotation is signed by both keys, and one that was interrupted is completed', async (t) => {
  const here = await makeHere(t);
  await here.json(['init']);
  const { vkey: old } = await here.json(['signing-key', 'show']);
  const { vkey, seq, path, retired } = await here.json(['signing-key', 'rotate']);
  const { record } = await here.json(['show', String(seq)]);
  assert.deepEqual(
    [record.action, record.data.from, record.data.to],
    ['ledger.signing_key_rotated', old, vkey],
  );
  const { note, verifier_keys } = await here.json(['checkpoint']);
  assert.deepEqual(verifier_keys, [vkey, old]);
  assert.equal(parseNote(note).signatures.length, 2);
  await here.json(['record', 'a']);
  assert.equal(parseNote((await here.json(['checkpoint'])).note).signatures.length, 1);
  // As a crash behind the record would leave it.
  await rename(path, `${path}.next`);
  await copyFile(retired, path);
  const resumed = await here.json(['signing-key', 'rotate']);
  assert.deepEqual([resumed.vkey, resumed.seq], [vkey, null]);
  assert.equal((await here.json(['signing-key', 'show'])).can_sign, true);
});

test('the environment and a command sign too', async (t) => {
  const here = await makeHere(t);
  await here.json(['init', '--no-signing']);
  const env = { INDELIBLE_SIGNING_KEY: seedOf(3) };
  await here.json(['checkpoint', '--now'], env);
  const { vkey, path } = await here.json(['signing-key', 'show'], env);
  assert.equal(path, null);
  assert.equal((await here.run(['signing-key', 'rotate'], env)).code, 2);

  const script = join(here.folder, 'device', 'sign.mjs');
  await mkdir(dirname(script));
  await writeFile(
    script,
    `import { createPrivateKey, sign } from 'node:crypto'; import { readFileSync } from 'node:fs';
     const der = Buffer.concat([Buffer.from('302e020100300506032b657004220420', 'hex'), Buffer.alloc(32, 3)]);
     const key = createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
     process.stdout.write(sign(null, readFileSync(0), key).toString('base64'));`,
  );
  const { seq } = await here.json(['record', 'a']);
  const command = ['--signing-command', `${process.execPath} ${script}`, '--signing-vkey', vkey];
  const { size } = await here.json(['checkpoint', '--now', ...command]);
  assert.equal(size, seq + 1);
  for (const wrong of [command.slice(0, 2), ['--signing-command', "sh -c 'x'", '--signing-vkey', vkey]])
    assert.equal((await here.run(['checkpoint', '--now', ...wrong])).code, 2);
  const failing = ['--signing-command', 'false', '--signing-vkey', vkey];
  await here.json(['record', 'b']);
  const failed = await here.run(['checkpoint', '--now', ...failing]);
  assert.equal(failed.code, 3);
  assert.match(failed.stderr, /SIGNER_FAILED/);
});
