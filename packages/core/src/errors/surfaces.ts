/**
 * The part of the table of errors that is about imports, HTTP and the command line.
 *
 * Pure:    no I/O.
 */
import type { ErrorEntry } from './entry.ts';

export const SURFACE_ERRORS = {
  // Import
  IMPORT_INCOMPLETE: {
    http: 422,
    exit: 3,
    remedy: 'Correct the entries named above and import again; what went in is not doubled.',
  },
  IMPORT_SOURCE: {
    http: 422,
    exit: 3,
    remedy: 'Check that the file exists, is readable and has the stated format.',
  },
  INPUT_UNREADABLE: {
    http: 422,
    exit: 3,
    remedy: 'Check that the file named exists, may be read, and is not larger than stated.',
  },
  // Surfaces
  UNAUTHORIZED: { http: 401, exit: 3, remedy: 'Send a valid token: Authorization: Bearer <token>.' },
  FORBIDDEN: {
    http: 403,
    exit: 3,
    remedy: 'Use a token with the scope named in the message, bound to this ledger.',
  },
  REQUEST_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Send a well-formed HTTP request; see docs/reference/http.md.',
  },
  NOT_FOUND: { http: 404, exit: 3, remedy: 'Check the identifier; nothing here has it.' },
  METHOD_NOT_ALLOWED: { http: 405, exit: 2, remedy: 'Use a method named in the Allow header.' },
  UNSUPPORTED_MEDIA_TYPE: { http: 415, exit: 2, remedy: 'Send application/json or application/x-ndjson.' },
  BODY_TOO_LARGE: { http: 413, exit: 2, remedy: 'Send a smaller body, or several requests.' },
  RATE_LIMITED: { http: 429, exit: 3, remedy: 'Wait as the Retry-After header says.' },
  TAILS_FULL: { http: 503, exit: 3, remedy: 'Close another tail, or retry as the Retry-After header says.' },
  VERIFY_RUNNING: { http: 409, exit: 3, remedy: 'Retry when the verification under way has ended.' },
  VERIFY_INCOMPLETE: {
    http: 503,
    exit: 3,
    remedy: 'Read the detail: part of the ledger could not be checked.',
  },
  LISTEN_FAILED: {
    http: 503,
    exit: 3,
    remedy: 'Choose another --port or --host: that one is taken, or not on this machine.',
  },
  TOKEN_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Correct the name, scopes or expiry; see `indelible token --help`.',
  },
  TAMPERING: {
    http: 500,
    exit: 1,
    remedy: 'Keep everything as it is: it is evidence. See docs/guides/tampering.md.',
  },
  INTERNAL: { http: 500, exit: 3, remedy: 'Report it with the log line; nothing acknowledged is lost.' },
} as const satisfies Record<string, ErrorEntry>;
