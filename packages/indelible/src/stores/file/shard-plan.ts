/**
 * Splits the log into parts of about equal size, so that several threads can verify it at once.
 */
import type { Shard } from '../contract.ts';
import { type Acknowledged, type Extent, openIfThere, readExtents } from './extent.ts';
import { readFault } from './fault.ts';
import { type FileSystem, readPiece } from './file-system.ts';
import type { ShardInput, ShardPiece } from './shard.ts';

const NEWLINE = 0x0a;
const SCAN_BYTES = 64 * 1024;
/** From source as well as from the build. */
const MODULE = new URL(import.meta.url.endsWith('.ts') ? './shard.ts' : './shard.js', import.meta.url).href;

export function planShards(
  fs: FileSystem,
  directory: string,
  acknowledged: Acknowledged | null,
  count: number,
): Shard[] {
  const wholes = readExtents(fs, directory, acknowledged).flatMap((extent) => wholeSegment(fs, extent));
  const total = wholes.reduce((sum, piece) => sum + piece.end, 0);
  const share = Math.max(1, Math.ceil(total / Math.max(1, count)));
  const shards: Shard[] = [];
  let pieces: ShardPiece[] = [];
  let bytes = 0;
  const finish = () => {
    if (pieces.length === 0) return;
    const input: ShardInput = { pieces };
    shards.push({ module: MODULE, input, bytes });
    pieces = [];
    bytes = 0;
  };
  for (const whole of wholes) {
    for (let start = 0; start < whole.end; ) {
      const end = lineEnd(fs, whole, start + share - bytes);
      pieces.push({ ...whole, start, end, first_seq: start === 0 ? whole.first_seq : -1 });
      bytes += end - start;
      start = end;
      if (bytes >= share) finish();
    }
  }
  finish();
  return shards;
}

function wholeSegment(fs: FileSystem, extent: Extent): ShardPiece[] {
  const { path, first_seq } = extent.segment;
  const fd = openIfThere(fs, path);
  if (fd === null) return [];
  try {
    return [{ path, start: 0, end: extent.end ?? fs.stat(fd).size, first_seq, is_last: extent.is_last }];
  } finally {
    fs.close(fd);
  }
}

/** The first end of a line at or behind `offset`; the piece's end if there is none before it. */
function lineEnd(fs: FileSystem, piece: ShardPiece, offset: number): number {
  if (offset >= piece.end) return piece.end;
  const fd = openIfThere(fs, piece.path);
  if (fd === null) return piece.end;
  try {
    for (let at = offset - 1; at < piece.end; at += SCAN_BYTES) {
      const newline = readPiece(fs, fd, at, Math.min(SCAN_BYTES, piece.end - at)).indexOf(NEWLINE);
      if (newline >= 0) return at + newline + 1;
    }
    return piece.end;
  } catch (error) {
    throw readFault(error, `read ${piece.path}`);
  } finally {
    fs.close(fd);
  }
}
