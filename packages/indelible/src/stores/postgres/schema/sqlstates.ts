/**
 * The errors that the schema itself raises, as SQLSTATE codes. Classes that begin with a letter from I on are free for
 * applications. Each error's DETAIL is a JSON object.
 *
 * Source:  docs/format/store-postgres.md.
 */
export const SQLSTATES = {
  /** DETAIL `{"head":{"seq":…,"hash":"…"}}`, or `{"head":null}` for a ledger without records. */
  head_moved: 'ND001',
  /** There is none of this name, or the role is not bound to it: the same answer, so that names do not leak. */
  no_such_ledger: 'ND002',
  /** DETAIL `{"line":…,"problem":"…"}`, counted from 1. */
  lines_refused: 'ND003',
  append_only: 'ND004',
  /** DETAIL `{"seq":…,"idempotency_key":"…"}`. */
  idempotency_conflict: 'ND005',
  /** The sealer's epoch is over, or the rows that it sealed are gone. */
  fenced: 'ND006',
  /** DETAIL `{"code":"EVENT_INVALID","member":"…"}`, with the code of core's error. */
  event_invalid: 'ND007',
  /** Only who has the secret can seal records of a keyed ledger. */
  keyed: 'ND008',
  /** The database, or this session, is set up so that nothing can be recorded. */
  unsuitable: 'ND009',
} as const;
