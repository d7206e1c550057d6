/**
 * What an importer promises: it turns the bytes of a named source into events, in the order of the source.
 *
 * An importer streams: its memory does not grow with the size of the source (jsonl.ts states the one exception).
 * It is deterministic: the same bytes give the same events and the same idempotency keys, whatever the source is
 * called, so that a second import adds nothing. It never throws for what the source contains: an entry that cannot
 * become an event is an item with an error, and the entries behind it still follow wherever they can be found.
 */
import type { Event, IndelibleError } from '@indelible/core';

/** A named run of bytes, plain or gzipped. */
export interface ImportSource {
  /** How messages name it: the path as the user gave it. */
  readonly name: string;
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** An entry that became an event. */
export interface ImportedEvent {
  /** Where it stands in the source, e.g. `Records[12]` or `line 7`. */
  readonly position: string;
  readonly event: Event;
  /** The size of the entry in the source, decompressed; bounds what an import keeps in flight. */
  readonly bytes: number;
}

/** An entry, or a stretch of the source, that did not. */
export interface ImportFault {
  readonly position: string;
  readonly error: IndelibleError;
}

/** Something in the source that is neither an entry nor wrong, e.g. the line that ends an export: it is reported. */
export interface ImportRemark {
  readonly position: string;
  readonly remark: string;
}

export type ImportItem = ImportedEvent | ImportFault | ImportRemark;

export interface Importer {
  /** The name that the command line and the documentation use. */
  readonly format: string;
  read(source: ImportSource): AsyncIterable<ImportItem>;
}

/** The largest entry that an importer holds in memory; a larger one is RECORD_TOO_LARGE, and skipped. */
export const ENTRY_BYTES_MAX = 1_048_576;
