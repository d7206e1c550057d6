/**
 * Turns what the operating system says into the store's error codes.
 *
 * Pure:    no I/O.
 */
import { type ErrorCode, IndelibleError } from '@indelible/core';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EROFS: 'STORE_READ_ONLY',
  EACCES: 'STORE_READ_ONLY',
  EPERM: 'STORE_READ_ONLY',
};

/** The system's error code of anything thrown, or ''. */
export function systemCode(error: unknown): string {
  const code = (error as { code?: unknown } | null)?.code;
  return typeof code === 'string' ? code : '';
}

/** `doing` completes the sentence "Cannot …". Our own errors pass unchanged. */
export function writeFault(error: unknown, doing: string): IndelibleError {
  if (error instanceof IndelibleError) return error;
  const system = systemCode(error);
  return new IndelibleError(CODES[system] ?? 'STORE_UNAVAILABLE', `Cannot ${doing}: ${reason(error)}.`, {
    details: { system_code: system },
    cause: error,
  });
}

/** Reading needs no permission to write, so that EACCES is no read-only store but one that cannot be read. */
export function readFault(error: unknown, doing: string): IndelibleError {
  if (error instanceof IndelibleError) return error;
  return new IndelibleError('STORE_UNAVAILABLE', `Cannot ${doing}: ${reason(error)}.`, {
    details: { system_code: systemCode(error) },
    cause: error,
  });
}

/** Acknowledged records are not as they were left. */
export function damaged(message: string): IndelibleError {
  return new IndelibleError('LEDGER_DAMAGED', message);
}

function reason(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
