/**
 * What went wrong in PostgreSQL, or on the way there, as one of our errors.
 *
 * Errors:  HEAD_MOVED, STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE, LEDGER_NOT_FOUND, LEDGER_DAMAGED, SCHEMA_MISSING;
 *          anything else INTERNAL. The server's `detail` and `where` may quote records and are left out.
 * Source:  https://www.postgresql.org/docs/current/errcodes-appendix.html
 */
import type { ErrorCode } from '@indelible/core';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Head } from '../contract.ts';
import { SQLSTATES } from './schema/index.ts';

type Meaning = readonly [ErrorCode, string];

const BY_STATE: Readonly<Record<string, Meaning>> = {
  [SQLSTATES.no_such_ledger]: ['LEDGER_NOT_FOUND', 'holds no such ledger, or this role is not bound to it'],
  [SQLSTATES.append_only]: ['STORE_READ_ONLY', 'refused: records are append-only'],
  [SQLSTATES.unsuitable]: ['STORE_UNSUITABLE', 'cannot keep a ledger as it is set up'],
  [SQLSTATES.fenced]: ['OUTBOX_FENCED', 'has another sealer by now'],
  '25006': ['STORE_READ_ONLY', 'is a standby, or read-only'],
  '25P03': ['STORE_UNAVAILABLE', 'ended the session: its transaction was idle for too long'],
  '25P04': ['STORE_UNAVAILABLE', 'ended the session: transaction_timeout is too short'],
  '26000': ['STORE_UNAVAILABLE', 'forgot a statement: is there a pooler in transaction mode between?'],
  '28000': ['STORE_UNAVAILABLE', 'did not let us in: the role or its authentication'],
  '28P01': ['STORE_UNAVAILABLE', 'did not let us in: the password'],
  '3D000': ['LEDGER_NOT_FOUND', 'is not there: no such database'],
  '3F000': ['SCHEMA_MISSING', 'has no schema indelible, or this role may not use it'],
  '40001': ['STORE_UNAVAILABLE', 'had the transaction give way to another'],
  '40P01': ['STORE_UNAVAILABLE', 'broke a deadlock'],
  '42P05': [
    'STORE_UNAVAILABLE',
    'has a statement of another session: is there a pooler in transaction mode between?',
  ],
  '42501': ['STORE_READ_ONLY', 'does not permit it to this role'],
  '42883': ['SCHEMA_MISSING', 'lacks a function of the schema indelible'],
  '42P01': ['SCHEMA_MISSING', 'lacks a table of the schema indelible'],
  '53100': ['STORE_FULL', 'has a full disk'],
  '53300': ['STORE_UNAVAILABLE', 'has too many connections'],
  '55P03': ['STORE_UNAVAILABLE', 'is busy: another transaction held the ledger for too long'],
  '57014': ['STORE_UNAVAILABLE', 'took too long'],
  '57P05': ['STORE_UNAVAILABLE', 'ended the session: it was idle for longer than idle_session_timeout'],
};

const BY_CLASS: Readonly<Record<string, Meaning>> = {
  // The head was compared under the lock, so our own rows cannot break a rule of our own schema.
  23: ['LEDGER_DAMAGED', 'refused a row that its schema should allow: the schema was altered'],
  53: ['STORE_UNAVAILABLE', 'is out of resources'],
  57: ['STORE_UNAVAILABLE', 'is shutting down or starting'],
  58: ['STORE_UNAVAILABLE', 'met an error of its operating system'],
  '08': ['STORE_UNAVAILABLE', 'could not be reached'],
  XX: ['LEDGER_DAMAGED', 'met data that it cannot read'],
};

/** The server's code for an error that it raised, else null. */
export function sqlState(error: unknown): string | null {
  const { code, severity } = (error ?? {}) as { code?: unknown; severity?: unknown };
  return typeof code === 'string' && typeof severity === 'string' && code.length === 5 ? code : null;
}

/** Whether the server asks for a password and the driver has none: it says so in words alone. */
export function lacksPassword(error: unknown): boolean {
  return error instanceof Error && /^SASL: .*password must be a/.test(error.message);
}

/** Whether the connection is gone, or as good as gone, so that nobody can say what came of what was under way. */
export function isLost(error: unknown): boolean {
  const state = sqlState(error);
  if (state === null) return !isIndelibleError(error);
  const { severity } = error as { severity: string };
  return severity === 'FATAL' || severity === 'PANIC' || state.startsWith('08') || /^57P0/.test(state);
}

/** Turns whatever was thrown while talking to the server into an IndelibleError. */
export function storeFault(error: unknown, shown: string): IndelibleError {
  if (isIndelibleError(error)) return error;
  const state = sqlState(error);
  const { message = String(error), code, path } = (error ?? {}) as Partial<NodeJS.ErrnoException>;
  if (lacksPassword(error)) {
    const hint = 'did not let us in: it asks for a password (PGPASSWORD, ~/.pgpass)';
    return new IndelibleError('STORE_UNAVAILABLE', `${shown} ${hint}`, { cause: error });
  }
  if (state === null) {
    // Node's own errors name hosts and ports; those of `pg` are sentences; a file is of certificates.
    const why = path === undefined ? (code ?? message) : `${path}: ${code}`;
    return new IndelibleError('STORE_UNAVAILABLE', `${shown} could not be reached: ${why}`, { cause: error });
  }
  const details = { sqlstate: state };
  if (state === SQLSTATES.head_moved) {
    const head = headIn(error);
    return new IndelibleError('HEAD_MOVED', 'another writer appended first', { details: { head } });
  }
  const [known, means] = BY_STATE[state] ?? BY_CLASS[state.slice(0, 2)] ?? ['INTERNAL', 'raised an error'];
  return new IndelibleError(known, `${shown} ${means} (${state}: ${message})`, { details });
}

function headIn(error: unknown): Head | null {
  const { head } = JSON.parse((error as { detail?: string }).detail ?? '{"head":null}') as {
    head: Head | null;
  };
  return head === null ? null : { seq: Number(head.seq), hash: head.hash };
}
