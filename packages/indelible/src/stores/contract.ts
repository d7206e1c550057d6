/**
 * What a log store promises. Implementations differ in where the bytes lie, never in this.
 *
 * A store keeps one ledger: a sequence of lines (`{"hash":"…","record":<bytes>}\n`, core's chain/line.ts),
 * in order of their sequence numbers, starting at 0, or later where a sanctioned truncation dropped the oldest.
 * No store knows about chains, keys or meaning: compare-and-append is the whole concurrency story.
 *
 * Errors every store raises: STORE_FULL, STORE_READ_ONLY, STORE_UNAVAILABLE, LEDGER_LOCKED, LEDGER_DAMAGED,
 * LEDGER_CLOSED after `close`.
 */

/**
 * How many threads a store or an index may have, where it would take more: `one` for all that it does, or `none`, which
 * holds up everything else in the thread that asks. For commands, whose time would go into starting threads.
 */
export type Threads = 'one' | 'none';

/** The last record of a ledger. */
export interface Head {
  readonly seq: number;
  readonly hash: string;
}

/** Consecutive lines, back to back. */
export interface LineBatch {
  /** The sequence number of the first line, as the store has it; negative in a shard that begins it knows not where. */
  readonly first_seq: number;
  /** Whole lines. A reader must not keep it past the next batch: stores may reuse the memory. */
  readonly bytes: Uint8Array;
  /** `ends[i]` is the offset just past line i's newline. Its length is the number of lines. */
  readonly ends: ArrayLike<number>;
  /**
   * Where the store files each line, if that is kept apart from the line (a key column): a verifier compares it
   * with the record. Absent where lines have no number but their own.
   */
  readonly stored_seqs?: ArrayLike<number>;
}

/** A part of the log that a verifier can read in a worker thread of its own. */
export interface Shard {
  /** URL of a module that exports `readShard(input): Iterable<LineBatch>`. */
  readonly module: string;
  /** Structured-cloneable argument of `readShard`. */
  readonly input: unknown;
  /** For progress: roughly how many bytes the shard holds. */
  readonly bytes: number;
}

/** Something wrong with the store itself, apart from its records: a dropped trigger, a stray file. */
export interface StoreFinding {
  readonly code:
    | 'segment_missing'
    | 'schema_altered'
    | 'column_altered'
    | 'file_corrupt'
    | 'torn_tail'
    | 'leftover_file'
    | 'unexpected_file'
    | 'overwrite_attempted'
    | 'delete_attempted'
    | 'lock_weakened'
    | 'not_locked'
    | 'head_altered';
  readonly detail: string;
  /** False for what recovery repairs by itself and that is no sign of tampering. */
  readonly damage: boolean;
  readonly seq?: number;
}

export interface LogStore {
  /** How messages name it: its URL, without credentials. */
  readonly url: string;
  /** True when it was opened for reading alone: `append` raises STORE_READ_ONLY. */
  readonly read_only: boolean;

  /** The only name that the ledger in it may have, where the store itself files ledgers by name. */
  readonly ledger_name?: string;

  /** How many appends it works on at once, when that is more than one: a writer gains by keeping so many in flight. */
  readonly appends_in_flight?: number;

  /** About what an event costs its caller, the writer and the store apart from the sync, in milliseconds, where that is much. */
  readonly event_ms?: number;

  /** The last durable record, or null for an empty store. Always fresh, also with other processes appending. */
  head(): Promise<Head | null>;

  /**
   * Appends all of `batch`, or nothing. When it resolves, the batch survives a crash of process and machine.
   * Atomic: a crash leaves the whole batch, nothing of it, or (file store) a torn tail that the next open cuts.
   *
   * `expected` is the head that the batch was sealed upon (null: the store is empty). If the head is another,
   * raises HEAD_MOVED, with the head that it found in `details.head` (null: the store is empty), and changes nothing.
   *
   * After any other error the caller cannot know whether the batch landed: it must call `head()` before its next
   * append, and `head()` then tells what is durable. The store accepts appends again as soon as its medium does.
   *
   * May be called again before it settles, with the head that the first batch leads to. The second then follows the
   * first, settles after it, and raises HEAD_MOVED if the first failed.
   */
  append(batch: LineBatch, expected: Head | null): Promise<void>;

  /**
   * Keeps other processes from appending until this store's next `append`, whatever comes of it, or until the
   * function that it resolves to is called. For a writer that keeps losing the race for the head: on a busy log the
   * one that has just appended is always the first to be ready again. Absent where there can be one writer only.
   */
  reserve?(): Promise<() => Promise<void>>;

  /** Streams the lines with `from` <= seq < `to` (default: all that are there now), in stored order. */
  read(from: number, to?: number): AsyncIterable<LineBatch>;

  /** The lines with these sequence numbers, in the order asked for; those it lacks are left out. */
  get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]>;

  /** The lowest sequence number still stored (0 unless truncated); 0 for an empty store. */
  firstSeq(): Promise<number>;

  /** Resolves when the head may have moved past `seq`, or the signal aborts. Spurious wake-ups are allowed. */
  waitForAppend(seq: number, signal: AbortSignal): Promise<void>;

  /** About `count` parts that together are the whole log, in order. Absent: read it with `read(0)`. */
  shards?(count: number): Promise<Shard[]>;

  /**
   * Looks at the store itself: files, schema, triggers. Never repairs. Where signed statements lie beside the records,
   * they count when they are signed with one of `verifier_keys`; none: with one that is published there.
   */
  inspect(verifier_keys?: readonly string[]): Promise<StoreFinding[]>;

  /**
   * Evicts whole units of storage (segments) whose records all lie below the returned bound, oldest first.
   * Present only in stores with a bounded size. The ledger first records the truncation, then calls `truncate`.
   */
  readonly truncation?: {
    /** The first sequence number to keep if the store is over its bound, else null. */
    due(): Promise<number | null>;
    /** Drops every record below `keep_from`, which must have come from `due()`. Repeating it is harmless. */
    truncate(keep_from: number): Promise<void>;
  };

  /** Flushes and releases everything. Idempotent. */
  close(): Promise<void>;
}
