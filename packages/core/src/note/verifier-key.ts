/**
 * Verifier keys: a key's name, its id, and the public key, in one line that can be published.
 *
 *     example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
 *
 * Shapes:  `key_id` is 8 lower-case hex digits; `public_key` is raw, without the type byte.
 * Errors:  VERIFIER_KEY_INVALID, also for an id that is not the one of this name and key.
 * Source:  c2sp.org/signed-note, "Verifier keys"; c2sp.org/tlog-cosignature.
 * Pure:    no I/O.
 */
import { sha256Hex } from '#sha256';
import { IndelibleError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from './base64.ts';

/** The kinds of signature that are understood, by the byte that stands for each. */
export const SIGNATURE_TYPES = {
  ed25519: 0x01,
  ed25519_cosignature: 0x04,
  ml_dsa_44_cosignature: 0x06,
} as const;
export type SignatureType = keyof typeof SIGNATURE_TYPES;

const PUBLIC_KEY_BYTES: Readonly<Record<SignatureType, number>> = {
  ed25519: 32,
  ed25519_cosignature: 32,
  ml_dsa_44_cosignature: 1312,
};

/** A public key with the name it signs under. */
export interface VerifierKey {
  readonly name: string;
  readonly key_id: string;
  readonly type: SignatureType;
  readonly public_key: Uint8Array;
}

/** True for a name that a signature line can carry: not empty, no Unicode spaces, no plus, no control characters. */
export function isKeyName(name: string): boolean {
  return name !== '' && name.isWellFormed() && !/[\p{White_Space}+\u0000-\u001f]/u.test(name);
}

/** A verifier key from its parts; the id follows from them. */
export function verifierKey(name: string, type: SignatureType, public_key: Uint8Array): VerifierKey {
  if (!isKeyName(name))
    throw invalid('a key name is not empty and has no spaces, plus or control characters');
  if (public_key.length !== PUBLIC_KEY_BYTES[type]) {
    throw invalid(`a key of type ${type} has ${PUBLIC_KEY_BYTES[type]} bytes`);
  }
  const prefix = new TextEncoder().encode(`${name}\n`);
  const input = new Uint8Array(prefix.length + 1 + public_key.length);
  input.set(prefix);
  input.set(typed(type, public_key), prefix.length);
  return { name, key_id: sha256Hex(input).slice(0, 8), type, public_key };
}

/** Reads `name+id+base64`. */
export function parseVerifierKey(text: string): VerifierKey {
  // Base 64 may hold further plus signs.
  const parts = /^([^+]+)\+([0-9a-f]{8})\+(.+)$/su.exec(text);
  const material = decodeBase64(parts?.[3] ?? '');
  if (parts === null || material === null) throw invalid('a verifier key is name+id+base64');
  const type = typeOf(material[0]);
  if (type === undefined) throw invalid('the verifier key is of a type that is not understood');
  const key = verifierKey(parts[1]!, type, material.subarray(1));
  if (key.key_id !== parts[2]) throw invalid(`the key id should be ${key.key_id}: name or key was altered`);
  return key;
}

/** Writes `name+id+base64`. */
export function formatVerifierKey({ name, type, public_key }: VerifierKey): string {
  const { key_id } = verifierKey(name, type, public_key);
  return `${name}+${key_id}+${encodeBase64(typed(type, public_key))}`;
}

function typeOf(byte: number | undefined): SignatureType | undefined {
  const types = Object.keys(SIGNATURE_TYPES) as SignatureType[];
  return types.find((type) => SIGNATURE_TYPES[type] === byte);
}

function typed(type: SignatureType, public_key: Uint8Array): Uint8Array {
  const bytes = new Uint8Array(1 + public_key.length);
  bytes[0] = SIGNATURE_TYPES[type];
  bytes.set(public_key, 1);
  return bytes;
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('VERIFIER_KEY_INVALID', message);
}
