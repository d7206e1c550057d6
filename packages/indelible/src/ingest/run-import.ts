/**
 * Feeds what an importer finds to a ledger: many records in flight, in the order of the sources.
 *
 * An entry that is bad is counted and reported, and the rest goes in. A ledger that cannot record is another matter:
 * the import stops, waits for what is in flight and raises the ledger's error. Importing again adds what is missing.
 *
 * Errors:  whatever the ledger raised that is not about the one event (STORE_FULL, BACKLOG_FULL, KEY_WRONG, …), with
 *          how far the import came in its message and details.
 */
import { type ErrorCode, type Event, IndelibleError, isIndelibleError, LIMITS } from '@indelible/core';
import type { Importer, ImportSource } from './contract.ts';

/** Records one event; resolves when it is durable. */
export type RecordEvent = (event: Event) => Promise<{ readonly duplicate?: true; readonly seq: number }>;

export interface ImportProblem {
  readonly source: string;
  readonly position: string;
  readonly code: ErrorCode;
  readonly message: string;
  readonly remedy: string;
}

/** What an importer passed over, and why that is as it should be. */
export interface ImportNote {
  readonly source: string;
  readonly position: string;
  readonly remark: string;
}

export interface ImportProgress {
  /** The source being read. */
  readonly source: string;
  /** Entries found, good and bad. */
  readonly read: number;
  readonly added: number;
  readonly duplicates: number;
  readonly failed: number;
  /** Bytes of the sources read so far, as they are stored. */
  readonly bytes: number;
}

export interface ImportSummary extends Omit<ImportProgress, 'source'> {
  readonly sources: number;
  /** The first ERRORS_KEPT problems, as they became known; `failed` counts all. */
  readonly errors: readonly ImportProblem[];
}

export interface ImportOptions {
  /** Records in flight; default 500. */
  readonly concurrency?: number;
  /** Called when more of a source has been read, and at the end of each source. */
  readonly onProgress?: (progress: ImportProgress) => void;
  /** Called for every problem, also for those that the summary leaves out. */
  readonly onError?: (problem: ImportProblem) => void;
  /** Called for what was passed over; it counts as nothing. */
  readonly onRemark?: (note: ImportNote) => void;
}

/** Enough to fill batches; parsed records in flight outlive the young heap, and 2,000 of them cost some 70 MB more. */
const CONCURRENCY = 500;
/** A quarter of what the ledger lets wait, so that an import never fills the backlog by itself. */
const BYTES_IN_FLIGHT_MAX = 16 * 1024 * 1024;
const ERRORS_KEPT = 100;
/** What the ledger adds to an entry, and what its canonical form does, is less. */
const SURELY_FITS_BYTES = LIMITS.record_bytes - 4096;

/** The errors that one event brings upon itself; any other is the ledger's. */
const EVENT_ERRORS: ReadonlySet<ErrorCode> = new Set([
  'ATTACHMENT_TOO_LARGE',
  'EVENT_INVALID',
  'HASH_SIZE',
  'IDEMPOTENCY_CONFLICT',
  'JSON_DUPLICATE_KEY',
  'JSON_INVALID',
  'JSON_LONE_SURROGATE',
  'JSON_NUMBER',
  'JSON_TOO_DEEP',
  'JSON_VALUE',
  'RECORD_TOO_LARGE',
]);

/** Imports all sources, one after the other. */
export async function importInto(
  record: RecordEvent,
  importer: Importer,
  sources: Iterable<ImportSource> | AsyncIterable<ImportSource>,
  options: ImportOptions = {},
): Promise<ImportSummary> {
  const run = new ImportRun(record, options);
  for await (const source of sources) {
    await run.source(importer, source);
    if (run.stopped) break;
  }
  return run.finish();
}

class ImportRun {
  readonly #record: RecordEvent;
  readonly #options: ImportOptions;
  readonly #errors: ImportProblem[] = [];
  #counts = { sources: 0, read: 0, added: 0, duplicates: 0, failed: 0, bytes: 0 };
  #in_flight = 0;
  #bytes_in_flight = 0;
  #bytes_shown = 0;
  #wake = () => {};
  #stop: { error: unknown; source: string; position: string } | null = null;

  constructor(record: RecordEvent, options: ImportOptions) {
    this.#record = record;
    this.#options = options;
  }

  get stopped(): boolean {
    return this.#stop !== null;
  }

  async source(importer: Importer, source: ImportSource): Promise<void> {
    this.#counts.sources++;
    const counted = { name: source.name, bytes: this.#counted(source) };
    for await (const item of importer.read(counted)) {
      if (this.#stop !== null) return;
      if ('remark' in item) {
        this.#options.onRemark?.({ source: source.name, position: item.position, remark: item.remark });
        continue;
      }
      this.#counts.read++;
      if (this.#counts.bytes !== this.#bytes_shown) this.#progress(source.name);
      if ('error' in item) {
        this.#problem(source.name, item.position, item.error);
        continue;
      }
      await this.#room(item.bytes);
      if (this.#stop !== null) return;
      // What becomes an attachment takes its place when that is durable; the order of the source must not suffer.
      const may_attach = item.bytes > SURELY_FITS_BYTES;
      if (may_attach) await this.#idle();
      if (this.#stop !== null) return;
      this.#submit(source.name, item.position, item.event, item.bytes);
      if (may_attach) await this.#idle();
    }
    await this.#idle();
    this.#progress(source.name);
  }

  async finish(): Promise<ImportSummary> {
    await this.#idle();
    if (this.#stop !== null) throw this.#stopError(this.#stop);
    return { ...this.#counts, errors: this.#errors };
  }

  #submit(source: string, position: string, event: Event, bytes: number): void {
    this.#in_flight++;
    this.#bytes_in_flight += bytes;
    // Called at once, not after a turn of the event loop: the order of calls is the order of the source.
    this.#call(event)
      .then(
        (receipt) => {
          if (receipt.duplicate === true) this.#counts.duplicates++;
          else this.#counts.added++;
        },
        (error: unknown) => {
          if (isIndelibleError(error) && EVENT_ERRORS.has(error.code)) this.#problem(source, position, error);
          else this.#stop ??= { error, source, position };
        },
      )
      // A callback of the caller's that throws ends the import too: nothing is swallowed.
      .catch((error: unknown) => {
        this.#stop ??= { error, source, position };
      })
      .then(() => {
        this.#in_flight--;
        this.#bytes_in_flight -= bytes;
        this.#wake();
      });
  }

  async #call(event: Event): Promise<{ readonly duplicate?: true; readonly seq: number }> {
    return this.#record(event);
  }

  /** Waits until a record of this size may be in flight. One alone always may. */
  async #room(bytes: number): Promise<void> {
    const most = this.#options.concurrency ?? CONCURRENCY;
    while (
      this.#stop === null &&
      this.#in_flight > 0 &&
      (this.#in_flight >= most || this.#bytes_in_flight + bytes > BYTES_IN_FLIGHT_MAX)
    ) {
      await this.#settled();
    }
  }

  async #idle(): Promise<void> {
    while (this.#in_flight > 0) await this.#settled();
  }

  #settled(): Promise<void> {
    return new Promise((resolve) => {
      this.#wake = resolve;
    });
  }

  async *#counted(source: ImportSource): AsyncGenerator<Uint8Array> {
    try {
      for await (const chunk of source.bytes) {
        this.#counts.bytes += chunk.length;
        yield chunk;
      }
    } catch (error) {
      // An interruption is no fault of the source, and what comes next in it no entry that failed.
      if (error instanceof Error && error.name === 'AbortError')
        this.#stop ??= { error, source: source.name, position: `byte ${this.#counts.bytes}` };
      throw error;
    }
  }

  #progress(source: string): void {
    const { sources, ...counts } = this.#counts;
    this.#bytes_shown = counts.bytes;
    this.#options.onProgress?.({ source, ...counts });
  }

  #problem(source: string, position: string, error: IndelibleError): void {
    this.#counts.failed++;
    const problem = { source, position, code: error.code, message: error.message, remedy: error.remedy };
    if (this.#errors.length < ERRORS_KEPT) this.#errors.push(problem);
    this.#options.onError?.(problem);
  }

  #stopError(stop: { error: unknown; source: string; position: string }): unknown {
    const { error, source, position } = stop;
    if (!isIndelibleError(error)) return error;
    const { read, added, duplicates, failed } = this.#counts;
    const message = `${error.message} (import stopped at ${source}, ${position}; ${added} added, import again for the rest)`;
    const details = { ...error.details, source, position, read, added, duplicates, failed };
    return new IndelibleError(error.code, message, { details, cause: error });
  }
}
