/**
 * Which idempotency keys are taken, so that a retried append returns the first receipt.
 *
 * The index knows the keys of everything it has indexed; this remembers the rest: records that are durable but not
 * indexed yet, also those that other processes appended. Together they cover the whole log, across restarts; while the
 * index is rebuilt, whoever asks for a key waits for it.
 *
 * Errors:  INDEX_BEHIND, and what keeps the index from being rebuilt.
 *
 * The keys of the newest records stay here for a while: whoever can tell behind which record its key must be, if it is
 * anywhere, need not have the index asked.
 */
import { IndelibleError, parseRecord, type Receipt } from '@indelible/core';
import type { LineBatch, LogStore } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import { forEachLine, lineOf } from './lines.ts';

/** The record that a key belongs to. */
export interface KeyHolder {
  readonly digest: string;
  readonly receipt: Receipt;
}

/** Has the index reach a position; rejects when it fails, or takes longer than `wait_ms`. */
type IndexReaches = (position: number, wait_ms: number | null) => Promise<void>;

/** How many keys are remembered here before appends wait for the index: some 10 MB. */
const RECENT_MAX = 20_000;
/** So many records behind the index's position keep their keys here. */
const KEPT_RECORDS = 1000;
const BOUNDS_MAX = 1000;

export class IdempotencyKeys {
  readonly #store: LogStore;
  readonly #index: RecordIndex | null;
  readonly #index_wait_ms: number | null;
  readonly #recent = new Map<string, KeyHolder>();
  /** From this record on every key is in `#recent`. */
  #complete_from = Number.POSITIVE_INFINITY;
  /** Keys that no record up to this one has. */
  readonly #behind = new Map<string, number>();

  constructor(store: LogStore, index: RecordIndex | null, index_wait_ms: number | null) {
    this.#store = store;
    this.#index = index;
    this.#index_wait_ms = index_wait_ms;
  }

  #index_reaches: IndexReaches | null = null;

  set index_reaches(reach: IndexReaches) {
    this.#index_reaches = reach;
  }

  /** True when so many keys are remembered that appends should wait for `makeRoom`. */
  get crowded(): boolean {
    return this.#recent.size > RECENT_MAX && this.#index_reaches !== null;
  }

  /** Waits until the index has taken over half of the keys. An index that fails never stops appends. */
  async makeRoom(): Promise<void> {
    let middle = this.#recent.size / 2;
    for (const { receipt } of this.#recent.values()) {
      if (--middle > 0) continue;
      await this.#index_reaches?.(receipt.seq + 1, null).catch(() => {});
      return;
    }
  }

  /** Remembers a durable record's key until the index has it. */
  add(key: string, holder: KeyHolder): void {
    this.#behind.delete(key);
    this.#recent.set(key, holder);
  }

  /** The caller knows that no record up to `seq` has this key. That stays true whatever is appended. */
  isBehind(key: string, seq: number): void {
    // What is forgotten is asked of the index. Only keys of appends that failed gather here.
    if (this.#behind.size >= BOUNDS_MAX) this.#behind.clear();
    this.#behind.set(key, seq);
  }

  /** Every key of the records from `seq` on has been learnt, up to the head that appends are to follow. */
  isCompleteFrom(seq: number): void {
    this.#complete_from = seq;
  }

  /** Learns the keys of lines that were appended elsewhere or before this process started. */
  learn(batch: LineBatch): void {
    forEachLine(batch, (line) => {
      // Parsing every record to find the few with a key would dominate opening a large log.
      if (!Buffer.from(line.body.buffer, line.body.byteOffset, line.body.length).includes('"idempotency":{'))
        return;
      const holder = holderOf(line.hash, line.body);
      if (holder !== null) this.#recent.set(holder.key, holder);
    });
  }

  /** Forgets keys that the index holds by now, but for the newest. */
  forgetBelow(position: number): void {
    const kept_from = position - KEPT_RECORDS;
    this.#complete_from = Math.max(this.#complete_from, kept_from);
    for (const [key, holder] of this.#recent) {
      if (holder.receipt.seq >= kept_from) return;
      this.#recent.delete(key);
    }
  }

  /** The holders of those keys that are taken. Waits for an index that is being rebuilt. */
  async find(keys: readonly string[]): Promise<Map<string, KeyHolder>> {
    const found = new Map<string, KeyHolder>();
    const unknown: string[] = [];
    for (const key of keys) {
      const holder = this.#recent.get(key);
      if (holder !== undefined) found.set(key, holder);
      else if ((this.#behind.get(key) ?? -1) + 1 < this.#complete_from) unknown.push(key);
    }
    if (this.#index === null || unknown.length === 0) return found;
    const indexed = await this.#askIndex(this.#index, unknown);
    if (indexed.size === 0) return found;
    for (const { line } of await this.#store.get([...indexed.values()])) {
      const holder = holderOf(...lineOf(line));
      if (holder !== null) found.set(holder.key, holder);
    }
    return found;
  }

  /**
   * A key that the index lacks is free only if the index reaches to what is remembered here. It does not while it is
   * rebuilt: the keys that it was given before are forgotten. Raises what keeps the index from reaching so far.
   */
  async #askIndex(index: RecordIndex, keys: readonly string[]): Promise<Map<string, number>> {
    // As it is now: what is forgotten while we ask, the index had when we asked or after.
    const complete_from = this.#complete_from;
    for (;;) {
      const { seqs, position } = await index.byIdempotencyKeys(keys);
      if (position >= complete_from || this.#index_reaches === null) return seqs;
      await this.#index_reaches(complete_from, this.#index_wait_ms);
    }
  }
}

/** The first receipt for a retry, or IDEMPOTENCY_CONFLICT when the content is another. */
export function receiptOfRetry(holder: KeyHolder, key: string, digest: string): Receipt {
  if (holder.digest === digest) return { ...holder.receipt, duplicate: true };
  throw new IndelibleError(
    'IDEMPOTENCY_CONFLICT',
    `record ${holder.receipt.seq} has this idempotency key and other content`,
    {
      details: { idempotency_key: key, seq: holder.receipt.seq },
    },
  );
}

function holderOf(hash: string, body: Uint8Array): (KeyHolder & { key: string }) | null {
  const record = parseRecord(body);
  if (record.idempotency === undefined) return null;
  const { seq, id, recorded_at, correlation_id } = record;
  return { ...record.idempotency, receipt: { seq, id, hash, recorded_at, correlation_id } };
}
