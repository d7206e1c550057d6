/** The key files of a witness. */
import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, test } from 'node:test';
import {
  checkpointVerifier,
  formatVerifierKey,
  type IndelibleError,
  SIGNATURES,
  signCheckpoint,
} from '@indelible/core';
import {
  newSigningKey,
  readSigningKeys,
  writeSigningKeys,
} from '../../packages/indelible/src/witness/signing-key.ts';
import { checkpointAt } from './support/log.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-keys-'));
after(() => rmSync(folder, { recursive: true }));
const file = join(folder, 'witness.keys');
const NAME = 'w.example/1';

test('new keys of both kinds sign after they are read back', async () => {
  const made = [newSigningKey(NAME, 'ed25519_cosignature'), newSigningKey(NAME, 'ml_dsa_44_cosignature')];
  writeSigningKeys(
    file,
    made.map(({ line }) => line),
  );
  assert.equal(statSync(file).mode & 0o777, 0o600);
  const signers = readSigningKeys(file);
  assert.deepEqual(
    signers.map(({ key }) => formatVerifierKey(key)),
    made.map(({ vkey }) => vkey),
  );
  const text = `${(await checkpointAt(5)).split('\n\n')[0]!}\n`;
  for (const signer of signers) {
    const { signature } = await signCheckpoint(text, signer, 1_700_000_000);
    assert.deepEqual(checkpointVerifier(signer.key, SIGNATURES).verify(text, signature), {
      time: 1_700_000_000,
    });
  }
});

test('a key as Go’s note package writes it (RFC 8032, test 1), for cosignatures', () => {
  // The seed and public key of RFC 8032 §7.1, test 1.
  const seed = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const path = join(folder, 'rfc');
  const id = '00000000';
  const line = (key_id: string): string =>
    `PRIVATE+KEY+${NAME}+${key_id}+${Buffer.concat([Buffer.of(4), seed]).toString('base64')}\n`;
  writeFileSync(path, line(id), { mode: 0o600 });
  assert.throws(
    () => readSigningKeys(path),
    (error: IndelibleError) => error.code === 'WITNESS_CONFIG' && /wrong key id/.test(error.message),
  );
  writeFileSync(path, line(RFC_8032_KEY_ID));
  const public_key = Buffer.from(readSigningKeys(path)[0]!.key.public_key).toString('hex');
  assert.equal(public_key, 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');
});

/** SHA-256("w.example/1\n" ‖ 0x04 ‖ public key), the first four bytes. */
const RFC_8032_KEY_ID = '711f387f';

test('a file that others may read, that is missing, odd or there already, and nothing of a key in any message', () => {
  const line = readFileSync(file, 'utf8').split('\n')[0]!;
  const secret = line.split('+').slice(4).join('+');
  const refused = (work: () => unknown, pattern: RegExp): void => {
    assert.throws(work, (error: IndelibleError) => {
      assert.equal(error.code, 'WITNESS_CONFIG');
      assert.match(error.message, pattern);
      assert.ok(
        !`${error.message}${error.stack}${JSON.stringify(error.details)}`.includes(secret.slice(0, 20)),
      );
      return true;
    });
  };
  refused(() => writeSigningKeys(file, [line]), /cannot be made \(EEXIST\)/);
  const path = join(folder, 'odd');
  const reads = (text: string, pattern: RegExp): void => {
    writeFileSync(path, text, { mode: 0o600 });
    refused(() => readSigningKeys(path), pattern);
  };
  reads('', /holds no key/);
  reads('# nothing\n', /holds no key/);
  reads(`${line}\n${line}\n`, /twice/);
  reads(`${line}A\n`, /no cosignature key in its entry 1/);
  reads(`${line.replace('PRIVATE', 'PUBLIC')}\n`, /no cosignature key/);
  reads(`# x\n${line}\nnonsense\n`, /entry 2/);
  refused(() => readSigningKeys(join(folder, 'none')), /ENOENT/);
  if (process.platform !== 'win32') {
    chmodSync(path, 0o644);
    refused(() => readSigningKeys(path), /chmod 600/);
  }
});
