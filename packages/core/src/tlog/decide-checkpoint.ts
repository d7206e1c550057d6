/**
 * A witness' decision: whether to cosign a checkpoint, knowing the last one that it cosigned for that log.
 *
 * The caller must compare and persist atomically: keep the new state only if `known` is still what it keeps, and only
 * then answer. Else two requests could roll the log back.
 *
 * Errors:  none: every refusal is an answer.
 * Source:  c2sp.org/tlog-witness, "add-checkpoint", in its order.
 * Pure:    no I/O, no clock.
 */
import { isIndelibleError } from '../errors.ts';
import { verifyConsistency } from '../merkle/check-proof.ts';
import { EMPTY_ROOT } from '../merkle/tree.ts';
import type { NoteSignature } from '../note/note.ts';
import { type NoteVerifier, openNote, type VerifiedSignature } from '../note/open.ts';
import type { AddCheckpoint } from './add-checkpoint.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';

/** What a witness keeps for a log: the newest checkpoint that it cosigned. */
export interface KnownTree {
  readonly size: number;
  readonly root: string;
}

/** A log that the witness works for, with the keys that may sign for it. */
export interface WitnessedLog {
  readonly origin: string;
  readonly verifiers: readonly NoteVerifier[];
}

/** Cosign this, once it is kept. */
export interface Acceptance {
  readonly accepted: true;
  readonly checkpoint: Checkpoint;
  /** What to keep in place of `known`. */
  readonly state: KnownTree;
  /** The signature lines of the log that were verified: to be served with the cosignatures. */
  readonly log_signatures: readonly NoteSignature[];
}

/** Answer with this status. */
export interface Refusal {
  readonly accepted: false;
  readonly status: 400 | 403 | 404 | 409 | 422;
  /** The size to answer 409 with; null otherwise. */
  readonly size: number | null;
  /** One sentence. */
  readonly detail: string;
  /** True when a key of the log signed what contradicts an earlier checkpoint, or may: worth keeping as evidence. */
  readonly signed: boolean;
}

/** `log` is null when the witness knows no log of this origin; `known` when it never cosigned for it. */
export function decideAddCheckpoint(
  request: AddCheckpoint,
  known: KnownTree | null,
  log: WitnessedLog | null,
): Acceptance | Refusal {
  const checkpoint = parseCheckpoint(request.note.text);
  const { size, root } = checkpoint;
  const { old_size, proof } = request;
  if (log === null || log.origin !== checkpoint.origin) {
    return refusal(404, `the witness knows no log with the origin ${checkpoint.origin}`, false);
  }
  const signers = signersOf(request, log.verifiers);
  if (typeof signers === 'string') return refusal(403, signers, false);
  if (old_size > size)
    return refusal(400, `the old size ${old_size} is above the checkpoint's, ${size}`, true);
  const { size: known_size, root: known_root } = known ?? { size: 0, root: EMPTY_ROOT };
  if (old_size !== known_size) {
    return {
      ...refusal(409, `the last checkpoint cosigned has size ${known_size}, not ${old_size}`, true),
      size: known_size,
    };
  }
  if (size === 0 && root !== EMPTY_ROOT) return refusal(422, 'a log of size 0 has another root', true);
  if (old_size === 0) {
    if (proof.length > 0) return refusal(422, 'from size 0 there is nothing to prove', true);
  } else {
    const verdict = verifyConsistency({
      from: old_size,
      from_root: known_root,
      to: size,
      to_root: root,
      proof,
    });
    if (!verdict.ok) {
      const what = old_size === size ? 'the same size has another root' : 'the proof does not hold';
      return refusal(422, `${what} (${verdict.fault})`, true);
    }
  }
  const log_signatures = request.note.signatures.filter(({ name, key_id }) =>
    signers.some(({ key }) => key.name === name && key.key_id === key_id),
  );
  return { accepted: true, checkpoint, state: { size, root }, log_signatures };
}

/** Who signed, or why that is nobody. */
function signersOf(request: AddCheckpoint, verifiers: readonly NoteVerifier[]): VerifiedSignature[] | string {
  try {
    return openNote(request.note, verifiers);
  } catch (error) {
    const refused =
      isIndelibleError(error, 'SIGNATURE_MISSING') || isIndelibleError(error, 'SIGNATURE_WRONG');
    if (!refused) throw error;
    return error.message;
  }
}

function refusal(status: Refusal['status'], detail: string, signed: boolean): Refusal {
  return { accepted: false, status, size: null, detail, signed };
}
