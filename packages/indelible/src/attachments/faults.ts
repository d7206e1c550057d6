/**
 * Turns what the operating system says about a folder of attachments into error codes.
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

/** `doing` completes the sentence "cannot …". Our own errors pass unchanged. */
export function writeFault(error: unknown, doing: string): IndelibleError {
  return fault(error, doing, CODES[systemCode(error)] ?? 'STORE_UNAVAILABLE');
}

/** A file that may not be read is no read-only store. */
export function readFault(error: unknown, doing: string): IndelibleError {
  return fault(error, doing, 'STORE_UNAVAILABLE');
}

function fault(error: unknown, doing: string, code: ErrorCode): IndelibleError {
  if (error instanceof IndelibleError) return error;
  const reason = error instanceof Error ? error.message : String(error);
  return new IndelibleError(code, `cannot ${doing}: ${reason}`, {
    details: { system_code: systemCode(error) },
    cause: error,
  });
}
