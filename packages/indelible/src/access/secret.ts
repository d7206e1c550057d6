/**
 * The secret of a token: shown once, kept as a hash.
 *
 * Shapes:  `ind_<16 hex digits: the token's id>_<43 base64url characters: 256 random bits>`.
 *
 * The id is public; it finds the token without comparing the secret with every hash. SHA-256 is enough for 256 random
 * bits: there is nothing to guess, so there is nothing that a slow hash would slow down.
 */
import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

const SECRET = /^ind_([0-9a-f]{16})_[A-Za-z0-9_-]{43}$/;

export interface NewSecret {
  readonly token_id: string;
  readonly secret: string;
  /** SHA-256 of the whole secret, 64 hex digits. */
  readonly token_hash: string;
}

/** A new token's id, secret and hash. */
export function newSecret(): NewSecret {
  const token_id = randomBytes(8).toString('hex');
  const secret = `ind_${token_id}_${randomBytes(32).toString('base64url')}`;
  return { token_id, secret, token_hash: hashOf(secret).toString('hex') };
}

/** The id in a secret, or null for text that cannot be one. */
export function tokenIdIn(secret: string): string | null {
  return SECRET.exec(secret)?.[1] ?? null;
}

/** Compares in constant time. A hash that is no hash matches nothing. */
export function secretMatches(secret: string, token_hash: string): boolean {
  const known = Buffer.from(token_hash, 'hex');
  const given = hashOf(secret);
  return known.length === given.length && timingSafeEqual(known, given);
}

function hashOf(secret: string): Buffer {
  return createHash('sha256').update(secret, 'utf8').digest();
}
