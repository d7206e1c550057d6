/**
 * The one table of errors: stable code, HTTP status, exit code and the caller's remedy.
 *
 * Codes are part of the public interface: scripts match on them, so they never change meaning.
 * Exit codes: 1 tampering found, 2 the request was wrong, 3 it could not be checked or done.
 *
 * Pure:    no I/O.
 */

import { GOVERNED_ERRORS } from './errors-governed.ts';

interface ErrorEntry {
  readonly http: number;
  readonly exit: 1 | 2 | 3;
  readonly remedy: string;
}

/** Every error that Indelible raises on purpose. docs/reference/errors.md lists the same codes. */
export const ERRORS = {
  // What the caller sent
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
  // Keys of keyed ledgers
  KEY_REQUIRED: { http: 500, exit: 3, remedy: 'Set INDELIBLE_KEY to the secret of this keyed ledger.' },
  KEY_WRONG: {
    http: 500,
    exit: 3,
    remedy: 'Set INDELIBLE_KEY to the secret that this ledger was created with. This is not tampering.',
  },
  KEY_UNKNOWN: {
    http: 500,
    exit: 3,
    remedy: 'Add the secret of the named key id to INDELIBLE_KEYS_RETIRED.',
  },
  KEY_UNEXPECTED: {
    http: 500,
    exit: 3,
    remedy: 'Unset INDELIBLE_KEY, or check that this is the ledger you meant: it is not keyed.',
  },
  KEY_INVALID: { http: 500, exit: 2, remedy: 'Give key material of at least 32 bytes as hex or base64.' },
  // The ledger and its store
  LEDGER_URL: {
    http: 400,
    exit: 2,
    remedy:
      'Use sqlite:FILE, file:DIR, postgres://…, s3://…, nats://… or memory:; see docs/reference/cli.md.',
  },
  LEDGER_NOT_FOUND: { http: 404, exit: 3, remedy: 'Create it with `indelible init`, or correct --ledger.' },
  LEDGER_EXISTS: {
    http: 409,
    exit: 2,
    remedy: 'Choose another place; an existing ledger is never overwritten.',
  },
  LEDGER_LOCKED: {
    http: 423,
    exit: 3,
    remedy: 'Another process writes this ledger: go through its HTTP server, or stop it.',
  },
  LEDGER_TOO_NEW: {
    http: 500,
    exit: 3,
    remedy: 'Use a newer Indelible: the one that wrote this ledger, or a later one.',
  },
  LEDGER_CLOSED: { http: 503, exit: 3, remedy: 'Open the ledger again; it was closed.' },
  LEDGER_DAMAGED: {
    http: 500,
    exit: 1,
    remedy: 'Run `indelible verify`; keep the damaged files as evidence, restore a backup elsewhere.',
  },
  HEAD_MOVED: {
    http: 409,
    exit: 3,
    remedy: 'Read the new head and seal again; the ledger does so by itself.',
  },
  BACKLOG_FULL: {
    http: 503,
    exit: 3,
    remedy: 'Slow down and retry: more records wait than the stated bound.',
  },
  STORE_FULL: {
    http: 507,
    exit: 3,
    remedy: 'Free disk space; nothing acknowledged is lost and recording resumes by itself.',
  },
  STORE_READ_ONLY: { http: 503, exit: 3, remedy: "Make the ledger's folder writable for this user." },
  STORE_UNAVAILABLE: {
    http: 503,
    exit: 3,
    remedy: 'Check the disk and the log; the ledger tries again on the next record.',
  },
  DRIVER_MISSING: {
    http: 500,
    exit: 2,
    remedy: 'Install the package that the message names: drivers of other stores are optional.',
  },
  STORE_UNSUITABLE: {
    http: 500,
    exit: 3,
    remedy: 'Change the setting of the stream that the message names; see docs/format/store-jetstream.md.',
  },
  SCHEMA_MISSING: {
    http: 503,
    exit: 3,
    remedy: 'Run `indelible pg install` as the owner, or paste the output of `indelible pg sql`.',
  },
  OUTBOX_FENCED: {
    http: 409,
    exit: 3,
    remedy: 'Nothing to do: another sealer took over, and the waiting events are its to seal.',
  },
  STORE_NOT_WORM: {
    http: 500,
    exit: 2,
    remedy: 'Use a bucket made with Object Lock and say for how long; see docs/format/store-s3.md.',
  },
  STORE_WITHOUT_CONDITIONS: {
    http: 500,
    exit: 2,
    remedy: 'Name a bucket without versions (head_bucket=…), or archive from another store to this bucket.',
  },
  ATTACHMENT_MISSING: {
    http: 500,
    exit: 1,
    remedy: 'Run `indelible verify`; the attachment may be in a backup, under the same digest.',
  },
  ATTACHMENT_ALTERED: {
    http: 500,
    exit: 1,
    remedy: 'Run `indelible verify`; keep the altered file as evidence, restore a backup elsewhere.',
  },
  INDEX_DAMAGED: {
    http: 500,
    exit: 3,
    remedy: 'Run `indelible reindex`: the index is derived and can be rebuilt.',
  },
  INDEX_BEHIND: {
    http: 503,
    exit: 3,
    remedy: 'Ask again in a moment: the index is catching up. Or ask for what it has, with consistent=false.',
  },
  BACKUP_INVALID: { http: 422, exit: 3, remedy: 'Use another backup; this file is incomplete or altered.' },
  RESTORED_BACKUP_DIFFERS: {
    http: 422,
    exit: 1,
    remedy: 'Keep both files as evidence: the backup does not verify.',
  },
  // Copying a ledger to another store
  COPY_DIVERGED: {
    http: 409,
    exit: 1,
    remedy: 'Keep both as evidence; `indelible verify` each. See docs/guides/moving.md.',
  },
  COPY_GAP: {
    http: 409,
    exit: 3,
    remedy: 'Copy to an empty place: records that this copy lacks were truncated.',
  },
  COPY_DIFFERS: {
    http: 422,
    exit: 1,
    remedy: 'Keep both as evidence: the copy is not what was read. Copy to another place.',
  },
  // Proofs, tiles and signed checkpoints
  PROOF_RANGE: {
    http: 400,
    exit: 2,
    remedy: 'Ask for a record and for sizes that the log has; the first size is at least 1.',
  },
  PROOF_INVALID: {
    http: 422,
    exit: 3,
    remedy: 'Get the proof again: this is not a c2sp.org/tlog-proof file.',
  },
  PROOF_WRONG: {
    http: 422,
    exit: 1,
    remedy: 'Check that the proof is for this record; if it is, keep both as evidence.',
  },
  TILE_INVALID: { http: 400, exit: 3, remedy: 'Compare paths and sizes with docs/format/tiles.md.' },
  TILE_MISSING: { http: 404, exit: 3, remedy: 'Get the tile, or the full one if the partial one is gone.' },
  NOTE_INVALID: { http: 422, exit: 3, remedy: 'Get the note again, byte for byte: this is no signed note.' },
  CHECKPOINT_INVALID: {
    http: 422,
    exit: 3,
    remedy: 'Get the checkpoint again; see docs/format/checkpoint.md.',
  },
  CHECKPOINT_OTHER_LOG: {
    http: 422,
    exit: 3,
    remedy: 'Give the key and origin of the log that this checkpoint is from.',
  },
  COSIGNATURE_INVALID: {
    http: 422,
    exit: 2,
    remedy: 'Use a cosignature key, whole seconds, and names of at most 255 bytes.',
  },
  SIGNATURE_MISSING: {
    http: 422,
    exit: 3,
    remedy: 'Give the verifier key of the log; none of the keys given has signed this.',
  },
  SIGNATURE_WRONG: {
    http: 422,
    exit: 1,
    remedy: 'Keep it as evidence: a key you know is named, but did not sign this text.',
  },
  SIGNATURE_ALGORITHM: {
    http: 500,
    exit: 3,
    remedy: 'Check the signer, or hand in an implementation of the algorithm.',
  },
  VERIFIER_KEY_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Copy the verifier key again (name+id+base64), and give each key once.',
  },
  CHECKPOINT_MISSING: {
    http: 404,
    exit: 3,
    remedy: 'Wait for the next checkpoint (about a second), or have the ledger opened with a signing key.',
  },
  CHECKPOINT_FORK: {
    http: 500,
    exit: 1,
    remedy:
      'Keep everything as it is: the log no longer continues what was signed. See docs/guides/tampering.md.',
  },
  TREE_DAMAGED: {
    http: 500,
    exit: 3,
    remedy: 'Remove the tree files (not checkpoints.db): they are derived, and built again from the log.',
  },
  SIGNER_MISSING: {
    http: 503,
    exit: 3,
    remedy: 'Open the ledger with a signing key; see docs/guides/proofs.md.',
  },
  SIGNER_REFUSED: {
    http: 500,
    exit: 2,
    remedy: 'Use the active signing key, or rotate to the new key with the active one.',
  },
  SIGNER_FAILED: {
    http: 503,
    exit: 3,
    remedy: 'Check the signer; recording goes on, and signing is tried again.',
  },
  SIGNING_KEY_INVALID: {
    http: 500,
    exit: 2,
    remedy: 'Give an Ed25519 private key as PKCS#8 PEM, or its 32-byte seed as base64.',
  },
  SIGNING_KEY_EXPOSED: {
    http: 500,
    exit: 2,
    remedy: 'Keep the key outside the folder of the ledger, with mode 0600: chmod 600 FILE.',
  },
  WITNESSES_MISSING: {
    http: 422,
    exit: 3,
    remedy: 'Wait for more witnesses to cosign, or ask for fewer.',
  },
  // Other machines: witnesses, and logs that are followed
  REMOTE_URL: {
    http: 400,
    exit: 2,
    remedy: 'Give an https address (http for this machine only) without credentials, query or fragment.',
  },
  REMOTE_FAILED: {
    http: 502,
    exit: 3,
    remedy: 'Check the address and the network; what was asked for can be asked again.',
  },
  WITNESS_CONFIG: {
    http: 400,
    exit: 2,
    remedy: 'Correct the list of logs, key file or policy named; see docs/guides/witnesses.md.',
  },
  WITNESS_STATE: {
    http: 503,
    exit: 3,
    remedy: 'Check witness.db and its disk; never restore an older copy of it.',
  },
  MONITOR_STATE: {
    http: 500,
    exit: 3,
    remedy: 'Restore the state file, or delete it to trust what the log shows next.',
  },
  // Anchors
  ANCHOR_URL: {
    http: 400,
    exit: 2,
    remedy:
      'Use file:PATH, sqlite:PATH, postgres://…, https://…, tsa+https://…?roots=FILE or s3://…; see docs/guides/anchors.md.',
  },
  ANCHOR_CONFIG: {
    http: 500,
    exit: 2,
    remedy:
      'Correct what the message names (a secret, root certificates, a name); see docs/guides/anchors.md.',
  },
  ANCHOR_UNAVAILABLE: {
    http: 503,
    exit: 3,
    remedy: 'Check that the anchor can be reached; publishing is tried again by itself.',
  },
  ANCHOR_REFUSED: {
    http: 502,
    exit: 3,
    remedy: 'Check the address and the settings of the anchor: it answered, but not with what was asked for.',
  },
  ANCHOR_CONFLICT: {
    http: 409,
    exit: 1,
    remedy: 'Keep ledger and anchor as evidence: the anchor holds another or a longer history of this log.',
  },
  ANCHOR_DAMAGED: {
    http: 500,
    exit: 1,
    remedy: 'Keep the anchor as evidence: what it keeps was altered. Anchor to a new place.',
  },
  WEBHOOK_INVALID: {
    http: 401,
    exit: 3,
    remedy: 'Do not act on the request: it is not signed with this secret, or not of these minutes.',
  },
  POLICY_INVALID: {
    http: 422,
    exit: 2,
    remedy: 'Correct the line named in the message; see docs/format/policy.md.',
  },
  WITNESS_REQUEST_INVALID: {
    http: 400,
    exit: 2,
    remedy: 'Send old size, proof, an empty line and the checkpoint; see docs/format/witness.md.',
  },
  WITNESS_RESPONSE_INVALID: {
    http: 502,
    exit: 3,
    remedy: 'Check the URL of the witness: what answered does not speak c2sp.org/tlog-witness.',
  },
  // The registry of ledgers
  REGISTRY_UNAVAILABLE: {
    http: 503,
    exit: 3,
    remedy:
      'Make the file named in the message usable, or set INDELIBLE_REGISTRY to another path or to none.',
  },
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
  ...GOVERNED_ERRORS,
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
