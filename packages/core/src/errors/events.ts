/**
 * The part of the table of errors that is about what callers send: JSON, events, queries.
 *
 * Pure:    no I/O.
 */
import type { ErrorEntry } from './entry.ts';

export const EVENT_ERRORS = {
  JSON_INVALID: { http: 400, exit: 2, remedy: 'Send well-formed JSON (RFC 8259) in UTF-8.' },
  JSON_DUPLICATE_KEY: { http: 400, exit: 2, remedy: 'Name each member of an object once.' },
  JSON_LONE_SURROGATE: { http: 400, exit: 2, remedy: 'Send well-formed Unicode; escape pairs as pairs.' },
  JSON_NUMBER: {
    http: 400,
    exit: 2,
    remedy: 'Send numbers that a double holds exactly; send larger or finer ones as strings.',
  },
  JSON_TOO_DEEP: { http: 400, exit: 2, remedy: 'Nest objects and arrays at most 64 deep.' },
  JSON_VALUE: {
    http: 400,
    exit: 2,
    remedy: 'Use only null, booleans, finite numbers, strings, arrays, objects.',
  },
  JSON_NOT_CANONICAL: {
    http: 422,
    exit: 1,
    remedy: 'Compare the bytes with RFC 8785; do not re-serialise records.',
  },
  EVENT_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Correct the member named in the message; see docs/format/record.md.',
  },
  RECORD_TOO_LARGE: {
    http: 413,
    exit: 2,
    remedy: 'Keep a record within 65,535 bytes without its data, and an entry of an import within 1 MiB.',
  },
  ATTACHMENT_TOO_LARGE: {
    http: 413,
    exit: 2,
    remedy: 'Send less data (16 MiB by default), or store it elsewhere and record its digest.',
  },
  RECORD_INVALID: {
    http: 422,
    exit: 1,
    remedy: 'Run `indelible verify`: a stored record does not have the shape of one.',
  },
  HASH_SIZE: { http: 400, exit: 2, remedy: 'Pass hashes as exactly 32 bytes (64 hex digits).' },
  IDEMPOTENCY_CONFLICT: {
    http: 409,
    exit: 2,
    remedy: 'Use a new idempotency key for other content, or send the first content again.',
  },
  QUERY_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Correct the filter named in the message; see docs/reference/queries.md.',
  },
  CURSOR_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Pass a cursor exactly as the last page returned it, with the same filters.',
  },
  USAGE: { http: 400, exit: 2, remedy: 'Run the command with --help.' },
} as const satisfies Record<string, ErrorEntry>;
