/**
 * Keeps the number of segments within a bound by evicting the oldest.
 *
 * The ledger records each truncation before it is carried out. One that is interrupted leaves a log that begins a
 * little earlier than recorded; repeating it finishes the work.
 */
import { segmentsDirectory } from './extent.ts';
import { readFault, systemCode, writeFault } from './fault.ts';
import { type FileSystem, syncDirectory } from './file-system.ts';
import { listSegments } from './segments.ts';
import { reading } from './tail.ts';

/** The first sequence number to keep when there are more than `segments_max` segments with records, else null. */
export function truncationDue(fs: FileSystem, directory: string, segments_max: number): number | null {
  try {
    const { segments } = listSegments(fs, segmentsDirectory(directory));
    const last = segments.at(-1);
    // An empty last segment holds no head: evicting all the others would forget it.
    if (last && reading(fs, last.path, (_fd, size) => size) === 0) segments.pop();
    return segments.length > segments_max ? segments[segments.length - segments_max]!.first_seq : null;
  } catch (error) {
    throw readFault(error, `count the segments of ${directory}`);
  }
}

/** Removes the segments whose records all lie below `keep_from`, the oldest first, and never the last. */
export async function evictSegments(fs: FileSystem, directory: string, keep_from: number): Promise<void> {
  try {
    const { segments } = listSegments(fs, segmentsDirectory(directory));
    for (const [position, segment] of segments.entries()) {
      const next = segments[position + 1];
      if (!next || next.first_seq > keep_from) break;
      removeIfThere(fs, segment.path);
    }
    await syncDirectory(fs, segmentsDirectory(directory));
  } catch (error) {
    throw writeFault(error, `evict old segments of ${directory}`);
  }
}

function removeIfThere(fs: FileSystem, path: string): void {
  try {
    fs.unlink(path);
  } catch (error) {
    if (systemCode(error) !== 'ENOENT') throw error;
  }
}
