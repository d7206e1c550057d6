/**
 * Brings a folder into order before the first append: what a crash left unfinished is removed, what is damaged is
 * left as it is and refused.
 *
 * Unfinished is what no write of ours that was acknowledged leaves behind: temporary files, a last line without its
 * newline, and holes near the end. The torn bytes are kept in `recovered/` all the same. Only the end of the log is read.
 *
 * Errors:  LEDGER_DAMAGED when the last record cannot be read, or records before the last segment are gone.
 */
import { join } from 'node:path';
import type { Head, StoreFinding } from '../contract.ts';
import { headOfTail, segmentsDirectory } from './extent.ts';
import { damaged, systemCode } from './fault.ts';
import { type FileSystem, OPEN, readPiece, syncDirectory, writeAll } from './file-system.ts';
import { isTemporary, listSegments, type Segment, segmentAt } from './segments.ts';
import { lineWithHole, reading, readTail } from './tail.ts';

const COPY_BYTES = 1024 * 1024;
/** More than the ledger ever has in flight: two groups of 4 MiB and one record each. */
const UNSYNCED_BYTES_MAX = 16 * 1024 * 1024;

export interface RecoveredLog {
  readonly head: Head | null;
  /** The segment to append to; null when there is none yet. */
  readonly active: { readonly segment: Segment; readonly length: number } | null;
  readonly findings: StoreFinding[];
}

export function recoveredDirectory(directory: string): string {
  return join(directory, 'recovered');
}

export async function recoverLog(fs: FileSystem, directory: string): Promise<RecoveredLog> {
  const findings: StoreFinding[] = [];
  removeTemporaries(fs, segmentsDirectory(directory), findings);
  removeTemporaries(fs, recoveredDirectory(directory), findings);
  const { segments, impostors } = listSegments(fs, segmentsDirectory(directory));
  if (impostors.length > 0) throw damaged(`Segment ${impostors[0]} is not a regular file.`);
  const last = segments.at(-1);
  if (!last) return { head: null, active: null, findings };
  const length = await cutTornTail(fs, directory, last, findings);
  const head = length > 0 ? readHeadOf(fs, last) : headBeforeEmpty(fs, last, segments.at(-2));
  await syncDirectory(fs, segmentsDirectory(directory));
  return { head, active: { segment: last, length }, findings };
}

function readHeadOf(fs: FileSystem, segment: Segment): Head {
  return headOfTail(
    reading(fs, segment.path, (fd, size) => readTail(fs, fd, size)),
    segment,
  );
}

/** An empty last segment is no new beginning: the head is at the end of the one before. */
function headBeforeEmpty(fs: FileSystem, last: Segment, previous: Segment | undefined): Head | null {
  if (!previous) {
    if (last.first_seq === 0) return null;
    throw damaged(`Segment ${last.name} is empty and the records before ${last.first_seq} are gone.`);
  }
  const tail = reading(fs, previous.path, (fd, size) => readTail(fs, fd, size));
  if (tail.torn_bytes > 0)
    throw damaged(`Segment ${previous.name} ends within a line, yet another follows it.`);
  const head = headOfTail(tail, previous);
  if (head.seq + 1 !== last.first_seq) {
    throw damaged(
      `Segment ${previous.name} ends with record ${head.seq}, the next one begins at ${last.first_seq}.`,
    );
  }
  return head;
}

function removeTemporaries(fs: FileSystem, directory: string, findings: StoreFinding[]): void {
  for (const { name, is_file } of fs.list(directory)) {
    if (!is_file || !isTemporary(name)) continue;
    fs.unlink(join(directory, name));
    findings.push({ code: 'leftover_file', detail: `Removed the unfinished file ${name}.`, damage: false });
  }
}

/** Cuts what follows the last newline, or the first hole; returns the length that remains, which is durable then. */
async function cutTornTail(
  fs: FileSystem,
  directory: string,
  segment: Segment,
  findings: StoreFinding[],
): Promise<number> {
  const fd = fs.open(segment.path, OPEN.write);
  try {
    const { size } = fs.stat(fd);
    const hole = lineWithHole(fs, fd, size, UNSYNCED_BYTES_MAX);
    const end = hole >= 0 ? hole : readTail(fs, fd, size).end;
    if (size > end) {
      const name = await keepEvidence(fs, recoveredDirectory(directory), segment, fd, end, size);
      await fs.truncate(fd, end);
      const detail = `Cut ${size - end} bytes of an unfinished write from ${segment.name}; kept as recovered/${name}.`;
      findings.push({ code: 'torn_tail', detail, damage: false });
    }
    // Also without a torn tail: lines that the last process wrote may never have been synced.
    await fs.sync(fd);
    return end;
  } finally {
    fs.close(fd);
  }
}

async function keepEvidence(
  fs: FileSystem,
  directory: string,
  segment: Segment,
  from: number,
  start: number,
  end: number,
): Promise<string> {
  const taken = new Set(fs.list(directory).map((entry) => entry.name));
  const base = `${segment.name}.at-${start}`;
  let name = base;
  for (let count = 2; taken.has(name); count++) name = `${base}-${count}`;
  const temporary = join(directory, `${name}.tmp`);
  const to = fs.open(temporary, OPEN.write | OPEN.create | OPEN.empty);
  try {
    for (let at = start; at < end; at += COPY_BYTES) {
      await writeAll(fs, to, readPiece(fs, from, at, Math.min(COPY_BYTES, end - at)), at - start);
    }
    await fs.sync(to);
  } finally {
    fs.close(to);
  }
  fs.rename(temporary, join(directory, name));
  await syncDirectory(fs, directory);
  return name;
}

/**
 * Cuts a segment back to its acknowledged bytes after a failed append, which wrote at most up to `attempted`.
 * Refuses to cut what cannot be its doing.
 */
export async function cutToAcknowledged(
  fs: FileSystem,
  segment: Segment,
  acknowledged: { readonly length: number; readonly attempted: number; readonly head: Head | null },
): Promise<void> {
  const { length, attempted, head } = acknowledged;
  const fd = openAcknowledged(fs, segment);
  try {
    const { size } = fs.stat(fd);
    if (size < length) throw damaged(`Segment ${segment.name} lost ${length - size} acknowledged bytes.`);
    if (size > attempted) throw damaged(`Another hand wrote to segment ${segment.name}.`);
    if (length > 0 && headOfTail(readTail(fs, fd, length), segment).hash !== head?.hash) {
      throw damaged(`Segment ${segment.name} does not end with the record that was acknowledged last.`);
    }
    await fs.truncate(fd, length);
    await fs.sync(fd);
  } finally {
    fs.close(fd);
  }
}

function openAcknowledged(fs: FileSystem, segment: Segment): number {
  try {
    return fs.open(segment.path, OPEN.write);
  } catch (error) {
    if (systemCode(error) === 'ENOENT')
      throw damaged(`Segment ${segment.name} was removed while it was written to.`);
    throw error;
  }
}

/** An empty file for the records from `first_seq`, durable with its name. */
export async function createSegment(fs: FileSystem, directory: string, first_seq: number): Promise<Segment> {
  const segment = segmentAt(segmentsDirectory(directory), first_seq);
  // It may be there, empty, if its creation failed half-way before.
  const fd = fs.open(segment.path, OPEN.write | OPEN.create);
  try {
    if (fs.stat(fd).size > 0)
      throw damaged(`Segment ${segment.name} holds records that were never acknowledged.`);
    await syncDirectory(fs, segmentsDirectory(directory));
    return segment;
  } finally {
    fs.close(fd);
  }
}
