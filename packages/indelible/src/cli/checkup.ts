/**
 * The doctor's checks: each is one line that is fine, worth a look, or in the way.
 */
import { access, constants, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { IndelibleError, isIndelibleError, type LedgerRecord, parseRecord } from '@indelible/core';
import {
  indexPath,
  isRemote,
  openIndex,
  openOutboxSealer,
  openStore,
  parseLedgerUrl,
  withoutCredentials,
} from '../compose.ts';
import { keysFromEnvironment } from '../ledger/env-keys.ts';
import { Keyring } from '../ledger/keyring.ts';
import { lineOf } from '../ledger/lines.ts';
import { checkKeysFit } from '../ledger/verify-keys.ts';
import type { LogStore } from '../stores/contract.ts';
import { byteSize, count, counted, duration } from './units.ts';

export interface Check {
  readonly name: string;
  readonly status: 'ok' | 'warn' | 'fail';
  readonly detail: string;
  /** What to try, or null when nothing is needed. */
  readonly next: string | null;
  readonly tampering: boolean;
}

const FREE_BYTES_FAIL = 64 << 20;
const FREE_BYTES_WARN = 1 << 30;
/** No clock that is right shows an earlier time. */
const EARLIEST_NOW = Date.parse('2025-01-01T00:00:00Z');
const FUTURE_MS_MAX = 5_000;
/** A sealer that runs has the oldest event sealed in a tenth of a second. */
const OUTBOX_S_MAX = 30;

/** Runs all checks that are possible, in an order in which each explains the next. */
export async function examine(url: string, env: NodeJS.ProcessEnv): Promise<Check[]> {
  const checks = [ok('node', process.version), clockAlone(Date.now())];
  let store: LogStore;
  try {
    parseLedgerUrl(url);
    store = await openStore(url, { read_only: true });
  } catch (error) {
    return [...checks, failed('ledger', error), ...(await diskChecks(url))];
  }
  try {
    const head = await store.head().catch((error: unknown) => {
      checks.push(failed('ledger', error));
      return undefined;
    });
    // What the store says about itself may tell why.
    if (head === undefined) return [...checks, ...(await inspect(store)), ...(await diskChecks(url))];
    if (head === null)
      return [
        ...checks,
        failed('ledger', new IndelibleError('LEDGER_NOT_FOUND', `${withoutCredentials(url)} is empty`)),
      ];
    const last = await lastRecord(store, head.seq);
    checks.push(
      ok(
        'ledger',
        `${last.ledger} in ${withoutCredentials(url)}, ${count(head.seq + 1 - (await store.firstSeq()))} records`,
      ),
    );
    checks.push(clockAgainst(last, Date.now()));
    const inspected = await inspect(store);
    checks.push(...inspected, await keyCheck(store, env, last), await indexCheck(url, head.seq));
    if (inspected.every(({ status }) => status === 'ok'))
      checks.push(await writeCheck(url), ...(await outboxCheck(url)));
  } catch (error) {
    checks.push(failed('ledger', error));
  } finally {
    await store.close();
  }
  return [...checks, ...(await diskChecks(url))];
}

async function lastRecord(store: LogStore, seq: number): Promise<LedgerRecord> {
  const [stored] = await store.get([seq]);
  if (stored === undefined)
    throw new IndelibleError('LEDGER_DAMAGED', `the last record, ${seq}, is unreadable`);
  return parseRecord(lineOf(stored.line)[1]);
}

function clockAlone(now: number): Check {
  const detail = new Date(now).toISOString();
  if (now >= EARLIEST_NOW) return ok('clock', detail);
  return bad(
    'clock',
    'fail',
    `the clock says ${detail}, which cannot be`,
    'set the clock (timedatectl set-ntp true)',
  );
}

function clockAgainst(last: LedgerRecord, now: number): Check {
  const ahead = Date.parse(last.recorded_at) - now;
  if (ahead <= FUTURE_MS_MAX) return ok('clock', `the last record is from ${last.recorded_at}`);
  const detail = `the last record is ${duration(ahead)} ahead of the clock; new records will carry its time until then`;
  return bad('clock', 'warn', detail, 'compare the clock with another machine');
}

async function inspect(store: LogStore): Promise<Check[]> {
  const notes = await store.inspect();
  if (notes.length === 0) return [ok('store', 'files and schema are as they should be')];
  return notes.map(({ code, detail, damage }) => {
    const text = `${code}: ${detail}`;
    if (damage) return { ...bad('store', 'fail', text, 'indelible verify'), tampering: true };
    return bad('store', 'warn', text, 'nothing: the next process that writes repairs it');
  });
}

async function keyCheck(store: LogStore, env: NodeJS.ProcessEnv, last: LedgerRecord): Promise<Check> {
  try {
    const { keys, warnings } = keysFromEnvironment(env);
    await checkKeysFit(store, new Keyring(keys));
    if (warnings.length > 0)
      return bad('key', 'warn', warnings.join(' '), 'make a ledger with a secret of its own');
    return ok('key', last.key_id === undefined ? 'not keyed' : `keyed with ${last.key_id}; the secret fits`);
  } catch (error) {
    return failed('key', error);
  }
}

async function indexCheck(url: string, head_seq: number): Promise<Check> {
  const path = indexPath(url);
  if (path === null) return ok('index', 'in memory');
  if (!(await exists(path))) return bad('index', 'warn', 'there is none yet', 'indelible reindex');
  try {
    const index = await openIndex(url);
    const position = await index.position().finally(() => index.close());
    const lag = head_seq + 1 - position;
    if (lag <= 0) return ok('index', `${count(position)} records, up to date`);
    return bad(
      'index',
      'warn',
      `${count(lag)} records behind; it catches up whenever the ledger is open`,
      'indelible reindex',
    );
  } catch (error) {
    return failed('index', error);
  }
}

/** Nothing where there is no outbox. */
async function outboxCheck(url: string): Promise<Check[]> {
  try {
    const sealer = await openOutboxSealer(url);
    if (sealer === null) return [];
    const { waiting, oldest_s, refused } = await sealer.lag().finally(() => sealer.close());
    const waits = `${counted(waiting, 'event')} wait to be sealed`;
    const is_late = oldest_s > OUTBOX_S_MAX;
    const checks = is_late
      ? [bad('outbox', 'warn', `${waits}, the oldest for ${duration(oldest_s * 1000)}`, 'indelible pg seal')]
      : [ok('outbox', waits)];
    if (refused > 0) {
      const detail = `${counted(refused, 'event')} set aside, which cannot be sealed`;
      checks.push(bad('outbox', 'warn', detail, 'SELECT code, message, event FROM indelible.outbox_refused'));
    }
    return checks;
  } catch (error) {
    return [failed('outbox', error)];
  }
}

/** Takes the lock and gives it back at once: the only way to know. */
async function writeCheck(url: string): Promise<Check> {
  try {
    const store = await openStore(url, { create: false });
    try {
      // Whoever may sign in to a database may not therefore write to this ledger.
      if (isRemote(parseLedgerUrl(url))) await (await store.reserve?.())?.();
    } finally {
      await store.close();
    }
    return ok('writing', 'this user can write, and no other process is in the way');
  } catch (error) {
    if (!isIndelibleError(error, 'LEDGER_LOCKED')) return failed('writing', error);
    return bad('writing', 'warn', error.message, `${error.remedy} Reading commands work meanwhile.`);
  }
}

/** The disk that the ledger is on, or what is derived from a ledger on other machines. */
async function diskChecks(url: string): Promise<Check[]> {
  const place = (() => {
    try {
      return parseLedgerUrl(url);
    } catch {
      // The check of the ledger has reported it.
      return null;
    }
  })();
  if (place === null) return [];
  if (isRemote(place)) return localChecks(place.local);
  if (place.path === '') return [];
  const checks = await spaceChecks(place.scheme === 'file' ? place.path : dirname(place.path));
  const mode = await modeOf(place.path);
  return mode === null ? checks : [...checks, modeCheck(place.path, mode)];
}

/** Index, tree and checkpoints of a ledger on other machines lie here. */
async function localChecks(folder: string): Promise<Check[]> {
  const mode = await modeOf(folder);
  if (mode === null) {
    const detail = `${folder} is not there yet: the first command that opens the ledger makes it`;
    return [ok('local', detail)];
  }
  const writable = await access(folder, constants.W_OK).then(
    () => true,
    () => false,
  );
  const where = writable
    ? ok('local', `index, tree and checkpoints lie in ${folder}`)
    : bad(
        'local',
        'fail',
        `${folder} cannot be written: there is no index, and no checkpoint is kept`,
        'make it writable for this user, or name another with ?local=DIR',
      );
  return [where, ...(await spaceChecks(folder)), modeCheck(folder, mode)];
}

async function spaceChecks(folder: string): Promise<Check[]> {
  const { bavail, bsize } = await statfs(folder).catch(() => ({ bavail: null, bsize: 0 }));
  if (bavail === null) return [];
  const free = bavail * bsize;
  const detail = `${byteSize(free)} free`;
  const status = free < FREE_BYTES_FAIL ? 'fail' : free < FREE_BYTES_WARN ? 'warn' : 'ok';
  return status === 'ok'
    ? [ok('disk', detail)]
    : [bad('disk', status, detail, 'free disk space, or move the ledger')];
}

function modeOf(path: string): Promise<number | null> {
  return stat(path).then(
    (info) => info.mode & 0o777,
    () => null,
  );
}

function modeCheck(path: string, mode: number): Check {
  const text = mode.toString(8);
  if ((mode & 0o077) === 0) return ok('modes', `${path} has mode ${text}`);
  const what = (mode & 0o022) === 0 ? 'read' : 'write';
  return bad('modes', 'warn', `${path} has mode ${text}: other users can ${what} it`, `chmod go= ${path}`);
}

async function exists(path: string): Promise<boolean> {
  return access(path).then(
    () => true,
    () => false,
  );
}

function ok(name: string, detail: string): Check {
  return { name, status: 'ok', detail, next: null, tampering: false };
}

function bad(name: string, status: 'warn' | 'fail', detail: string, next: string): Check {
  return { name, status, detail, next, tampering: false };
}

function failed(name: string, error: unknown): Check {
  if (!(error instanceof IndelibleError)) throw error;
  return {
    ...bad(name, 'fail', `${error.code}: ${error.message}`, error.remedy),
    tampering: error.exit_code === 1,
  };
}
