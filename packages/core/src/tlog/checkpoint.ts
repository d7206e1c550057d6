/**
 * Checkpoints: the text that a log signs to commit to its size and root.
 *
 *     example.com/behind-the-sofa\n
 *     20852163\n
 *     CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=\n
 *
 * Shapes:  `root` is 64 lower-case hex digits, in the text base 64.
 * Errors:  CHECKPOINT_INVALID for anything that would not be formatted to the same text again, and for sizes above 2^53.
 * Source:  c2sp.org/tlog-checkpoint.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { bytesFromHex } from '../hex.ts';
import { HASH_BYTES, readHash } from '../merkle/hash-bytes.ts';
import { decodeBase64, encodeBase64 } from '../note/base64.ts';

/** The state of a log. */
export interface Checkpoint {
  /** Which log; any text without newlines. New logs should take a URL without scheme, spaces and plus. */
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  /** Opaque lines; not recommended, and not covered by ML-DSA-44 cosignatures. */
  readonly extensions: readonly string[];
}

/** Reads the text of a checkpoint: the note's text, signatures not included. */
export function parseCheckpoint(text: string): Checkpoint {
  const lines = text.split('\n');
  if (lines.pop() !== '' || lines.length < 3) throw invalid('a checkpoint has three lines or more');
  const [origin, size, root, ...extensions] = lines as [string, string, string, ...string[]];
  const checkpoint = { origin, size: parseWholeNumber(size), root: parseHash(root), extensions };
  if (checkpoint.size === null || checkpoint.root === null) {
    throw invalid('a checkpoint has a size below 2^53 and a root in base 64 as its second and third lines');
  }
  checkLines(origin, extensions);
  return checkpoint as Checkpoint;
}

/** Writes the text of a checkpoint, ready to be signed. */
export function formatCheckpoint({ origin, size, root, extensions }: Checkpoint): string {
  checkLines(origin, extensions);
  if (!Number.isSafeInteger(size) || size < 0) throw invalid('the size is a whole number below 2^53');
  return [origin, String(size), formatHash(root), ...extensions].map((line) => `${line}\n`).join('');
}

/** A number as `String` writes it, and no larger than it can tell apart; null for any other text. */
export function parseWholeNumber(text: string): number | null {
  const value = /^(?:0|[1-9][0-9]{0,15})$/.test(text) ? Number(text) : Number.NaN;
  return Number.isSafeInteger(value) ? value : null;
}

/** A hash from its base 64; null for any other text. */
export function parseHash(text: string): string | null {
  const bytes = decodeBase64(text);
  return bytes === null || bytes.length !== HASH_BYTES ? null : readHash(bytes, 0);
}

/** A hash in base 64. */
export function formatHash(hash: string): string {
  return encodeBase64(bytesFromHex(hash, HASH_BYTES));
}

function checkLines(origin: string, extensions: readonly string[]): void {
  for (const line of [origin, ...extensions]) {
    if (line === '' || /[\u0000-\u001f]/.test(line) || !line.isWellFormed()) {
      throw invalid('origin and extension lines are not empty and have no control characters');
    }
  }
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('CHECKPOINT_INVALID', message);
}
