/**
 * Reads the token records of a ledger: those there are, then each new one, also those of other processes.
 *
 * They come from the log itself, where a record's first bytes tell whether it concerns a token. A start may skip what
 * the last count covers (token-count.ts). So an index that lags, fails or was edited cannot keep a revoked token alive.
 */
import { parseRecord } from '@indelible/core';
import { forEachLine } from '../ledger/lines.ts';
import type { LedgerReader, StoredRecord } from '../ledger/types.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import {
  COUNT_EVERY,
  countIn,
  countOf,
  TOKENS_COUNTED,
  type TokenCount,
  type TokenPlace,
} from './token-count.ts';
import { TOKEN_ACTIONS, type TokenFold } from './token-records.ts';

/** Canonical JSON begins with the action, because no member of a record sorts before it. */
const TOKEN_START = Buffer.from(`{"action":"${TOKEN_ACTIONS}`);
const COUNT_START = Buffer.from(`{"action":"${TOKENS_COUNTED}"`);
const PAGE = 1000;

export class TokenFollower {
  readonly #ledger: LedgerReader;
  readonly #fold: TokenFold;
  /** The token records in the fold, oldest first. */
  #places: TokenPlace[] = [];
  /** Everything below this sequence number is in the fold. */
  #next = 0;
  #last_count: TokenCount | null = null;
  #running: Promise<void> | null = null;

  constructor(ledger: LedgerReader, fold: TokenFold) {
    this.#ledger = ledger;
    this.#fold = fold;
  }

  /** Everything below this sequence number is in the fold. */
  get next(): number {
    return this.#next;
  }

  /** Whether the next start would read more than `COUNT_EVERY` records, or, without those below `keep_from`, all. */
  needsCount(keep_from = 0, every = COUNT_EVERY): boolean {
    const last = this.#last_count;
    if (this.#next - (last?.below ?? 0) >= every) return true;
    return (
      last !== null &&
      this.#places.some(({ seq }) => seq >= last.from && seq < Math.min(keep_from, last.below))
    );
  }

  /** The count of what is in the fold, from record `from` on. */
  count(from = 0): TokenCount {
    return countOf(this.#places, from, this.#next);
  }

  /** Folds everything that is durable when it begins. Calls made meanwhile get the run after this one. */
  async catchUp(): Promise<void> {
    while (this.#running !== null) await this.#running.catch(() => {});
    this.#running = this.#read().finally(() => {
      this.#running = null;
    });
    return this.#running;
  }

  async #read(): Promise<void> {
    const { index } = this.#ledger;
    if (this.#next === 0 && index !== null) {
      await this.#startAtCount(index).catch(() => {
        // The log itself has everything; the index's own tail reports its fault.
      });
    }
    const from = Math.max(this.#next, await this.#ledger.store.firstSeq());
    for await (const batch of this.#ledger.store.read(from)) {
      forEachLine(batch, ({ hash, body }, i) => {
        const seq = batch.first_seq + i;
        if (startsWith(body, TOKEN_START)) {
          this.#fold.apply(parseRecord(body));
          // A batch that failed half way is read again.
          if (seq > (this.#places.at(-1)?.seq ?? -1)) this.#places.push({ seq, hash });
        } else if (startsWith(body, COUNT_START)) {
          this.#last_count = countIn(parseRecord(body)) ?? this.#last_count;
        }
      });
      this.#next = batch.first_seq + batch.ends.length;
    }
  }

  /** Takes over what the last count covers, if what the index names is what was counted; otherwise changes nothing. */
  async #startAtCount(index: RecordIndex): Promise<void> {
    const last = await index.search({ filter: { action: TOKENS_COUNTED }, order: 'newest', limit: 1 });
    const [stored] = await this.#ledger.get(last.seqs);
    const count = stored === undefined ? null : countIn(stored.record);
    if (count === null) return;
    const records = await this.#indexed(index, count);
    const places = records.map(({ record, hash }) => ({ seq: record.seq, hash }));
    const found = countOf(places, count.from, count.below);
    if (found.count !== count.count || found.digest !== count.digest) return;
    for (const { record } of records) this.#fold.apply(record);
    this.#places = places;
    this.#next = count.below;
    this.#last_count = count;
  }

  /** The token records that the index names, no more than were counted. */
  async #indexed(index: RecordIndex, { from, below, count }: TokenCount): Promise<StoredRecord[]> {
    const records: StoredRecord[] = [];
    const filter = { action: `${TOKEN_ACTIONS}*` };
    let beyond = from - 1;
    while (records.length < count) {
      const after = beyond < 0 ? {} : { beyond };
      const { seqs, more } = await index.search({ filter, order: 'oldest', limit: PAGE, below, ...after });
      records.push(...(await this.#ledger.get(seqs)));
      if (!more) break;
      beyond = seqs.at(-1)!;
    }
    return records.filter(({ record }) => record.action.startsWith(TOKEN_ACTIONS));
  }
}

function startsWith(body: Uint8Array, start: Buffer): boolean {
  return body.length > start.length && start.equals(body.subarray(0, start.length));
}
