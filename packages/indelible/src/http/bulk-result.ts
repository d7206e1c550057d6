/**
 * What became of each line of a bulk.
 *
 * Pure:    no I/O.
 */
import type { ErrorCode, IndelibleError, Receipt } from '@indelible/core';

/** Errors listed in the summary; all are counted. */
const ERRORS_LISTED_MAX = 100;

export interface LineError {
  readonly line: number;
  readonly status: number;
  readonly code: ErrorCode;
  readonly detail: string;
}

export class BulkResult {
  /** The result of each line as text, in order; empty unless asked for. */
  readonly #lines: string[] = [];
  readonly #each: boolean;
  readonly #errors: LineError[] = [];
  #received = 0;
  #recorded = 0;
  #duplicates = 0;
  #failed = 0;
  #first_seq = Number.POSITIVE_INFINITY;
  #last_seq = -1;
  #worst: IndelibleError | null = null;

  /** `each`: keep one result per line. */
  constructor(each: boolean) {
    this.#each = each;
  }

  /** Notes a line; what it returns goes with the outcome. */
  begin(line: number): number {
    this.#received++;
    if (this.#each) this.#lines.push(`{"line":${line}}`);
    return this.#received - 1;
  }

  recorded(slot: number, receipt: Receipt): void {
    if (receipt.duplicate) this.#duplicates++;
    else this.#recorded++;
    this.#first_seq = Math.min(this.#first_seq, receipt.seq);
    this.#last_seq = Math.max(this.#last_seq, receipt.seq);
    if (this.#each) this.#finish(slot, { status: receipt.duplicate ? 200 : 201, ...receipt });
  }

  failed(slot: number, line: number, error: IndelibleError): void {
    this.#failed++;
    const { code, message: detail, http_status: status } = error;
    if (this.#worst === null || status > this.#worst.http_status) this.#worst = error;
    this.#list({ line, status, code, detail });
    if (this.#each) this.#finish(slot, { status, code, detail });
  }

  /** 201 when all are recorded, 200 when there was nothing new, 207 when some failed; the worst error's when all did. */
  status(): number {
    if (this.#worst !== null) return this.onlyFailure() === null ? 207 : this.#worst.http_status;
    return this.#recorded > 0 ? 201 : 200;
  }

  /** The worst error when nothing at all went in, else null. */
  onlyFailure(): IndelibleError | null {
    return this.#recorded + this.#duplicates === 0 ? this.#worst : null;
  }

  summary(): Record<string, unknown> {
    const seqs = this.#last_seq < 0 ? {} : { first_seq: this.#first_seq, last_seq: this.#last_seq };
    return {
      received: this.#received,
      recorded: this.#recorded,
      duplicates: this.#duplicates,
      failed: this.#failed,
      ...seqs,
      errors: this.#errors,
    };
  }

  /** One result per line, as NDJSON. */
  lines(): string {
    return this.#lines.map((line) => `${line}\n`).join('');
  }

  /** Keeps the first errors by line number; outcomes may come in another order. */
  #list(error: LineError): void {
    const last = this.#errors.at(-1);
    if (this.#errors.length >= ERRORS_LISTED_MAX && last !== undefined && last.line < error.line) return;
    const place = this.#errors.findLastIndex(({ line }) => line < error.line) + 1;
    this.#errors.splice(place, 0, error);
    if (this.#errors.length > ERRORS_LISTED_MAX) this.#errors.pop();
  }

  #finish(slot: number, result: Record<string, unknown>): void {
    const opening = this.#lines[slot]!.slice(0, -1);
    this.#lines[slot] = `${opening},${JSON.stringify(result).slice(1)}`;
  }
}
