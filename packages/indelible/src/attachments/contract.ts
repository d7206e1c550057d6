/**
 * What a store of attachments promises: bytes that are named by their own SHA-256.
 *
 * A name never means other bytes, so there is nothing to overwrite and nothing to lock: any number of processes may put
 * and get at once. No store knows records: what refers to an attachment is for the ledger to know.
 *
 * Errors every store raises: ATTACHMENT_TOO_LARGE, ATTACHMENT_MISSING, ATTACHMENT_ALTERED; STORE_FULL, STORE_READ_ONLY,
 * STORE_UNAVAILABLE for its medium; LEDGER_CLOSED after `close`.
 */

/** Something in the store that is not as it should be; what has the wrong content is for `get` to say. */
export interface AttachmentFinding {
  readonly detail: string;
  /** False for what a crash leaves behind, and for what merely does not belong. */
  readonly damage: boolean;
}

/** Reading attachments. */
export interface AttachmentReader {
  /** How messages name it: its URL, without credentials. */
  readonly url: string;

  /** The bytes, checked against the digest. ATTACHMENT_MISSING when there are none, ATTACHMENT_ALTERED when they differ. */
  get(digest: string): Promise<Uint8Array>;

  /** True when something lies under this digest; whether it is right, `get` says. */
  has(digest: string): Promise<boolean>;

  /** Every digest there is, in no particular order. What is put or removed meanwhile may be in the list or not. */
  list(): AsyncIterable<string>;

  /** Looks at the store itself. Never repairs. */
  inspect(): Promise<AttachmentFinding[]>;

  /** Idempotent. */
  close(): Promise<void>;
}

export interface AttachmentStore extends AttachmentReader {
  readonly read_only: boolean;
  /** The largest attachment that `put` takes. */
  readonly bytes_max: number;

  /**
   * Keeps the bytes and resolves to their digest (`sha-256:<hex>`). When it resolves, `get` gives exactly these bytes,
   * also after a crash of process and machine, and also if something else lay under their name before. A crash before
   * that leaves all of them or nothing under that name. Repeating it is harmless.
   */
  put(bytes: Uint8Array): Promise<string>;

  /** Removes an attachment that no record refers to any more; false when there was none. Durable when it resolves. */
  remove(digest: string): Promise<boolean>;
}
