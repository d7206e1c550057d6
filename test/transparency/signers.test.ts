/** Where private keys come from, and what is refused. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ed25519Verifier, encodeBase64, formatVerifierKey, SIGNATURES, signText } from '@indelible/core';
import { openCommandSigner } from '../../packages/indelible/src/transparency/command-signer.ts';
import { signerFromEnvironment } from '../../packages/indelible/src/transparency/environment-signer.ts';
import { newPrivateKey } from '../../packages/indelible/src/transparency/private-key.ts';
import {
  defaultSigningKeyPath,
  loadOrCreateSigningKey,
  loadSigningKey,
  refuseKeyBeside,
} from '../../packages/indelible/src/transparency/signing-key-file.ts';
import { folder, NAME, rejectsWith, signer } from './support.ts';

const SEED = encodeBase64(new Uint8Array(32).fill(1));

test('a key is made once, for its owner alone, and read back', async (t) => {
  const path = join(folder(t), 'keys', 'acme.key');
  const made = loadOrCreateSigningKey(path, NAME);
  assert.equal(made.created, true);
  assert.deepEqual([statSync(path).mode & 0o777, statSync(join(path, '..')).mode & 0o777], [0o600, 0o700]);
  assert.deepEqual(readdirSync(join(path, '..')), ['acme.key'], 'no leftovers');
  const again = loadOrCreateSigningKey(path, NAME);
  assert.equal(again.created, false);
  assert.deepEqual(again.signer.key, made.signer.key);
  const { signature } = await signText('a text\n', made.signer);
  assert.ok(ed25519Verifier(made.signer.key, SIGNATURES).verify('a text\n', signature));
  assert.notDeepEqual(loadOrCreateSigningKey(`${path}2`, NAME).signer.key, made.signer.key);
});

test('a key that others may read, a link, or a folder is refused', async (t) => {
  const dir = folder(t);
  const path = join(dir, 'a.key');
  loadOrCreateSigningKey(path, NAME);
  for (const mode of [0o640, 0o604, 0o620, 0o610]) {
    chmodSync(path, mode);
    await rejectsWith('SIGNING_KEY_EXPOSED', () => loadSigningKey(path, NAME));
    await rejectsWith('SIGNING_KEY_EXPOSED', () => loadOrCreateSigningKey(path, NAME));
  }
  chmodSync(path, 0o600);
  symlinkSync(path, join(dir, 'link.key'));
  await rejectsWith('SIGNING_KEY_EXPOSED', () => loadSigningKey(join(dir, 'link.key'), NAME));
  mkdirSync(join(dir, 'folder.key'));
  await rejectsWith('SIGNING_KEY_EXPOSED', () => loadSigningKey(join(dir, 'folder.key'), NAME));
  await rejectsWith('SIGNING_KEY_INVALID', () => loadSigningKey(join(dir, 'none.key'), NAME));
  assert.equal(existsSync(join(dir, 'none.key')), false, 'reading makes no key');
});

test('PEM and seed are understood; anything else is refused without repeating it', async () => {
  const env = (text: string) => signerFromEnvironment(NAME, { INDELIBLE_SIGNING_KEY: text });
  assert.equal(signerFromEnvironment(NAME, {}), null);
  assert.equal(env(''), null);
  assert.deepEqual(env(SEED)!.key, signer(1).key);
  assert.equal(
    formatVerifierKey(env(SEED)!.key),
    'acme.example/prod+0c1daef7+AYqI4910CfGV/VLbLTy6XXLKZwm/HZQSG/N0iAG0D29c',
  );
  const pem = newPrivateKey();
  assert.deepEqual(env(pem)!.key, env(pem.replaceAll('\n', '\\n'))!.key);
  const rsa = execFileSync(process.execPath, [
    '-e',
    "console.log(require('crypto').generateKeyPairSync('ec',{namedCurve:'P-256'}).privateKey.export({format:'pem',type:'pkcs8'}))",
  ]).toString();
  for (const text of ['secret-words', SEED.slice(4), rsa, 'x'.repeat(5000), pem.replace('M', 'N')]) {
    const message = await rejectsWith('SIGNING_KEY_INVALID', () => env(text));
    assert.equal(message, 'INDELIBLE_SIGNING_KEY is no Ed25519 private key');
  }
});

test('the usual place: one file for one name, away from the ledger', () => {
  const env = { XDG_CONFIG_HOME: '/config' };
  assert.equal(defaultSigningKeyPath(NAME, env), '/config/indelible/keys/acme.example_2fprod.key');
  assert.equal(defaultSigningKeyPath('a/B', env), '/config/indelible/keys/a_2f_42.key');
  assert.match(
    defaultSigningKeyPath('local/ledger', {}),
    /\/\.config\/indelible\/keys\/local_2fledger\.key$/,
  );
  assert.equal(
    defaultSigningKeyPath(NAME, { ...env, INDELIBLE_SIGNING_KEY_FILE: '/k/one.key' }),
    '/k/one.key',
  );
});

test('a key beside its ledger is refused, also through a link; the config folder is another place', async (t) => {
  const dir = folder(t);
  const [ledger, config] = [join(dir, 'ledger'), join(dir, 'config')];
  mkdirSync(ledger);
  symlinkSync(ledger, join(dir, 'link'));
  const env = { XDG_CONFIG_HOME: config };
  for (const path of [join(ledger, 'a.key'), join(ledger, 'deep', 'a.key'), join(dir, 'link', 'a.key')])
    await rejectsWith('SIGNING_KEY_EXPOSED', () => refuseKeyBeside(path, ledger, env));
  refuseKeyBeside(join(dir, 'a.key'), ledger, env);
  refuseKeyBeside(join(dir, 'ledger-keys', 'a.key'), ledger, env);
  refuseKeyBeside(join(config, 'indelible', 'keys', 'a.key'), dir, env);
  const inside = join(config, 'indelible', 'data');
  await rejectsWith('SIGNING_KEY_EXPOSED', () => refuseKeyBeside(join(inside, 'a.key'), inside, env));
});

test('openLedger refuses a key beside the ledger and makes nothing', async (t) => {
  const { openLedger } = await import('../../packages/indelible/src/compose.ts');
  const dir = folder(t);
  const { signer: beside } = loadOrCreateSigningKey(join(dir, 'data', 'a.key'), NAME);
  for (const url of [`sqlite:${join(dir, 'data', 'ledger.db')}`, `file:${join(dir, 'data')}`])
    await rejectsWith('SIGNING_KEY_EXPOSED', () => openLedger(url, { name: NAME, signer: beside }));
  assert.deepEqual(readdirSync(join(dir, 'data')), ['a.key']);
});

/** A program in a file, run by node, that signs in the way of its source. */
function program(t: Parameters<typeof folder>[0], source: string): [string, string] {
  const path = join(folder(t), 'signer.cjs');
  const seed = Buffer.from(`302e020100300506032b657004220420${'01'.repeat(32)}`, 'hex').toString('base64');
  writeFileSync(
    path,
    `const { createPrivateKey, sign } = require('node:crypto');
    const key = createPrivateKey({ key: Buffer.from('${seed}', 'base64'), format: 'der', type: 'pkcs8' });
    const message = require('node:fs').readFileSync(0);
    ${source}`,
  );
  return [process.execPath, path];
}

test('an external command signs: raw or base 64', async (t) => {
  const vkey = formatVerifierKey(signer(1).key);
  for (const source of [
    'process.stdout.write(sign(null, message, key))',
    "console.log(sign(null, message, key).toString('base64'))",
  ]) {
    const external = openCommandSigner({ command: program(t, source), vkey });
    assert.deepEqual(await signText('a text\n', external), await signText('a text\n', signer(1)));
  }
});

test('a command that fails, dawdles, floods or writes nonsense is a fault of the signer', async (t) => {
  const vkey = formatVerifierKey(signer(1).key);
  const cases: readonly [source: string, complaint: RegExp][] = [
    ['process.exit(3)', /ended with 3/],
    ['setInterval(() => {}, 1000)', /took longer than 300 ms/],
    ["setInterval(() => process.stdout.write('x'.repeat(5000)), 1)", /wrote more than 4096 bytes/],
    ["console.log('no')", /no Ed25519 signature/],
  ];
  await Promise.all(
    cases.map(async ([source, complaint]) => {
      const timeout_ms = source.includes('1000') ? 300 : 10_000;
      const external = openCommandSigner({ command: program(t, source), vkey, timeout_ms });
      assert.match(await rejectsWith('SIGNER_FAILED', () => external.sign(new Uint8Array(3))), complaint);
    }),
  );
  const missing = openCommandSigner({ command: [join(folder(t), 'nowhere')], vkey });
  assert.match(
    await rejectsWith('SIGNER_FAILED', () => missing.sign(new Uint8Array(3))),
    /cannot be started/,
  );
  await rejectsWith('VERIFIER_KEY_INVALID', () => openCommandSigner({ command: ['x'], vkey: 'x' }));
});
