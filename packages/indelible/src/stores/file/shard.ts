/**
 * Reads one part of the log in a worker thread: synchronously, because a worker has nothing else to do.
 */
import type { LineBatch } from '../contract.ts';
import { openIfThere } from './extent.ts';
import { readFault } from './fault.ts';
import { nodeFileSystem } from './file-system.ts';
import { LineCutter } from './line-cutter.ts';

/** A byte range of one segment, from a line's start to a line's end. */
export interface ShardPiece {
  readonly path: string;
  readonly start: number;
  readonly end: number;
  /** Of the first line, by the segment's name; -1 when the piece begins within a segment. */
  readonly first_seq: number;
  /** Behind the last segment a line without newline is one that is being written, elsewhere it is damage. */
  readonly is_last: boolean;
}

export interface ShardInput {
  readonly pieces: readonly ShardPiece[];
}

export function* readShard(input: unknown): Generator<LineBatch> {
  for (const piece of (input as ShardInput).pieces) yield* readPieceLines(piece);
}

function* readPieceLines(piece: ShardPiece): Generator<LineBatch> {
  const fd = openIfThere(nodeFileSystem, piece.path);
  if (fd === null) return;
  try {
    const cutter = new LineCutter();
    let first_seq = piece.first_seq;
    for (let position = piece.start; position < piece.end; ) {
      const room = cutter.room();
      const left = piece.end - position;
      const count = nodeFileSystem.readNow(fd, left < room.length ? room.subarray(0, left) : room, position);
      if (count === 0) break;
      position += count;
      const lines = cutter.take(count);
      if (!lines) continue;
      yield { first_seq, ...lines };
      if (first_seq >= 0) first_seq += lines.ends.length;
    }
    const rest = piece.is_last ? null : cutter.rest();
    if (rest) yield { first_seq, ...rest };
  } catch (error) {
    throw readFault(error, `read ${piece.path}`);
  } finally {
    nodeFileSystem.close(fd);
  }
}
