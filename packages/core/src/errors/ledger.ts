/**
 * The part of the table of errors that is about ledgers, their keys and stores, and copies of them.
 *
 * Pure:    no I/O.
 */
import type { ErrorEntry } from './entry.ts';

export const LEDGER_ERRORS = {
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
  LEDGER_NOT_FOUND: {
    http: 404,
    exit: 3,
    remedy:
      'Create it with `indelible init`, or correct --ledger. The database or bucket, and the right to use it, must be there before.',
  },
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
  STORE_READ_ONLY: {
    http: 503,
    exit: 3,
    remedy: 'Give this user or role the right that the message names; for files, make the folder writable.',
  },
  STORE_UNAVAILABLE: {
    http: 503,
    exit: 3,
    remedy:
      'Check the address, credentials, server or disk that the message names. A server tries again by itself; repeat a command.',
  },
  DRIVER_MISSING: {
    http: 500,
    exit: 2,
    remedy: 'Install the package that the message names: drivers of other stores are optional.',
  },
  STORE_UNSUITABLE: {
    http: 500,
    exit: 3,
    remedy: 'Change the setting that the message names; see the page of the store in docs/format/.',
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
    remedy: 'Name a bucket without versions for the head (head_bucket=…), for archives too.',
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
  // The registry of ledgers
  REGISTRY_UNAVAILABLE: {
    http: 503,
    exit: 3,
    remedy:
      'Make the file named in the message usable, or set INDELIBLE_REGISTRY to another path or to none.',
  },
} as const satisfies Record<string, ErrorEntry>;
