/**
 * What a log sends to a witness, and what the witness answers.
 *
 *     old 20852014\n
 *     <base64 hash>\n              (none to 63: from the old size to the checkpoint's)
 *     \n
 *     <the checkpoint with its signatures>
 *
 * Errors:  WITNESS_REQUEST_INVALID, WITNESS_RESPONSE_INVALID: nothing is read that would be written differently.
 * Source:  c2sp.org/tlog-witness, "add-checkpoint".
 * Pure:    no I/O.
 */
import { type ErrorCode, IndelibleError, isIndelibleError } from '../errors.ts';
import {
  formatNote,
  formatSignatureLine,
  NOTE_SIGNATURES_MAX,
  type Note,
  type NoteSignature,
  parseNote,
  parseSignatureLine,
} from '../note/note.ts';
import { type Checkpoint, formatHash, parseCheckpoint, parseHash, parseWholeNumber } from './checkpoint.ts';

/** The longest request and response that are read, and the most hashes in a proof. */
export const WITNESS_BYTES_MAX = 1_010_000;
export const WITNESS_HASHES_MAX = 63;

/** A request as written. Nothing in it may be trusted before `decideAddCheckpoint`. */
export interface AddCheckpoint {
  readonly old_size: number;
  readonly proof: readonly string[];
  /** The checkpoint with its signatures. */
  readonly note: Note;
}

/** Reads the body of a request. */
export function parseAddCheckpoint(source: Uint8Array): AddCheckpoint & { readonly checkpoint: Checkpoint } {
  return reading('WITNESS_REQUEST_INVALID', () => {
    const text = decodeUtf8(source, 'WITNESS_REQUEST_INVALID');
    const split = text.indexOf('\n\n');
    const [first = '', ...lines] = text.slice(0, Math.max(split, 0)).split('\n');
    const old_size = first.startsWith('old ') ? parseWholeNumber(first.slice(4)) : null;
    if (old_size === null) throw invalid('a request starts with the line old <size>, the size below 2^53');
    if (lines.length > WITNESS_HASHES_MAX) throw invalid(`a proof has at most ${WITNESS_HASHES_MAX} hashes`);
    const proof = lines.map((line) => {
      const hash = parseHash(line);
      if (hash === null) throw invalid('a proof has one hash in base 64 on each line');
      return hash;
    });
    const note = parseNote(text.slice(split + 2));
    return { old_size, proof, note, checkpoint: parseCheckpoint(note.text) };
  });
}

/** Writes the body of a request. */
export function formatAddCheckpoint({ old_size, proof, note }: AddCheckpoint): string {
  if (!Number.isSafeInteger(old_size) || old_size < 0)
    throw invalid('the old size is a whole number below 2^53');
  if (proof.length > WITNESS_HASHES_MAX) throw invalid(`a proof has at most ${WITNESS_HASHES_MAX} hashes`);
  parseCheckpoint(note.text);
  return `${[`old ${old_size}`, ...proof.map(formatHash)].join('\n')}\n\n${formatNote(note)}`;
}

/** Reads the body of a witness' answer 200: its cosignatures. They must be verified like any others. */
export function parseCosignatures(source: Uint8Array): NoteSignature[] {
  return reading('WITNESS_RESPONSE_INVALID', () => {
    const text = decodeUtf8(source, 'WITNESS_RESPONSE_INVALID');
    if (!text.endsWith('\n')) throw invalidResponse('every line ends in a newline');
    const lines = text.slice(0, -1).split('\n');
    if (lines.length > NOTE_SIGNATURES_MAX) throw invalidResponse(`there are at most ${NOTE_SIGNATURES_MAX}`);
    return lines.map(parseSignatureLine);
  });
}

/** Writes the body of an answer 200. */
export function formatCosignatures(signatures: readonly NoteSignature[]): string {
  if (signatures.length < 1 || signatures.length > NOTE_SIGNATURES_MAX) {
    throw invalidResponse(`an answer has 1 to ${NOTE_SIGNATURES_MAX} cosignatures`);
  }
  return signatures.map((signature) => `${formatSignatureLine(signature)}\n`).join('');
}

/** Reads the body of an answer 409, of type text/x.tlog.size: the size of what the witness cosigned last. */
export function parseKnownSize(source: Uint8Array): number {
  const text = source.length > 17 ? '' : decodeUtf8(source, 'WITNESS_RESPONSE_INVALID');
  const size = text.endsWith('\n') ? parseWholeNumber(text.slice(0, -1)) : null;
  if (size === null) throw invalidResponse('an answer 409 is a size below 2^53 and a newline');
  return size;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

function decodeUtf8(bytes: Uint8Array, code: ErrorCode): string {
  if (bytes.length > WITNESS_BYTES_MAX) {
    throw new IndelibleError(code, `it has more than ${WITNESS_BYTES_MAX} bytes`);
  }
  try {
    return decoder.decode(bytes);
  } catch {
    throw new IndelibleError(code, 'it is not valid UTF-8');
  }
}

/** A note that is none makes the whole request one that is none: a witness answers both with 400. */
function reading<T>(code: ErrorCode, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!isIndelibleError(error) || error.code === code) throw error;
    throw new IndelibleError(code, error.message, { cause: error });
  }
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('WITNESS_REQUEST_INVALID', message);
}

function invalidResponse(message: string): IndelibleError {
  return new IndelibleError('WITNESS_RESPONSE_INVALID', message);
}
