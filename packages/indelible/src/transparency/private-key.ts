/**
 * Ed25519 private keys as text, and signing with them.
 *
 * Shapes:  PKCS#8 PEM, as `openssl genpkey -algorithm ed25519` writes it; or the 32-byte seed in base 64.
 * Errors:  SIGNING_KEY_INVALID. Messages never repeat any part of the text.
 */
import { createPrivateKey, createPublicKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { decodeBase64, IndelibleError, type NoteSigner, verifierKey } from '@indelible/core';

/** PKCS#8 around a bare seed, RFC 8410. */
const SEED_HEADER = Buffer.from('302e020100300506032b657004220420', 'hex');
const TEXT_MAX = 4096;

/** A signer from the text of a key; `where` names it in messages. */
export function signerFromText(text: string, name: string, where: string): NoteSigner {
  return signerOf(parsePrivateKey(text, where), name);
}

/** A signer named `name`. */
export function signerOf(private_key: KeyObject, name: string): NoteSigner {
  const spki = createPublicKey(private_key).export({ format: 'der', type: 'spki' });
  return {
    key: verifierKey(name, 'ed25519', Uint8Array.from(spki.subarray(-32))),
    sign: (message) => new Uint8Array(sign(null, message, private_key)),
  };
}

/** A new key, as PKCS#8 PEM. */
export function newPrivateKey(): string {
  return generateKeyPairSync('ed25519').privateKey.export({ format: 'pem', type: 'pkcs8' }).toString();
}

function parsePrivateKey(text: string, where: string): KeyObject {
  const trimmed = text.trim();
  const seed = decodeBase64(trimmed);
  try {
    if (text.length > TEXT_MAX) throw new Error('too long');
    const key =
      seed?.length === 32
        ? createPrivateKey({ key: Buffer.concat([SEED_HEADER, seed]), format: 'der', type: 'pkcs8' })
        : createPrivateKey({ key: trimmed, format: 'pem' });
    if (key.asymmetricKeyType === 'ed25519') return key;
  } catch {
    // The cause might repeat the key.
  }
  throw new IndelibleError('SIGNING_KEY_INVALID', `${where} is no Ed25519 private key`);
}
