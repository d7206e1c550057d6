/**
 * What a ledger says about itself: its name, how it is hashed, which keys it has used.
 *
 * The configuration stands whole in record 0 and again in every record that changes it or outlives record 0 (key
 * rotation, truncation), so that any of them is enough.
 */
import { type Event, IndelibleError, type LedgerRecord } from '@indelible/core';
import type { Keyring } from './keyring.ts';
import type { Sealing } from './sealing.ts';
import type { LedgerConfig } from './types.ts';

/** Actions of the ledger's own records. */
export const LEDGER_CREATED = 'ledger.created';
export const LEDGER_KEY_ROTATED = 'ledger.key_rotated';
export const LEDGER_TRUNCATED = 'ledger.truncated';

/** The actor of what the ledger does by itself. */
export const LEDGER_ACTOR = Object.freeze({ id: 'indelible', type: 'service' });

/** The configuration of a new ledger. */
export function newConfig(name: string, keyring: Keyring): LedgerConfig {
  return {
    format: 1,
    ledger: name,
    hash: keyring.active === null ? 'sha-256' : 'hmac-sha-256',
    keys: keyring.active === null ? [] : [announced(keyring, keyring.active.key_id)],
  };
}

/** The configuration with the keyring's active key announced. */
export function rotatedConfig(config: LedgerConfig, keyring: Keyring): LedgerConfig {
  return { ...config, keys: [...config.keys, announced(keyring, keyring.active!.key_id)] };
}

function announced(keyring: Keyring, key_id: string): { key_id: string; check: string } {
  return { key_id, check: keyring.check(key_id)! };
}

/** The event that carries a configuration. */
export function configEvent(action: string, config: LedgerConfig, data: Record<string, unknown> = {}): Event {
  return {
    action,
    actor: LEDGER_ACTOR,
    resource: { type: 'ledger', id: config.ledger },
    data: { ...data, config } as unknown as NonNullable<Event['data']>,
  };
}

/** The configuration in a record, or null when it carries none. */
export function configOf(record: LedgerRecord): LedgerConfig | null {
  const carriers = [LEDGER_CREATED, LEDGER_KEY_ROTATED, LEDGER_TRUNCATED];
  if (!carriers.includes(record.action) || !isLedgersOwn(record.actor)) return null;
  const data = record.data as { config?: LedgerConfig } | undefined;
  const config = data?.config;
  if (config?.format !== 1 || !Array.isArray(config.keys)) return null;
  return config;
}

/** Applications cannot use the ledger's own actions, so that they cannot announce keys or truncations. */
export function isLedgersOwn(actor: { readonly type: string; readonly id: string }): boolean {
  return actor.type === LEDGER_ACTOR.type && actor.id === LEDGER_ACTOR.id;
}

/** The key id that the record behind `last` is made with; null in plain ledgers. */
export function keyIdBehind(last: LedgerRecord): string | null {
  const config = last.action === LEDGER_KEY_ROTATED ? configOf(last) : null;
  return config?.keys.at(-1)?.key_id ?? last.key_id ?? null;
}

/** What the record behind `last` is sealed with. Raises when the secret for it is not in the keyring. */
export function sealingBehind(last: LedgerRecord | null, keyring: Keyring): Sealing {
  const key_id = last === null ? (keyring.active?.key_id ?? null) : keyIdBehind(last);
  if (key_id === null && keyring.active !== null) {
    throw new IndelibleError('KEY_UNEXPECTED', 'a key was given, but this ledger is not keyed');
  }
  const hash = keyring.hash(key_id);
  if (hash !== undefined) return { key_id, hash };
  if (keyring.active === null)
    throw new IndelibleError('KEY_REQUIRED', `this ledger is keyed (key id ${key_id})`);
  throw new IndelibleError(
    'KEY_UNKNOWN',
    `the ledger is sealed with key ${key_id}, which is not in the keyring`,
    {
      details: { key_id },
    },
  );
}
