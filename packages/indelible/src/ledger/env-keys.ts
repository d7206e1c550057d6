/**
 * The secrets of a keyed ledger, from the environment: the one place besides the keyring that touches key material.
 *
 *   INDELIBLE_KEY            the active secret: `[id:]material`, material as hex or base64 of at least 32 bytes
 *   INDELIBLE_KEYS_RETIRED   earlier secrets, separated by commas, in the same form
 *
 * `INDELIBLE_KEY=dev` is a secret that everybody knows: it comes with a warning that callers must show.
 *
 * Errors:  KEY_INVALID. Messages name the variable and never repeat any part of its value.
 */
import { checkKeyId, IndelibleError, sha256Hex } from '@indelible/core';
import { deriveKeyId } from './keyring.ts';
import type { ChainKey } from './types.ts';

export interface EnvironmentKeys {
  /** Active key first; empty when the environment holds none. */
  readonly keys: readonly ChainKey[];
  /** To be shown wherever the keys are used. */
  readonly warnings: readonly string[];
}

const ACTIVE = 'INDELIBLE_KEY';
const RETIRED = 'INDELIBLE_KEYS_RETIRED';
const SECRET_BYTES_MIN = 32;
const DEVELOPMENT = 'dev';
const DEVELOPMENT_KEY_ID = 'development';

const DEVELOPMENT_WARNING =
  `${ACTIVE}=dev is a secret that everybody knows: this ledger's hashes can be forged by anyone. ` +
  'Use it on your own machine only.';

/** Reads the keys; `env` is `process.env` or like it. */
export function keysFromEnvironment(env: Readonly<Record<string, string | undefined>>): EnvironmentKeys {
  const active = (env[ACTIVE] ?? '').trim();
  const retired = (env[RETIRED] ?? '')
    .split(',')
    .map((text) => text.trim())
    .filter((text) => text !== '');
  if (active === '') {
    if (retired.length > 0)
      throw new IndelibleError('KEY_INVALID', `${RETIRED} is set, but ${ACTIVE} is not`);
    return { keys: [], warnings: [] };
  }
  const keys = [parseKey(active, ACTIVE), ...retired.map((text) => parseKey(text, RETIRED))];
  const ids = keys.map(({ key_id }) => key_id);
  if (new Set(ids).size < ids.length) {
    throw new IndelibleError('KEY_INVALID', `${ACTIVE} and ${RETIRED} give the same key id twice`);
  }
  return { keys, warnings: [active, ...retired].includes(DEVELOPMENT) ? [DEVELOPMENT_WARNING] : [] };
}

function parseKey(text: string, variable: string): ChainKey {
  if (text === DEVELOPMENT) return developmentKey();
  const colon = text.indexOf(':');
  const secret = decodeSecret(text.slice(colon + 1), variable);
  if (colon < 0) return { key_id: deriveKeyId(secret), secret };
  const key_id = text.slice(0, colon);
  try {
    checkKeyId(key_id);
  } catch {
    // The cause would repeat the text, and whoever swaps the two parts has put the secret there.
    throw new IndelibleError('KEY_INVALID', `the part of ${variable} before the colon cannot be a key id`);
  }
  return { key_id, secret };
}

function decodeSecret(material: string, variable: string): Uint8Array {
  const bytes = decode(material);
  if (bytes === null) throw new IndelibleError('KEY_INVALID', `${variable} is neither hex nor base64`);
  if (bytes.length < SECRET_BYTES_MIN) {
    throw new IndelibleError(
      'KEY_INVALID',
      `${variable} holds ${bytes.length} bytes; at least ${SECRET_BYTES_MIN} are needed`,
    );
  }
  return bytes;
}

/** Hex digits alone are read as hex: 32 bytes of base64 without any other letter do not happen by chance. */
function decode(material: string): Uint8Array | null {
  if (/^(?:[0-9a-fA-F]{2})+$/.test(material)) return new Uint8Array(Buffer.from(material, 'hex'));
  if (!/^[A-Za-z0-9+/_-]+={0,2}$/.test(material)) return null;
  const digits = material.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_');
  const bytes = Buffer.from(digits, 'base64url');
  // Buffer skips what it cannot read; only material that comes back the same was understood.
  return bytes.toString('base64url') === digits ? new Uint8Array(bytes) : null;
}

function developmentKey(): ChainKey {
  const secret = new Uint8Array(
    Buffer.from(sha256Hex(new TextEncoder().encode('indelible development key\n')), 'hex'),
  );
  return { key_id: DEVELOPMENT_KEY_ID, secret };
}
