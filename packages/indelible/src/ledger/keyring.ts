/**
 * The secrets of a keyed ledger, by key id.
 *
 * Errors:  KEY_INVALID for material under 32 bytes. Messages never contain key material.
 */
import {
  type BodyHash,
  checkKeyId,
  IndelibleError,
  keyCheckValue,
  keyedHash,
  leafHash,
  sha256Hex,
} from '@indelible/core';
import type { ChainKey } from './types.ts';

const SECRET_BYTES_MIN = 32;

/** Hash functions by key id; without keys, the plain one. */
export class Keyring {
  readonly active: ChainKey | null;
  /** For handing on to a verifier in another thread. */
  readonly keys: readonly ChainKey[];
  readonly #hashes = new Map<string, BodyHash>();
  readonly #checks = new Map<string, string>();

  constructor(keys: readonly ChainKey[] = []) {
    for (const key of keys) {
      checkKeyId(key.key_id);
      if (key.secret.length < SECRET_BYTES_MIN) {
        throw new IndelibleError('KEY_INVALID', `key ${key.key_id} has under ${SECRET_BYTES_MIN} bytes`);
      }
      this.#hashes.set(key.key_id, keyedHash(key.secret));
      this.#checks.set(key.key_id, keyCheckValue(key.key_id, key.secret));
    }
    this.keys = keys;
    this.active = keys[0] ?? null;
  }

  /** The hash that records with this key id (null: none) are made with, or undefined when the secret is not here. */
  hash(key_id: string | null): BodyHash | undefined {
    return key_id === null ? leafHash : this.#hashes.get(key_id);
  }

  /** The public check value, or undefined when the secret is not here. */
  check(key_id: string): string | undefined {
    return this.#checks.get(key_id);
  }
}

/** A key id for a secret that came without one: public, and different for every secret. */
export function deriveKeyId(secret: Uint8Array): string {
  const label = new TextEncoder().encode('indelible key id v1\n');
  const input = new Uint8Array(label.length + secret.length);
  input.set(label);
  input.set(secret, label.length);
  return sha256Hex(input).slice(0, 16);
}
