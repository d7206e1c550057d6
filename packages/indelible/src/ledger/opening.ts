/**
 * What must hold before a ledger is used: it exists or may be made, it has the name we expect, and the secrets fit.
 *
 * Errors:  LEDGER_NOT_FOUND, LEDGER_EXISTS (another name), KEY_REQUIRED, KEY_UNEXPECTED, KEY_WRONG, KEY_UNKNOWN,
 *          LEDGER_DAMAGED when the last record cannot be read.
 */
import { checkLedgerName, type Event, IndelibleError, type LedgerRecord, parseRecord } from '@indelible/core';
import type { Head, LogStore } from '../stores/contract.ts';
import {
  configEvent,
  configOf,
  keyIdBehind,
  LEDGER_KEY_ROTATED,
  newConfig,
  rotatedConfig,
} from './config.ts';
import type { Keyring } from './keyring.ts';
import { forEachLine, lineOf } from './lines.ts';
import type { LedgerConfig } from './types.ts';

export const DEFAULT_LEDGER_NAME = 'local/ledger';

export interface Identity {
  readonly name: string;
  readonly head: Head | null;
  /** The active key is new to this ledger and must be announced. */
  readonly announce: boolean;
}

export { newConfig as createdConfig };

/** Reads who the ledger is from its last record, and checks that the keyring fits it. */
export async function loadIdentity(
  store: LogStore,
  keyring: Keyring,
  wanted: { readonly name?: string; readonly create?: boolean },
): Promise<Identity> {
  if (wanted.name !== undefined) checkLedgerName(wanted.name);
  const { ledger_name = wanted.name } = store;
  if (wanted.name !== undefined && wanted.name !== ledger_name)
    throw new IndelibleError(
      'LEDGER_EXISTS',
      `${store.url} is for the ledger ${ledger_name}, not ${wanted.name}`,
    );
  const head = await store.head();
  if (head === null) {
    if (wanted.create === false)
      throw new IndelibleError('LEDGER_NOT_FOUND', `there is no ledger in ${store.url}`);
    return { name: ledger_name ?? DEFAULT_LEDGER_NAME, head: null, announce: false };
  }
  const [stored] = await store.get([head.seq]);
  if (stored === undefined)
    throw new IndelibleError('LEDGER_DAMAGED', `the last record, ${head.seq}, is unreadable`);
  const [hash, body] = lineOf(stored.line);
  const last = parseRecord(body);
  if (wanted.name !== undefined && wanted.name !== last.ledger) {
    throw new IndelibleError(
      'LEDGER_EXISTS',
      `${store.url} holds the ledger ${last.ledger}, not ${wanted.name}`,
    );
  }
  await checkKeys(store, keyring, last, body, hash);
  const announce = keyring.active !== null && keyring.active.key_id !== keyIdBehind(last);
  return { name: last.ledger, head, announce };
}

/** Tells a secret that does not fit from a record that was changed. */
async function checkKeys(
  store: LogStore,
  keyring: Keyring,
  last: LedgerRecord,
  body: Uint8Array,
  stored_hash: string,
): Promise<void> {
  const key_id = last.key_id ?? null;
  if (key_id === null && keyring.active !== null) {
    throw new IndelibleError('KEY_UNEXPECTED', `a key was given, but the ledger ${last.ledger} is not keyed`);
  }
  const hash = keyring.hash(key_id);
  if (hash === undefined) {
    if (keyring.active === null) {
      throw new IndelibleError('KEY_REQUIRED', `the ledger ${last.ledger} is keyed (key id ${key_id})`);
    }
    throw new IndelibleError(
      'KEY_WRONG',
      `the secret given has key id ${keyring.active.key_id}; the ledger uses ${key_id}`,
    );
  }
  if (key_id === null || hash(body) === stored_hash) return;
  // Not this hash: either the secret is another under the same id, or the record was changed. The check value knows.
  const config = await findConfig(store);
  const check = config?.keys.find((key) => key.key_id === key_id)?.check;
  if (check !== undefined && check !== keyring.check(key_id)) {
    throw new IndelibleError(
      'KEY_WRONG',
      `the secret given for key ${key_id} is not the one this ledger was made with`,
    );
  }
  // The right secret and a wrong hash is damage: opening goes on, `verify` names it.
}

/** Announces the keyring's active key with a record that the key before it seals. */
export async function announceKey(
  store: LogStore,
  keyring: Keyring,
  write: (event: Event) => Promise<unknown>,
): Promise<void> {
  const config = await findConfig(store);
  if (config === null)
    throw new IndelibleError('LEDGER_DAMAGED', 'no record says how this ledger is configured');
  if (config.keys.some(({ key_id }) => key_id === keyring.active!.key_id)) {
    throw new IndelibleError(
      'KEY_WRONG',
      `key ${keyring.active!.key_id} is retired in this ledger; give the current key first`,
    );
  }
  await write(configEvent(LEDGER_KEY_ROTATED, rotatedConfig(config, keyring)));
}

/** The newest configuration in the log, found by reading it; null when none is there. */
export async function findConfig(store: LogStore): Promise<LedgerConfig | null> {
  let newest: LedgerConfig | null = null;
  for await (const batch of store.read(0)) {
    forEachLine(batch, ({ body }) => {
      if (!Buffer.from(body.buffer, body.byteOffset, 20).includes('"ledger.')) return;
      newest = configOf(parseRecord(body)) ?? newest;
    });
  }
  return newest;
}
