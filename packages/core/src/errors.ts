/**
 * The one table of errors: stable code, HTTP status, exit code and the caller's remedy.
 *
 * Codes are part of the public interface: scripts match on them, so they never change meaning.
 * Exit codes: 1 tampering found, 2 the request was wrong, 3 it could not be checked or done.
 *
 * Pure:    no I/O.
 */
import { EVENT_ERRORS } from './errors/events.ts';
import { GOVERNED_ERRORS } from './errors/governed.ts';
import { LEDGER_ERRORS } from './errors/ledger.ts';
import { PROOF_ERRORS } from './errors/proofs.ts';
import { SURFACE_ERRORS } from './errors/surfaces.ts';

/** Every error that Indelible raises on purpose. docs/reference/errors.md lists the same codes. */
export const ERRORS = {
  ...EVENT_ERRORS,
  ...LEDGER_ERRORS,
  ...PROOF_ERRORS,
  ...GOVERNED_ERRORS,
  ...SURFACE_ERRORS,
} as const;

export type ErrorCode = keyof typeof ERRORS;

/** An error with a stable `code`; `message` says what happened, `remedy` what the caller can do. */
export class IndelibleError extends Error {
  override readonly name = 'IndelibleError';
  readonly code: ErrorCode;
  /** Facts for programs, safe to show: never secrets. */
  readonly details: Readonly<Record<string, unknown>>;

  constructor(
    code: ErrorCode,
    message: string,
    options: { details?: Record<string, unknown>; cause?: unknown } = {},
  ) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.code = code;
    this.details = options.details ?? {};
  }

  get remedy(): string {
    return ERRORS[this.code].remedy;
  }
  get http_status(): number {
    return ERRORS[this.code].http;
  }
  get exit_code(): 1 | 2 | 3 {
    return ERRORS[this.code].exit;
  }
}

/** True for our own errors; with `code`, only for that one. */
export function isIndelibleError(error: unknown, code?: ErrorCode): error is IndelibleError {
  return error instanceof IndelibleError && (code === undefined || error.code === code);
}
