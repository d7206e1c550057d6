/**
 * The local folder of a ledger that lies elsewhere is that ledger's alone. Of two in one folder, each would take the
 * other's index for a stale one of its own and start it over, and the other's checkpoints for a fork.
 *
 * Errors:  LEDGER_EXISTS when the folder is another ledger's.
 */
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IndelibleError, parseRecord } from '@indelible/core';
import { lineOf } from '../ledger/lines.ts';
import type { LogStore } from '../stores/contract.ts';
import { isRemote, parseLedgerUrl } from './ledger-url.ts';

const OWNER = 'ledger-name';

/** Before anything there is opened. `name` is what the ledger will be called if it has no records. */
export async function refuseFolderOfAnother(url: string, store: LogStore, name: string): Promise<void> {
  const place = parseLedgerUrl(url);
  if (!isRemote(place)) return;
  const owner = (await readFile(join(place.local, OWNER), 'utf8').catch(() => '')).trim();
  const ours = owner === '' ? '' : (store.ledger_name ?? (await nameIn(store)) ?? name);
  if (owner !== ours)
    throw new IndelibleError(
      'LEDGER_EXISTS',
      `${place.local} is the local folder of the ledger ${owner}, not of ${ours}: give each its own (local=DIR)`,
    );
}

/** Once it is open, and so known by this name. Where nothing can be written, nothing of a ledger's will be. */
export async function claimFolder(url: string, name: string): Promise<void> {
  const place = parseLedgerUrl(url);
  if (!isRemote(place)) return;
  await writeFile(join(place.local, OWNER), `${name}\n`, { flag: 'wx', mode: 0o600 }).catch(() => {});
}

/** Null for a log without records, and for one whose last record cannot be read: opening says so. */
async function nameIn(store: LogStore): Promise<string | null> {
  const head = await store.head();
  const [last] = head === null ? [] : await store.get([head.seq]);
  if (last === undefined) return null;
  try {
    return parseRecord(lineOf(last.line)[1]).ledger;
  } catch {
    return null;
  }
}
