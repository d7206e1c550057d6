/**
 * Looks at the files themselves: their names against what is in them, and what does not belong. Reads the first
 * and last line of each segment only; what is between is the verifier's.
 */
import type { StoreFinding } from '../contract.ts';
import { type Acknowledged, openIfThere, segmentsDirectory } from './extent.ts';
import { readFault } from './fault.ts';
import type { FileSystem } from './file-system.ts';
import { isTemporary, listSegments, type Segment } from './segments.ts';
import { seqOfLine } from './stored-line.ts';
import { readFirstLine, readTail } from './tail.ts';

/** After so many segments other work gets its turn. */
const SEGMENTS_PER_TURN = 64;

/** `acknowledged`: how long the active segment has to be; null when unknown or a write is under way. */
export async function inspectSegments(
  fs: FileSystem,
  directory: string,
  acknowledged: Acknowledged | null,
): Promise<StoreFinding[]> {
  try {
    const { segments, strays, impostors } = listSegments(fs, segmentsDirectory(directory));
    const findings = strays.map((name) => strayFinding(name, impostors.includes(name)));
    for (const [position, segment] of segments.entries()) {
      findings.push(...inspectSegment(fs, segment, segments[position + 1], acknowledged));
      if (position % SEGMENTS_PER_TURN === SEGMENTS_PER_TURN - 1) await new Promise(setImmediate);
    }
    return findings;
  } catch (error) {
    throw readFault(error, `inspect ${directory}`);
  }
}

function strayFinding(name: string, impostor: boolean): StoreFinding {
  if (isTemporary(name))
    return { code: 'leftover_file', detail: `${name} is an unfinished file.`, damage: false };
  // A link in a segment's place can be pointed elsewhere at any time.
  const detail = impostor
    ? `${name} is no regular file, and not read.`
    : `${name} does not belong here, and is not read.`;
  return { code: 'unexpected_file', detail, damage: impostor };
}

function inspectSegment(
  fs: FileSystem,
  segment: Segment,
  next: Segment | undefined,
  acknowledged: Acknowledged | null,
): StoreFinding[] {
  const fd = openIfThere(fs, segment.path);
  if (fd === null) return [];
  try {
    const { size } = fs.stat(fd);
    const findings: StoreFinding[] = [];
    const corrupt = (detail: string, seq: number) =>
      findings.push({ code: 'file_corrupt', detail: `Segment ${segment.name} ${detail}`, damage: true, seq });
    const first = seqIn(readFirstLine(fs, fd, size));
    if (first >= 0 && first !== segment.first_seq) corrupt(`begins with record ${first}.`, segment.first_seq);
    const { end, torn_bytes, line } = readTail(fs, fd, size);
    const next_seq = end === 0 ? segment.first_seq : 1 + seqIn(line);
    if (next) {
      if (torn_bytes > 0)
        corrupt('ends within a line, yet another follows it.', Math.max(next_seq, segment.first_seq));
      findings.push(...seamFindings(segment, next, next_seq));
    } else if (acknowledged?.segment.first_seq === segment.first_seq && size !== acknowledged.length) {
      corrupt(`has ${size} bytes; ${acknowledged.length} were written.`, acknowledged.next_seq);
    } else if (torn_bytes > 0) {
      const detail = `Segment ${segment.name} ends with ${torn_bytes} bytes of a line that is unfinished or being written.`;
      findings.push({ code: 'torn_tail', detail, damage: false });
    }
    return findings;
  } finally {
    fs.close(fd);
  }
}

/** `next_seq`: which record has to follow; 0 when the last line cannot be read, which the verifier will say. */
function seamFindings(segment: Segment, next: Segment, next_seq: number): StoreFinding[] {
  if (next_seq === next.first_seq || next_seq === 0) return [];
  if (next_seq < next.first_seq) {
    const detail = `Records ${next_seq} to ${next.first_seq - 1} are in no segment: ${segment.name} ends before them.`;
    return [{ code: 'segment_missing', detail, damage: true, seq: next_seq }];
  }
  const detail = `Segment ${segment.name} ends with record ${next_seq - 1}, though ${next.name} follows it.`;
  return [{ code: 'file_corrupt', detail, damage: true, seq: next.first_seq }];
}

/** -1 when the line cannot be read. */
function seqIn(line: Uint8Array | null): number {
  return line ? seqOfLine(line, 0, line.length) : -1;
}
