/**
 * Exports: records as CSV, JSON or JSON Lines, streamed, oldest first. All three carry the hashes, and JSON and
 * JSON Lines the exact bytes that were hashed, so that whoever receives the file can verify it.
 *
 * - CSV: the run-log fields. Complete, it is header and records, nothing else; cut by a limit, a last row says
 *   so with event_type `export.truncated`.
 * - JSON: `{"export":{…},"records":[{"hash":…,"record":…},…],"end":{…}}`.
 * - JSON Lines: the ledger's own lines, then one line `{"export":{…},"end":{…}}`.
 *
 * JSON and JSON Lines carry attachments, too (export-attachments.ts).
 *
 * `end` says how many records there are and whether that is all that matched. A file of JSON or JSON Lines
 * without it was cut off on its way. An export covers what was durable when it began.
 *
 * Errors:  INDEX_DAMAGED for a filtered export without an index, RECORD_INVALID for CSV of an unreadable record.
 */
import { canonicalize, IndelibleError, type Json, type LedgerRecord } from '@indelible/core';
import { mayReferToAttachments } from '../ledger/attachment-uses.ts';
import type { LedgerReader } from '../ledger/types.ts';
import type { Head } from '../stores/contract.ts';
import type { Filter } from '../stores/index/contract.ts';
import { csvRow } from './csv.ts';
import { linesBefore, memberBehind, stretches } from './export-attachments.ts';
import { bodyOf, type ExportLine, exportLines, hashOf, recordIn } from './export-lines.ts';
import { RUN_LOG_FIELDS, runLogRow } from './run-log.ts';
import { createRunSteps } from './run-steps.ts';

export const EXPORT_FORMATS = ['csv', 'json', 'jsonl'] as const;
export type ExportFormat = (typeof EXPORT_FORMATS)[number];

export interface ExportOptions {
  readonly format: ExportFormat;
  /** Default: everything. */
  readonly filter?: Filter;
  /** At most this many records; the export then says whether it is complete. */
  readonly limit?: number;
  /** RFC 3339; stands in the file. */
  readonly exported_at: string;
}

/** What an export holds, known at its end. */
export interface ExportSummary {
  readonly count: number;
  /** False when the limit left matching records out. */
  readonly complete: boolean;
  readonly first_seq: number | null;
  readonly last_seq: number | null;
  /** The ledger's last record when the export began. */
  readonly head: Head | null;
  readonly bytes: number;
}

/** A stream of bytes, to be read once; it is made as fast as it is read. */
export interface Export extends AsyncIterable<Uint8Array> {
  readonly content_type: string;
  /** Null until the stream has ended. */
  readonly summary: ExportSummary | null;
}

const CONTENT_TYPES: Record<ExportFormat, string> = {
  csv: 'text/csv; charset=utf-8; header=present',
  json: 'application/json',
  jsonl: 'application/x-ndjson',
};

/** How one format is written. `lines` turns a page into bytes, piece by piece. */
interface Format {
  readonly start: string;
  lines(page: readonly ExportLine[], isFirst: boolean): AsyncIterable<Uint8Array>;
  end(summary: Omit<ExportSummary, 'bytes'>): string;
}

const encoder = new TextEncoder();

/** Begins an export; nothing is read before the first byte is asked for. */
export function exportRecords(reader: LedgerReader, options: ExportOptions): Export {
  let summary: ExportSummary | null = null;
  async function* stream(): AsyncGenerator<Uint8Array> {
    let bytes = 0;
    for await (const part of parts(reader, options, (end) => (summary = { ...end, bytes: 0 }))) {
      bytes += part.length;
      yield part;
    }
    if (summary !== null) summary = { ...summary, bytes };
  }
  const bytes = stream();
  return {
    content_type: CONTENT_TYPES[options.format],
    get summary() {
      return summary;
    },
    [Symbol.asyncIterator]: () => bytes,
  };
}

async function* parts(
  reader: LedgerReader,
  options: ExportOptions,
  ended: (summary: Omit<ExportSummary, 'bytes'>) => void,
): AsyncGenerator<Uint8Array> {
  const filter = options.filter ?? {};
  const limit = options.limit ?? Number.POSITIVE_INFINITY;
  const head = await reader.head();
  if (reader.index !== null) await reader.caughtUp();
  const format = formatOf(reader, options, filter);
  yield encoder.encode(format.start);

  let count = 0;
  let complete = true;
  let first: number | null = null;
  let last: number | null = null;
  for await (const page of exportLines(reader, filter, head === null ? 0 : head.seq + 1)) {
    const taken = page.slice(0, limit - count);
    complete = taken.length === page.length;
    if (taken.length > 0) {
      yield* format.lines(taken, count === 0);
      first ??= taken[0]!.seq;
      last = taken.at(-1)!.seq;
      count += taken.length;
    }
    if (!complete) break;
  }
  const summary = { count, complete, first_seq: first, last_seq: last, head };
  yield encoder.encode(format.end(summary));
  ended(summary);
}

function formatOf(reader: LedgerReader, options: ExportOptions, filter: Filter): Format {
  const manifest = {
    format: 'indelible-export/1',
    ledger: reader.name,
    exported_at: options.exported_at,
    filter: filter as unknown as Json,
    order: 'oldest',
  };
  if (options.format === 'csv') return csvFormat(reader, options, filter);
  if (options.format === 'json')
    return {
      start: `{"export":${canonicalize(manifest)},"records":[`,
      lines: (page, isFirst) => jsonLines(reader, page, isFirst),
      end: (summary) => `\n],"end":${canonicalize(summary)}}\n`,
    };
  return {
    start: '',
    lines: (page) => ledgerLines(reader, page),
    end: (summary) => `{"export":${canonicalize(manifest)},"end":${canonicalize(summary)}}\n`,
  };
}

const LINE_BREAK = encoder.encode('\n');
const COMMA = encoder.encode(',\n');

async function* ledgerLines(reader: LedgerReader, page: readonly ExportLine[]): AsyncGenerator<Uint8Array> {
  const bytes = joined(page.map(({ line }) => line));
  if (!mayReferToAttachments(bytes)) {
    yield bytes;
    return;
  }
  for (const stretch of stretches(page)) {
    if (stretch.use === null) {
      yield joined(stretch.lines.map(({ line }) => line));
    } else {
      yield* linesBefore(reader.attachments, stretch.use);
      yield stretch.line.line;
    }
  }
}

/** Members of a JSON list. */
async function* jsonLines(
  reader: LedgerReader,
  page: readonly ExportLine[],
  isFirst: boolean,
): AsyncGenerator<Uint8Array> {
  let separator = isFirst ? LINE_BREAK : COMMA;
  const entries = (lines: readonly ExportLine[]): Uint8Array => {
    const pieces = lines.flatMap(({ line }, i) => [i === 0 ? separator : COMMA, line.subarray(0, -1)]);
    separator = COMMA;
    return joined(pieces);
  };
  for (const stretch of stretches(page)) {
    if (stretch.use === null) {
      yield entries(stretch.lines);
    } else {
      yield entries([stretch.line]).subarray(0, -1);
      yield encoder.encode(`${await memberBehind(reader.attachments, stretch.use)}}`);
    }
  }
}

function csvFormat(reader: LedgerReader, options: ExportOptions, filter: Filter): Format {
  const members = Object.keys(filter);
  const wholeRuns = members.every((member) => member === 'correlation_id');
  const steps = createRunSteps(reader.index, wholeRuns);
  return {
    start: csvRow(RUN_LOG_FIELDS),
    async *lines(page) {
      const records = page.map(({ seq, line }) => {
        const body = bodyOf(line);
        return { hash: hashOf(line), body, record: readable(seq, body) };
      });
      const rows = page.map(({ seq }, i) => ({ seq, correlation_id: records[i]!.record.correlation_id }));
      const numbers = await steps.number(rows);
      const rowsOfPage = records.map((stored, i) => {
        const row = runLogRow(stored, numbers[i]!);
        return encoder.encode(csvRow(RUN_LOG_FIELDS.map((field) => row[field])));
      });
      yield joined(rowsOfPage);
    },
    end: ({ count, complete }) => (complete ? '' : csvRow(truncationRow(options.exported_at, count))),
  };
}

function truncationRow(at: string, count: number): (string | null)[] {
  const row: Partial<Record<(typeof RUN_LOG_FIELDS)[number], string>> = {
    ts: at,
    source: 'indelible',
    event_type: 'export.truncated',
    status: 'error',
    message: `This export was cut after ${count} records by its limit; more records match.`,
  };
  return RUN_LOG_FIELDS.map((field) => row[field] ?? null);
}

function readable(seq: number, body: string): LedgerRecord {
  const record = recordIn(body);
  if (record !== null) return record;
  throw new IndelibleError(
    'RECORD_INVALID',
    `Record ${seq} cannot be read; JSON Lines exports it as it is.`,
    {
      details: { seq },
    },
  );
}

function joined(pieces: readonly Uint8Array[]): Uint8Array {
  return Buffer.concat(pieces);
}
