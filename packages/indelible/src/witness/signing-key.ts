/**
 * The private keys of a witness, one line each, as Go's note package writes them:
 *
 *     PRIVATE+KEY+witness.example/w1+<key id>+<base64 of type byte and 32-byte seed>
 *
 * The file lies outside the folder of the state, which is copied and backed up, and is for its owner alone.
 *
 * Errors:  WITNESS_CONFIG, never with anything of a secret; SIGNATURE_ALGORITHM where Node has no ML-DSA-44.
 * Source:  golang.org/x/mod/sumdb/note (PRIVATE+KEY), RFC 8410, RFC 9881.
 */
import { createPrivateKey, createPublicKey, type KeyObject, randomBytes, sign } from 'node:crypto';
import { closeSync, fstatSync, fsyncSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import {
  decodeBase64,
  encodeBase64,
  formatVerifierKey,
  IndelibleError,
  type NoteSigner,
  SIGNATURE_TYPES,
  verifierKey,
} from '@indelible/core';

export type WitnessKeyType = 'ed25519_cosignature' | 'ml_dsa_44_cosignature';

const TYPES: readonly WitnessKeyType[] = ['ed25519_cosignature', 'ml_dsa_44_cosignature'];
const SEED_BYTES = 32;
const FILE_BYTES_MAX = 64 * 1024;
/** PKCS #8 up to the seed. */
const PKCS8: Readonly<Record<WitnessKeyType, string>> = {
  ed25519_cosignature: '302e020100300506032b657004220420',
  ml_dsa_44_cosignature: '3034020100300b060960864801650304031104228020',
};

/** A new key as a line of a key file, with the verifier key to publish. */
export function newSigningKey(
  name: string,
  type: WitnessKeyType,
): { readonly line: string; readonly vkey: string } {
  const seed = randomBytes(SEED_BYTES);
  const { key } = signerOfSeed(name, type, seed);
  const material = Uint8Array.of(SIGNATURE_TYPES[type], ...seed);
  const line = `PRIVATE+KEY+${name}+${key.key_id}+${encodeBase64(material)}`;
  return { line, vkey: formatVerifierKey(key) };
}

/** Writes a key file that must not exist yet. Durable when it returns. */
export function writeSigningKeys(path: string, lines: readonly string[]): void {
  let fd: number;
  try {
    fd = openSync(path, 'wx', 0o600);
  } catch (error) {
    throw refused(path, `cannot be made (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    writeFileSync(fd, lines.map((line) => `${line}\n`).join(''));
    fsyncSync(fd);
  } finally {
    closeSync(fd);
  }
}

/** The keys of a file: at least one, and none twice. */
export function readSigningKeys(path: string): NoteSigner[] {
  const lines = readPrivateText(path)
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const signers = lines.map((line, i) => signerOfLine(line, path, i));
  if (signers.length === 0) throw refused(path, 'holds no key');
  const ids = new Set(signers.map(({ key }) => `${key.name}+${key.key_id}`));
  if (ids.size < signers.length) throw refused(path, 'holds a key twice');
  return signers;
}

function readPrivateText(path: string): string {
  let fd: number;
  try {
    fd = openSync(path, 'r');
  } catch (error) {
    throw refused(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`);
  }
  try {
    const { mode, size } = fstatSync(fd);
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      throw refused(path, 'may be read by others than its owner: chmod 600');
    }
    if (size > FILE_BYTES_MAX) throw refused(path, 'is too large for a key file');
    return readFileSync(fd, 'utf8');
  } finally {
    closeSync(fd);
  }
}

function signerOfLine(line: string, path: string, i: number): NoteSigner {
  const parts = /^PRIVATE\+KEY\+([^+]+)\+([0-9a-f]{8})\+(.+)$/u.exec(line);
  const material = decodeBase64(parts?.[3] ?? '');
  const type = TYPES.find((candidate) => SIGNATURE_TYPES[candidate] === material?.[0]);
  if (parts === null || material === null || type === undefined || material.length !== 1 + SEED_BYTES) {
    throw refused(path, `has no cosignature key in its entry ${i + 1}`);
  }
  const signer = signerOfSeed(parts[1]!, type, material.subarray(1));
  if (signer.key.key_id !== parts[2]) throw refused(path, `has a wrong key id in its entry ${i + 1}`);
  return signer;
}

function signerOfSeed(name: string, type: WitnessKeyType, seed: Uint8Array): NoteSigner {
  let private_key: KeyObject;
  let public_bytes: Uint8Array;
  try {
    const key = Buffer.concat([Buffer.from(PKCS8[type], 'hex'), seed]);
    private_key = createPrivateKey({ key, format: 'der', type: 'pkcs8' });
    const spki = createPublicKey(private_key).export({ format: 'der', type: 'spki' });
    public_bytes = Uint8Array.from(spki.subarray(type === 'ml_dsa_44_cosignature' ? -1312 : -32));
  } catch {
    // The cause is left out: it might show the key.
    throw new IndelibleError(
      'SIGNATURE_ALGORITHM',
      `this Node cannot sign with ${type}: it takes Node 24.7 or newer`,
    );
  }
  return {
    key: verifierKey(name, type, public_bytes),
    sign: (message) => Uint8Array.from(sign(null, message, private_key)),
  };
}

function refused(path: string, what: string): IndelibleError {
  return new IndelibleError('WITNESS_CONFIG', `the key file ${path} ${what}`);
}
