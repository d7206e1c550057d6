/**
 * The memory store (`memory:`): for tests and trials. Everything is gone with the store; nothing else differs.
 *
 * Errors:  HEAD_MOVED, LEDGER_CLOSED.
 */
import { EventEmitter, once } from 'node:events';
import { IndelibleError, lineHash } from '@indelible/core';
import type { Head, LineBatch, LogStore, StoreFinding } from './contract.ts';

const BATCH_LINES = 1000;

/** A new, empty store. */
export function openMemoryStore(): LogStore {
  return new MemoryStore();
}

class MemoryStore implements LogStore {
  readonly url = 'memory:';
  readonly read_only = false;
  readonly #lines: Uint8Array[] = [];
  readonly #appended = new EventEmitter().setMaxListeners(0);
  #first_seq = 0;
  #closed = false;

  async head(): Promise<Head | null> {
    return this.#head();
  }

  async append(batch: LineBatch, expected: Head | null): Promise<void> {
    // Nothing waits from here to the end: no other append can come between the comparison and the change.
    const head = this.#head();
    if (head?.seq !== expected?.seq || head?.hash !== expected?.hash) {
      throw new IndelibleError('HEAD_MOVED', 'another writer appended first', { details: { head } });
    }
    if (head === null) this.#first_seq = batch.first_seq;
    let start = 0;
    for (let i = 0; i < batch.ends.length; i++) {
      const end = batch.ends[i] as number;
      this.#lines.push(batch.bytes.slice(start, end));
      start = end;
    }
    this.#appended.emit('append');
  }

  async *read(from: number, to?: number): AsyncGenerator<LineBatch> {
    this.#checkOpen();
    const stop = Math.min(to ?? Number.POSITIVE_INFINITY, this.#first_seq + this.#lines.length);
    for (let seq = Math.max(from, this.#first_seq); seq < stop; seq += BATCH_LINES) {
      this.#checkOpen();
      const start = seq - this.#first_seq;
      yield joined(seq, this.#lines.slice(start, Math.min(start + BATCH_LINES, stop - this.#first_seq)));
    }
  }

  async get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    this.#checkOpen();
    return seqs.flatMap((seq) => {
      const line = this.#lines[seq - this.#first_seq];
      return line === undefined ? [] : [{ seq, line: line.slice() }];
    });
  }

  async firstSeq(): Promise<number> {
    this.#checkOpen();
    return this.#first_seq;
  }

  async waitForAppend(seq: number, signal: AbortSignal): Promise<void> {
    this.#checkOpen();
    while (!signal.aborted && !this.#closed) {
      if (this.#first_seq + this.#lines.length - 1 > seq) return;
      await once(this.#appended, 'append', { signal }).catch(() => {}); // Rejects on abort alone.
    }
  }

  async inspect(): Promise<StoreFinding[]> {
    this.#checkOpen();
    return [];
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#appended.emit('append');
  }

  #head(): Head | null {
    this.#checkOpen();
    const line = this.#lines.at(-1);
    if (line === undefined) return null;
    return { seq: this.#first_seq + this.#lines.length - 1, hash: lineHash(line, 0) };
  }

  #checkOpen(): void {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', 'memory: was closed');
  }
}

function joined(first_seq: number, lines: readonly Uint8Array[]): LineBatch {
  const ends: number[] = [];
  let length = 0;
  for (const line of lines) ends.push((length += line.length));
  const bytes = new Uint8Array(length);
  for (const [i, line] of lines.entries()) bytes.set(line, ends[i]! - line.length);
  return { first_seq, bytes, ends };
}
