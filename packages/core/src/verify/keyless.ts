/**
 * What can be seen of a keyed chain without its key: that lines are records, in order, of one ledger, and that each
 * names the hash that stands beside the one before it. No hash is recomputed, so this proves nothing by itself.
 *
 * Pure:    no I/O.
 */
import type { ChainDamage, ChainFinding } from './damage.ts';
import { LineReader } from './line-reader.ts';
import type { LeafSink } from './stretch.ts';

const FINDINGS_MAX = 100;

export class KeylessChain {
  readonly #reader = new LineReader(() => undefined);
  readonly #leaves: LeafSink | undefined;
  readonly #has_hashes: boolean;
  readonly #findings: ChainFinding[] = [];
  #ledger: string | null = null;
  #next: number | null;
  #hash: string | null = null;
  #records = 0;
  #total = 0;

  /** `has_hashes` is false for lines framed from bare records; `next` is the number that comes first, if known. */
  constructor(has_hashes: boolean, leaves?: LeafSink, next: number | null = null) {
    this.#has_hashes = has_hashes;
    this.#leaves = leaves;
    this.#next = next;
  }

  get records(): number {
    return this.#records;
  }

  get findings(): readonly ChainFinding[] {
    return this.#findings;
  }

  get findings_total(): number {
    return this.#total;
  }

  push(line: Uint8Array, start: number, end: number): void {
    const reader = this.#reader;
    reader.read(line, start, end);
    this.#leaves?.append(reader.leaf());
    this.#records++;
    const next = this.#next ?? reader.seq;
    if (reader.problem !== null) {
      this.#find(reader.problem, Math.max(next, 0), 'it is no canonical record');
      this.#next = next + 1;
      this.#hash = null;
      return;
    }
    if (reader.seq > next) this.#find('missing', next, `records ${next} to ${reader.seq - 1} are not there`);
    else if (reader.seq < next) this.#find('inserted', reader.seq, `it stands behind record ${next - 1}`);
    else if (this.#hash !== null && !reader.linksTo(this.#hash)) {
      this.#find('relinked', next, `it does not name the hash that stands beside record ${next - 1}`);
    }
    this.#ledger ??= reader.ledger();
    if (!reader.isOf(this.#ledger))
      this.#find('wrong_ledger', reader.seq, `it belongs to ${reader.ledger()}`);
    this.#next = reader.seq + 1;
    this.#hash = this.#has_hashes ? reader.stored_hash() : null;
  }

  #find(damage: ChainDamage, seq: number, detail: string): void {
    this.#total++;
    if (this.#findings.length < FINDINGS_MAX) this.#findings.push({ damage, seq, detail });
  }
}
