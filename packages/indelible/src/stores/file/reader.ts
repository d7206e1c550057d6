/**
 * The reading side of the file store: streams and single lines.
 *
 * Every call looks at the folder anew, so that it sees what other processes append, rotate and evict. Nothing is
 * kept open between calls.
 */
import type { LineBatch } from '../contract.ts';
import { type Acknowledged, type Extent, openIfThere, readExtents } from './extent.ts';
import { readFault } from './fault.ts';
import type { FileSystem } from './file-system.ts';
import { LineCutter } from './line-cutter.ts';
import { LineFinder } from './locate.ts';
import { segmentIndex } from './segments.ts';

/** After so many single reads other work gets its turn. */
const READS_PER_TURN = 256;

export interface ReaderContext {
  readonly fs: FileSystem;
  readonly directory: string;
  /** How far acknowledged bytes reach; null when this process does not write, or there are none. */
  acknowledged(): Acknowledged | null;
}

/** Streams the lines with `from` <= seq < `to`, as far as they reach when the stream starts. */
export async function* readLines(
  context: ReaderContext,
  from: number,
  to: number,
): AsyncGenerator<LineBatch> {
  const { fs, directory } = context;
  const extents = readExtents(fs, directory, context.acknowledged());
  const first = Math.max(0, indexOf(extents, from));
  for (const extent of extents.slice(first)) {
    if (extent.segment.first_seq >= to) return;
    yield* readSegment(fs, extent, from, to);
  }
}

async function* readSegment(
  fs: FileSystem,
  extent: Extent,
  from: number,
  to: number,
): AsyncGenerator<LineBatch> {
  const opened = openSegment(fs, extent);
  if (!opened) return;
  const { fd, finder } = opened;
  const { segment, next_seq, is_last } = extent;
  try {
    const start = from > segment.first_seq ? finder.mark(from) : { offset: 0, seq: segment.first_seq };
    const cut_short = to < next_seq || (is_last && to !== Number.POSITIVE_INFINITY);
    const end = cut_short ? finder.mark(to).offset : opened.end;
    const cutter = new LineCutter(Math.max(0, end - start.offset));
    let first_seq = start.seq;
    for (let position = start.offset; position < end; ) {
      const room = cutter.room();
      const count = await fs.read(fd, room.subarray(0, Math.min(room.length, end - position)), position);
      if (count === 0) break;
      position += count;
      const lines = cutter.take(count);
      if (!lines) continue;
      yield { first_seq, ...lines };
      first_seq += lines.ends.length;
    }
    const rest = is_last ? null : cutter.rest();
    if (rest) yield { first_seq, ...rest };
  } catch (error) {
    throw readFault(error, `read ${segment.path}`);
  } finally {
    fs.close(fd);
  }
}

/** The lines with these numbers, in the order asked for. The copies are the caller's. */
export async function getLines(
  context: ReaderContext,
  seqs: readonly number[],
): Promise<{ seq: number; line: Uint8Array }[]> {
  const { fs, directory } = context;
  const extents = readExtents(fs, directory, context.acknowledged());
  const found = new Map<number, Uint8Array>();
  let open: OpenSegment | null = null;
  let open_index = -1;
  let reads = 0;
  try {
    for (const seq of [...new Set(seqs)].sort((a, b) => a - b)) {
      const index = indexOf(extents, seq);
      const extent = extents[index];
      if (!extent) continue;
      if (index !== open_index) {
        const previous = open;
        open = null;
        if (previous) fs.close(previous.fd);
        open = openSegment(fs, extent);
        open_index = index;
      }
      const line = open?.finder.line(seq);
      if (line) found.set(seq, line);
      if (++reads % READS_PER_TURN === 0) await new Promise(setImmediate);
    }
  } catch (error) {
    throw readFault(error, `read records of ${directory}`);
  } finally {
    if (open) fs.close(open.fd);
  }
  return seqs.flatMap((seq) => {
    const line = found.get(seq);
    return line ? [{ seq, line }] : [];
  });
}

interface OpenSegment {
  readonly fd: number;
  readonly end: number;
  readonly finder: LineFinder;
}

function openSegment(fs: FileSystem, extent: Extent): OpenSegment | null {
  const fd = openIfThere(fs, extent.segment.path);
  if (fd === null) return null;
  const end = extent.end ?? fs.stat(fd).size;
  return { fd, end, finder: new LineFinder(fs, fd, extent.segment.first_seq, extent.next_seq, end) };
}

function indexOf(extents: readonly Extent[], seq: number): number {
  return segmentIndex(
    extents.map((extent) => extent.segment),
    seq,
  );
}
