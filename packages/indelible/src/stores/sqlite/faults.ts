/**
 * What went wrong in SQLite, as one of our errors.
 *
 * Errors:  STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE, LEDGER_DAMAGED, LEDGER_NOT_FOUND; anything else INTERNAL.
 * Source:  https://sqlite.org/rescode.html (the low byte is the primary result code).
 */
import { accessSync, constants, existsSync } from 'node:fs';
import { dirname } from 'node:path';
import type { ErrorCode } from '@indelible/core';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { SQLITE_FULL, sqliteResult } from '../../sqlite-result.ts';

export const SQLITE_BUSY = 5;
export const SQLITE_READONLY = 8;
export const SQLITE_CORRUPT = 11;
export const SQLITE_CANTOPEN = 14;
export const SQLITE_NOTADB = 26;

const BY_RESULT: Readonly<Record<number, readonly [ErrorCode, string]>> = {
  3: ['STORE_READ_ONLY', 'may not be accessed by this user'],
  [SQLITE_BUSY]: ['STORE_UNAVAILABLE', 'is busy: another process kept it locked for too long'],
  6: ['STORE_UNAVAILABLE', 'is locked'],
  7: ['STORE_UNAVAILABLE', 'could not be used: out of memory'],
  [SQLITE_READONLY]: ['STORE_READ_ONLY', 'cannot be written'],
  10: ['STORE_UNAVAILABLE', 'could not be read or written: the disk reported an error'],
  [SQLITE_CORRUPT]: ['LEDGER_DAMAGED', 'is corrupt: its SQLite structure does not hold together'],
  [SQLITE_FULL]: ['STORE_FULL', 'could not grow: the disk is full'],
  // The head was compared in the same transaction, so our own rows cannot break a rule of our own schema.
  19: ['LEDGER_DAMAGED', 'refused a row that its schema should allow: the schema was altered'],
  [SQLITE_NOTADB]: ['LEDGER_DAMAGED', 'is not an SQLite file, or its first page is destroyed'],
};

const BY_ERRNO: Readonly<Record<string, ErrorCode>> = {
  EACCES: 'STORE_READ_ONLY',
  EPERM: 'STORE_READ_ONLY',
  EROFS: 'STORE_READ_ONLY',
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  ENOENT: 'LEDGER_NOT_FOUND',
};

/** Turns whatever was thrown while working on `file` into an IndelibleError. */
export function storeFault(error: unknown, file: string): IndelibleError {
  if (isIndelibleError(error)) return error;
  const message = error instanceof Error ? error.message : String(error);
  const result = sqliteResult(error);
  if (result === null) {
    const code = BY_ERRNO[(error as { code?: string }).code ?? ''] ?? 'INTERNAL';
    return new IndelibleError(code, `${file}: ${message}`, { cause: error });
  }
  const details = { sqlite_result: (error as { errcode: number }).errcode };
  const known = BY_RESULT[result];
  if (known !== undefined) {
    return new IndelibleError(known[0], `${file} ${known[1]} (${message})`, { details, cause: error });
  }
  if (result === SQLITE_CANTOPEN)
    return new IndelibleError(cannotOpen(file), `${file} cannot be opened (${message})`, {
      details,
      cause: error,
    });
  if (result === 1 && /^no such (table|column)|malformed/.test(message)) {
    return new IndelibleError('LEDGER_DAMAGED', `${file}: its schema was altered (${message})`, {
      details,
      cause: error,
    });
  }
  return new IndelibleError('INTERNAL', `${file}: ${message}`, { details, cause: error });
}

/** SQLite says CANTOPEN for a missing file, a missing folder and missing permissions alike. */
function cannotOpen(file: string): ErrorCode {
  if (!existsSync(file)) return 'LEDGER_NOT_FOUND';
  try {
    accessSync(file, constants.R_OK | constants.W_OK);
    accessSync(dirname(file), constants.W_OK);
  } catch {
    return 'STORE_READ_ONLY';
  }
  return 'STORE_UNAVAILABLE';
}
