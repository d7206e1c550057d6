/**
 * Reads the token records of a ledger: those there are, then each new one, also those of other processes.
 *
 * What is indexed comes from the index; the rest, and everything when the index fails, from the log itself, where a
 * record's first bytes tell whether it concerns a token. So nothing is read twice, and an index that lags or fails
 * cannot keep a revoked token alive.
 */
import { parseRecord } from '@indelible/core';
import { forEachLine } from '../ledger/lines.ts';
import type { LedgerReader } from '../ledger/types.ts';
import { TOKEN_ACTIONS, type TokenFold } from './token-records.ts';

/** Canonical JSON begins with the action, because no member of a record sorts before it. */
const BODY_START = Buffer.from(`{"action":"${TOKEN_ACTIONS}`);
const PAGE = 1000;

export class TokenFollower {
  readonly #ledger: LedgerReader;
  readonly #fold: TokenFold;
  /** Everything below this sequence number is in the fold. */
  #next = 0;
  #running: Promise<void> | null = null;

  constructor(ledger: LedgerReader, fold: TokenFold) {
    this.#ledger = ledger;
    this.#fold = fold;
  }

  /** Everything below this sequence number is in the fold. */
  get next(): number {
    return this.#next;
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
    await this.#readIndexed().catch(() => {
      // The log itself has everything; the index's own tail reports its fault.
    });
    const from = Math.max(this.#next, await this.#ledger.store.firstSeq());
    for await (const batch of this.#ledger.store.read(from)) {
      forEachLine(batch, ({ body }) => {
        if (isTokenRecord(body)) this.#fold.apply(parseRecord(body));
      });
      this.#next = batch.first_seq + batch.ends.length;
    }
  }

  async #readIndexed(): Promise<void> {
    const { index } = this.#ledger;
    if (index === null) return;
    const head = await this.#ledger.head();
    const below = Math.min(await index.position(), head === null ? 0 : head.seq + 1);
    while (below > this.#next) {
      const beyond = this.#next === 0 ? {} : { beyond: this.#next - 1 };
      const filter = { action: `${TOKEN_ACTIONS}*` };
      const { seqs, more } = await index.search({ filter, order: 'oldest', limit: PAGE, below, ...beyond });
      for (const { record } of await this.#ledger.get(seqs)) this.#fold.apply(record);
      this.#next = more ? seqs.at(-1)! + 1 : below;
    }
  }
}

function isTokenRecord(body: Uint8Array): boolean {
  return body.length > BODY_START.length && BODY_START.equals(body.subarray(0, BODY_START.length));
}
