/**
 * What every anchor asks of a checkpoint before it keeps it, or compares it with what it kept.
 *
 * Errors:  CHECKPOINT_INVALID, NOTE_INVALID, ANCHOR_CONFLICT.
 * Pure:    no I/O.
 */
import { formatNote, IndelibleError, parseCheckpoint, parseNote, sha256Hex } from '@indelible/core';
import type { AnchoredCheckpoint, CheckpointToAnchor } from '../contract.ts';

/** The longest note that an anchor takes: some hundred signatures, and no more than a line of a file should hold. */
export const ANCHORED_NOTE_BYTES_MAX = 256 * 1024;

/** The text that was signed, once it says what the members say. */
export function checkedText({ origin, size, root, note }: CheckpointToAnchor): string {
  if (Buffer.byteLength(note) > ANCHORED_NOTE_BYTES_MAX) {
    throw new IndelibleError('CHECKPOINT_INVALID', `a note has at most ${ANCHORED_NOTE_BYTES_MAX} bytes`);
  }
  const { text } = parseNote(note);
  const said = parseCheckpoint(text);
  if (said.origin !== origin || said.size !== size || said.root !== root) {
    throw new IndelibleError('CHECKPOINT_INVALID', 'origin, size or root are not those that the note states');
  }
  return text;
}

/** A checkpoint from its note. */
export function checkpointOf(note: string): CheckpointToAnchor {
  const { origin, size, root } = parseCheckpoint(parseNote(note).text);
  return { origin, size, root, note };
}

/** The note with the log's own signatures alone: those of witnesses may be many, and come later. */
export function ownNote({ origin, note }: CheckpointToAnchor): string {
  const { text, signatures } = parseNote(note);
  const own = signatures.filter(({ name }) => name === origin);
  return own.length === 0 ? note : formatNote({ text, signatures: own });
}

/** Stands for origin, size and root: the same for every note that states them. */
export function checkpointDigest(checkpoint: CheckpointToAnchor): string {
  return sha256Hex(new TextEncoder().encode(checkedText(checkpoint)));
}

/**
 * Raises ANCHOR_CONFLICT when a checkpoint cannot come after the newest one held: a log never shrinks, and has one root
 * at each size. Answers whether it is the one that is held.
 */
export function isHeld(anchor: string, held: AnchoredCheckpoint | null, next: CheckpointToAnchor): boolean {
  if (held === null || next.size > held.checkpoint.size) return false;
  const { size, root } = held.checkpoint;
  if (next.size === size && next.root === root) return true;
  const message =
    next.size < size
      ? `${anchor} holds a checkpoint of ${size} records; this one has ${next.size}: the log was rewound`
      : `${anchor} holds another root for ${size} records: the log was rewritten`;
  throw new IndelibleError('ANCHOR_CONFLICT', message, {
    details: { anchor, held: { size, root }, offered: { size: next.size, root: next.root } },
  });
}
