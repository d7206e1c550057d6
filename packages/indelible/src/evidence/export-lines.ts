/**
 * The lines that an export covers, oldest first, page by page, in constant memory.
 *
 * Everything is read straight from the store; anything else goes through the index. Both end at a bound that is
 * fixed beforehand, so an export of a growing ledger ends.
 */
import { lineBody, lineHash } from '@indelible/core';
import type { LedgerReader } from '../ledger/types.ts';
import type { Filter } from '../stores/index/contract.ts';
import { indexOf } from './query.ts';

export interface ExportLine {
  readonly seq: number;
  /** The whole line with its newline; the caller may keep it. */
  readonly line: Uint8Array;
}

const PAGE = 1000;

/** Lines with seq < `bound` that match, in pages of at most 1,000. */
export async function* exportLines(
  reader: LedgerReader,
  filter: Filter,
  bound: number,
): AsyncGenerator<ExportLine[]> {
  if (Object.keys(filter).length === 0) yield* everything(reader, bound);
  else yield* matching(reader, filter, bound);
}

async function* everything(reader: LedgerReader, bound: number): AsyncGenerator<ExportLine[]> {
  for await (const batch of reader.store.read(0, bound)) {
    for (let from = 0; from < batch.ends.length; from += PAGE) {
      const to = Math.min(from + PAGE, batch.ends.length);
      const start = from === 0 ? 0 : batch.ends[from - 1]!;
      // One copy per page: the store may reuse its memory, and lines outlive the batch in the consumer.
      const bytes = new Uint8Array(batch.bytes.subarray(start, batch.ends[to - 1]!));
      const page: ExportLine[] = [];
      for (let i = from, at = 0; i < to; i++) {
        const end = batch.ends[i]! - start;
        page.push({ seq: batch.first_seq + i, line: bytes.subarray(at, end) });
        at = end;
      }
      yield page;
    }
  }
}

async function* matching(reader: LedgerReader, filter: Filter, bound: number): AsyncGenerator<ExportLine[]> {
  const index = indexOf(reader);
  let beyond: number | undefined;
  for (;;) {
    const from = beyond === undefined ? {} : { beyond };
    const found = await index.search({ filter, order: 'oldest', limit: PAGE, below: bound, ...from });
    if (found.seqs.length > 0) yield await reader.store.get(found.seqs);
    if (!found.more) return;
    beyond = found.seqs.at(-1)!;
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
