/**
 * The lines that an export covers, oldest first, page by page, in constant memory.
 *
 * Everything is read straight from the store; anything else goes through the index, and each record it names is
 * looked at again. Both end at a bound that is fixed beforehand, so an export of a growing ledger ends.
 */
import { type LedgerRecord, lineBody, lineHash, parseJsonText } from '@indelible/core';
import type { LedgerReader } from '../ledger/types.ts';
import type { Filter } from '../stores/index/contract.ts';
import { matchesFilter } from './matches.ts';
import { indexOf } from './query.ts';

export interface ExportLine {
  readonly seq: number;
  /** The whole line with its newline; the caller may keep it. */
  readonly line: Uint8Array;
}

const PAGE_LINES = 1000;
/** A page ends at the line that reaches this. */
const PAGE_BYTES = 1 << 20;
/** Looked up at once: their sizes are not known before, and all may be of the greatest. */
const GET_LINES = 128;

/** Lines with seq < `bound` that match, in pages of at most 1,000 lines and about 1 MB; no page is empty. */
export async function* exportLines(
  reader: LedgerReader,
  filter: Filter,
  bound: number,
): AsyncGenerator<ExportLine[]> {
  if (Object.keys(filter).length === 0) yield* everything(reader, bound);
  else yield* matching(reader, filter, bound);
}

async function* everything(reader: LedgerReader, bound: number): AsyncGenerator<ExportLine[]> {
  for await (const { first_seq, bytes, ends } of reader.store.read(0, bound)) {
    for (let from = 0; from < ends.length; ) {
      const start = from === 0 ? 0 : ends[from - 1]!;
      let to = from + 1;
      while (to < ends.length && to - from < PAGE_LINES && ends[to - 1]! - start < PAGE_BYTES) to++;
      // One copy per page: the store may reuse its memory, and lines outlive the batch in the consumer.
      const copy = new Uint8Array(bytes.subarray(start, ends[to - 1]!));
      const page: ExportLine[] = [];
      for (let i = from, at = 0; i < to; i++) {
        const end = ends[i]! - start;
        page.push({ seq: first_seq + i, line: copy.subarray(at, end) });
        at = end;
      }
      yield page;
      from = to;
    }
  }
}

async function* matching(reader: LedgerReader, filter: Filter, bound: number): AsyncGenerator<ExportLine[]> {
  let page: ExportLine[] = [];
  let bytes = 0;
  for await (const found of indexed(reader, filter, bound)) {
    if (!matches(found.line, filter)) continue;
    page.push(found);
    bytes += found.line.length;
    if (page.length < PAGE_LINES && bytes < PAGE_BYTES) continue;
    yield page;
    page = [];
    bytes = 0;
  }
  if (page.length > 0) yield page;
}

/** What the index believes to match. */
async function* indexed(reader: LedgerReader, filter: Filter, bound: number): AsyncGenerator<ExportLine> {
  const index = indexOf(reader);
  let beyond: number | undefined;
  for (;;) {
    const from = beyond === undefined ? {} : { beyond };
    const found = await index.search({ filter, order: 'oldest', limit: PAGE_LINES, below: bound, ...from });
    for (let at = 0; at < found.seqs.length; at += GET_LINES) {
      yield* await reader.store.get(found.seqs.slice(at, at + GET_LINES));
    }
    if (!found.more) return;
    beyond = found.seqs.at(-1)!;
  }
}

/**
 * The record has the last word: an index that was tampered with cannot pass one off as another's. A line that cannot
 * be read is kept: whether it matches nobody can tell any more, and an export must not hide damage.
 */
function matches(line: Uint8Array, filter: Filter): boolean {
  const record = recordIn(bodyOf(line));
  try {
    return record === null || matchesFilter(record, filter);
  } catch {
    // Some member has another shape than any record's.
    return true;
  }
}

/** The hash that stands in a line. */
export function hashOf(line: Uint8Array): string {
  return lineHash(line, 0);
}

const decoder = new TextDecoder();

/** The canonical text that stands in a line. */
export function bodyOf(line: Uint8Array): string {
  return decoder.decode(lineBody(line, 0, line.length));
}

/** The record in a canonical text, or null when it is none. Checks no hash (`verify` does), and not the form. */
export function recordIn(body: string): LedgerRecord | null {
  try {
    const record = parseJsonText(body) as unknown as LedgerRecord;
    return typeof record.correlation_id === 'string' && typeof record.actor?.type === 'string'
      ? record
      : null;
  } catch {
    return null;
  }
}
