/**
 * Which keys may sign a log's checkpoints, as its records say, in their order.
 *
 * The first announcement counts; from then on only a rotation that the key before it has signed changes anything.
 *
 * Pure:    no I/O.
 */
import type { LedgerRecord } from '@indelible/core';
import { statementOf } from './key-records.ts';

export class KeyChain {
  /** Active first. */
  #keys: readonly string[] = [];
  #rotations: readonly { readonly seq: number; readonly from: string }[] = [];
  #announced_seq = -1;

  /** Verifier keys, the active one first. */
  get keys(): readonly string[] {
    return this.#keys;
  }

  get active(): string | null {
    return this.#keys[0] ?? null;
  }

  /** The announcement that the chain rests on; -1 for none. */
  get announced_seq(): number {
    return this.#announced_seq;
  }

  /** Takes in the next record; true when it says something about keys. */
  apply(seq: number, record: LedgerRecord): boolean {
    const statement = statementOf(record);
    if (statement === null) return false;
    if (statement.kind === 'announced') {
      // Announced again where the first announcement was truncated: nothing new.
      if (this.active === null) this.#keys = [...new Set([statement.vkey, ...statement.earlier])];
      if (this.active !== statement.vkey) return false;
      this.#announced_seq = seq;
      return true;
    }
    if (statement.from !== this.active || this.#keys.includes(statement.to)) return false;
    this.#keys = [statement.to, ...this.#keys];
    this.#rotations = [...this.#rotations, { seq, from: statement.from }];
    return true;
  }

  /** Keys that were retired by the records from `size` on: the next checkpoint is signed by them too. */
  retiredSince(size: number): string[] {
    return this.#rotations.filter(({ seq }) => seq >= size).map(({ from }) => from);
  }
}
