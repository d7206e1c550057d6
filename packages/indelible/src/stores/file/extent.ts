/**
 * How much of the log can be read at this moment: each segment, up to where its whole lines end.
 */
import { join } from 'node:path';
import type { Head } from '../contract.ts';
import { damaged, readFault, systemCode } from './fault.ts';
import { type FileSystem, OPEN } from './file-system.ts';
import { listSegments, type Segment } from './segments.ts';
import { headOfLine, seqOfLine } from './stored-line.ts';
import { reading, readTail, type Tail } from './tail.ts';

export interface Extent {
  readonly segment: Segment;
  /** Where reading ends; null: at the end of the file. */
  readonly end: number | null;
  /** Just past the last sequence number, by the next segment's name or the last line. A guess in damaged files. */
  readonly next_seq: number;
  /** Only behind the last segment can a write be under way; elsewhere an end without newline is damage. */
  readonly is_last: boolean;
}

/** What the writing side knows better than the folder: how far its acknowledged bytes reach. */
export interface Acknowledged {
  readonly segment: Segment;
  readonly length: number;
  readonly next_seq: number;
}

export function segmentsDirectory(directory: string): string {
  return join(directory, 'segments');
}

/** The segments in order. */
export function readExtents(fs: FileSystem, directory: string, acknowledged: Acknowledged | null): Extent[] {
  try {
    const { segments } = listSegments(fs, segmentsDirectory(directory));
    const extents: Extent[] = [];
    for (const [position, segment] of segments.entries()) {
      const next = segments[position + 1];
      if (acknowledged && segment.first_seq >= acknowledged.segment.first_seq) {
        // A segment behind the acknowledged one was created in this moment: nothing in it is acknowledged yet.
        const { segment, length, next_seq } = acknowledged;
        extents.push({ segment, end: length, next_seq, is_last: true });
        break;
      }
      extents.push(
        next ? { segment, end: null, next_seq: next.first_seq, is_last: false } : lastExtent(fs, segment),
      );
    }
    return extents;
  } catch (error) {
    throw readFault(error, `list the segments of ${directory}`);
  }
}

function lastExtent(fs: FileSystem, segment: Segment): Extent {
  const { end, line } = reading(fs, segment.path, (fd, size) => readTail(fs, fd, size));
  const last = line ? seqOfLine(line, 0, line.length) : -1;
  return { segment, end, next_seq: last < 0 ? segment.first_seq : last + 1, is_last: true };
}

/** The head as the files have it now: for those who read while another process writes. */
export function readHead(fs: FileSystem, directory: string): Head | null {
  try {
    const { segments } = listSegments(fs, segmentsDirectory(directory));
    // An empty last segment is one that was just begun: the head is in the one before.
    for (const segment of segments.reverse().slice(0, 2)) {
      const tail = reading(fs, segment.path, (fd, size) => readTail(fs, fd, size));
      if (tail.end > 0) return headOfTail(tail, segment);
    }
    if (segments.length > 1)
      throw damaged('The last two segments are empty, and no crash leaves that behind.');
    return null;
  } catch (error) {
    throw readFault(error, `read the head of ${directory}`);
  }
}

/** The head that a segment ends with. A whole last line that cannot be read was not written like that. */
export function headOfTail(tail: Tail, segment: Segment): Head {
  const head = tail.line && headOfLine(tail.line);
  if (!head) throw damaged(`The last line of segment ${segment.name} is no record.`);
  if (head.seq < segment.first_seq) {
    throw damaged(`Segment ${segment.name} ends with record ${head.seq}, which belongs before its first.`);
  }
  return head;
}

/** Null when the segment was evicted since the folder was listed. */
export function openIfThere(fs: FileSystem, path: string): number | null {
  try {
    return fs.open(path, OPEN.read);
  } catch (error) {
    if (systemCode(error) === 'ENOENT') return null;
    throw error;
  }
}
