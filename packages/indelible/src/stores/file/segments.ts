/**
 * Segment files: which file holds which records.
 *
 * A segment is named for its first record, with 20 digits so that names sort as numbers:
 * `segments/00000000000000000042.jsonl`. It ends where the next one begins.
 */
import { join } from 'node:path';
import type { FileSystem } from './file-system.ts';

export interface Segment {
  readonly first_seq: number;
  readonly name: string;
  readonly path: string;
}

const NAME = /^(\d{20})\.jsonl$/;

/** What a write that never came to its end leaves behind. */
export function isTemporary(name: string): boolean {
  return name.endsWith('.tmp');
}

export function segmentAt(directory: string, first_seq: number): Segment {
  const name = `${String(first_seq).padStart(20, '0')}.jsonl`;
  return { first_seq, name, path: join(directory, name) };
}

export interface SegmentListing {
  /** In order of their records. */
  readonly segments: Segment[];
  /** Names of what else lies in the folder. */
  readonly strays: string[];
  /** Those among `strays` that are named like a segment but are a link or a folder. */
  readonly impostors: string[];
}

export function listSegments(fs: FileSystem, directory: string): SegmentListing {
  const segments: Segment[] = [];
  const strays: string[] = [];
  const impostors: string[] = [];
  for (const { name, is_file } of fs.list(directory)) {
    const digits = NAME.exec(name)?.[1];
    const first_seq = Number(digits);
    if (digits === undefined || !Number.isSafeInteger(first_seq)) strays.push(name);
    else if (is_file) segments.push(segmentAt(directory, first_seq));
    else {
      strays.push(name);
      impostors.push(name);
    }
  }
  segments.sort((a, b) => a.first_seq - b.first_seq);
  return { segments, strays: strays.sort(), impostors: impostors.sort() };
}

/** The position of the segment that holds `seq` if any does: the last one that starts at or below it; else -1. */
export function segmentIndex(segments: readonly Segment[], seq: number): number {
  let low = 0;
  let high = segments.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (segments[middle]!.first_seq <= seq) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
