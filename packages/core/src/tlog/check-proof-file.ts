/**
 * Checking a proof file offline: from bytes, the entry's leaf hash, and the keys one trusts.
 *
 * Errors:  those of reading and of signatures; CHECKPOINT_OTHER_LOG, WITNESSES_MISSING, PROOF_WRONG.
 * Source:  c2sp.org/tlog-proof, "Verifying a tlog proof".
 * Pure:    no I/O, no clock.
 */
import { IndelibleError } from '../errors.ts';
import { verifyInclusion } from '../merkle/check-proof.ts';
import type { SignatureAlgorithms } from '../note/algorithms.ts';
import type { Note } from '../note/note.ts';
import { openNote, type VerifiedSignature } from '../note/open.ts';
import { parseVerifierKey, type VerifierKey } from '../note/verifier-key.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { checkpointVerifier } from './cosignature.ts';
import { parseProof } from './proof-file.ts';

/** Whom to trust. Keys are verifier keys as text. */
export interface Trust {
  /** Keys of the log; one of them must have signed. */
  readonly log_keys: readonly string[];
  /** The log's origin. Without it the origin must be the name of the key that signed. */
  readonly origin?: string;
  /** Keys of witnesses: cosignature keys only. */
  readonly witness_keys?: readonly string[];
  /** How many witnesses, told apart by name, must have cosigned. By default none. */
  readonly witnesses_required?: number;
  readonly algorithms: SignatureAlgorithms;
}

/** A checkpoint that may be trusted, and on whose word. */
export interface TrustedCheckpoint {
  readonly checkpoint: Checkpoint;
  readonly log_signatures: readonly VerifiedSignature[];
  readonly cosignatures: readonly VerifiedSignature[];
  /** False when only ML-DSA-44 keys of the log signed: those do not cover extension lines. */
  readonly extensions_signed: boolean;
}

/** What a proof file shows. */
export interface CheckedProof extends TrustedCheckpoint {
  readonly index: number;
  /** Not authenticated by anything. */
  readonly extra: Uint8Array | null;
}

/** Checks that the entry with this leaf hash is in a log that one trusts. Returns what was shown, or throws. */
export function checkProof(bytes: Uint8Array, leaf: string, trust: Trust): CheckedProof {
  const { extra, index, proof, note } = parseProof(bytes);
  const trusted = checkCheckpoint(note, trust);
  const { size, root } = trusted.checkpoint;
  const verdict = verifyInclusion({ leaf, index, size, root, proof });
  if (!verdict.ok) {
    throw new IndelibleError('PROOF_WRONG', `the proof does not lead from this entry to the signed root`, {
      details: { fault: verdict.fault, index, size },
    });
  }
  return { ...trusted, index, extra };
}

/** Checks that a checkpoint is of the log one means, and signed and witnessed as asked. */
export function checkCheckpoint(note: Note, trust: Trust): TrustedCheckpoint {
  const log_keys = trust.log_keys.map(parseVerifierKey);
  const witness_keys = (trust.witness_keys ?? []).map(parseWitnessKey);
  const required = trust.witnesses_required ?? 0;
  if (!Number.isSafeInteger(required) || required < 0 || required > namesOf(witness_keys).size) {
    throw new IndelibleError('VERIFIER_KEY_INVALID', 'more witnesses are asked for than have keys');
  }
  const verifiers = [...log_keys, ...witness_keys].map((key) => checkpointVerifier(key, trust.algorithms));
  const checkpoint = parseCheckpoint(note.text);
  const verified = openNote(note, verifiers);
  const log_signatures = verified.filter(({ key }) => log_keys.includes(key));
  if (log_signatures.length === 0) {
    throw new IndelibleError('SIGNATURE_MISSING', 'no key of the log signed this checkpoint');
  }
  const ours =
    trust.origin === undefined
      ? log_signatures.some(({ key }) => key.name === checkpoint.origin)
      : trust.origin === checkpoint.origin;
  if (!ours) {
    throw new IndelibleError('CHECKPOINT_OTHER_LOG', 'the checkpoint is of another log', {
      details: { origin: checkpoint.origin },
    });
  }
  const cosignatures = verified.filter(({ key }) => witness_keys.includes(key));
  const found = namesOf(cosignatures.map(({ key }) => key)).size;
  if (found < required) {
    throw new IndelibleError('WITNESSES_MISSING', `${found} of ${required} witnesses cosigned`, {
      details: { found, required },
    });
  }
  const extensions_signed = log_signatures.some(({ key }) => key.type !== 'ml_dsa_44_cosignature');
  return { checkpoint, log_signatures, cosignatures, extensions_signed };
}

function parseWitnessKey(text: string): VerifierKey {
  const key = parseVerifierKey(text);
  if (key.type === 'ed25519') {
    throw new IndelibleError('VERIFIER_KEY_INVALID', 'a witness has a cosignature key');
  }
  return key;
}

/** One witness may hold an Ed25519 and an ML-DSA-44 key: two signatures, one witness. */
function namesOf(keys: readonly VerifierKey[]): Set<string> {
  return new Set(keys.map(({ name }) => name));
}
