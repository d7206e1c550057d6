/**
 * Proof files: everything that shows offline that an entry is in a log, but for the entry and the keys.
 *
 *     c2sp.org/tlog-proof@v1\n
 *     extra YWdlLXYxLjIuMQ==\n     (may be absent)
 *     index 73894\n
 *     <base64 hash>\n              (none or more, from the leaf's sibling up)
 *     \n
 *     <the checkpoint with its signatures>
 *
 * Errors:  PROOF_INVALID, NOTE_INVALID, CHECKPOINT_INVALID: nothing is read that would be written differently.
 * Source:  c2sp.org/tlog-proof.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { decodeBase64, encodeBase64 } from '../note/base64.ts';
import { formatNote, type Note, parseNote } from '../note/note.ts';
import { type Checkpoint, formatHash, parseCheckpoint, parseHash, parseWholeNumber } from './checkpoint.ts';

/** The longest proof file that is read, and the most hashes in a proof. */
export const PROOF_BYTES_MAX = 2_000_000;
export const PROOF_HASHES_MAX = 63;
const FIRST_LINE = 'c2sp.org/tlog-proof@v1';

/** A proof file as written. Nothing in it may be trusted before `checkProof`, and `extra` not even then. */
export interface ProofFile {
  readonly extra: Uint8Array | null;
  readonly index: number;
  readonly proof: readonly string[];
  /** The checkpoint with its signatures. */
  readonly note: Note;
}

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Reads a proof file without verifying anything. */
export function parseProof(bytes: Uint8Array): ProofFile & { readonly checkpoint: Checkpoint } {
  if (bytes.length > PROOF_BYTES_MAX) throw invalid(`a proof has at most ${PROOF_BYTES_MAX} bytes`);
  const text = decodeUtf8(bytes);
  const split = text.indexOf('\n\n');
  const lines = text.slice(0, Math.max(split, 0)).split('\n');
  if (lines.shift() !== FIRST_LINE) throw invalid(`a proof starts with the line ${FIRST_LINE}`);
  const extra = lines[0]?.startsWith('extra ') ? decodeBase64(lines.shift()!.slice(6)) : undefined;
  if (extra === null || extra?.length === 0) throw invalid('extra data is base 64 and not empty');
  const position = lines.shift() ?? '';
  const index = position.startsWith('index ') ? parseWholeNumber(position.slice(6)) : null;
  if (index === null) throw invalid('a proof has a line with its index, below 2^53');
  if (lines.length > PROOF_HASHES_MAX) throw invalid(`a proof has at most ${PROOF_HASHES_MAX} hashes`);
  const proof = lines.map((line) => {
    const hash = parseHash(line);
    if (hash === null) throw invalid('a proof has one hash in base 64 on each line');
    return hash;
  });
  const note = parseNote(text.slice(split + 2));
  return { extra: extra ?? null, index, proof, note, checkpoint: parseCheckpoint(note.text) };
}

/** Writes a proof file. */
export function formatProof({ extra, index, proof, note }: ProofFile): string {
  if (extra?.length === 0) throw invalid('extra data is absent or not empty');
  if (!Number.isSafeInteger(index) || index < 0) throw invalid('the index is a whole number below 2^53');
  if (proof.length > PROOF_HASHES_MAX) throw invalid(`a proof has at most ${PROOF_HASHES_MAX} hashes`);
  parseCheckpoint(note.text);
  const lines = [FIRST_LINE];
  if (extra !== null) lines.push(`extra ${encodeBase64(extra)}`);
  lines.push(`index ${index}`, ...proof.map(formatHash));
  return `${lines.join('\n')}\n\n${formatNote(note)}`;
}

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return decoder.decode(bytes);
  } catch {
    throw invalid('a proof is valid UTF-8');
  }
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('PROOF_INVALID', message);
}
