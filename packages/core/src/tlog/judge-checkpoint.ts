/**
 * What one signed checkpoint is worth to somebody with given trust: who signed it, who cosigned it, whether a policy
 * holds. Unlike `checkCheckpoint` it reports what is wrong, and does not stop there.
 *
 * Errors:  VERIFIER_KEY_INVALID and SIGNATURE_ALGORITHM, which are the caller's; nothing because of the checkpoint.
 * Source:  c2sp.org/tlog-checkpoint, c2sp.org/tlog-policy.
 * Pure:    no I/O, no clock.
 */
import { isIndelibleError } from '../errors.ts';
import type { SignatureAlgorithms } from '../note/algorithms.ts';
import { SIGNATURES } from '../note/bundled.ts';
import { type Note, parseNote } from '../note/note.ts';
import { type NoteVerifier, openNote, type VerifiedSignature } from '../note/open.ts';
import { parseVerifierKey, type VerifierKey } from '../note/verifier-key.ts';
import { type Checkpoint, parseCheckpoint } from './checkpoint.ts';
import { checkpointVerifier } from './cosignature.ts';
import type { Policy } from './policy.ts';
import { isSameKey, judgeQuorum, type QuorumVerdict, witnessesAmong } from './quorum.ts';

/** Whom to believe about one log. */
export interface LogTrust {
  /** The origin of the log; null when it is the name of the key that signs. */
  readonly origin: string | null;
  /** Verifier keys of the log, besides those in the policy. One of them must have signed. */
  readonly log_keys: readonly string[];
  /** Which witnesses must have cosigned; null when nobody is asked for. */
  readonly policy: Policy | null;
  /** Those that come with core, unless given. */
  readonly algorithms?: SignatureAlgorithms;
}

/** Everything that can make a checkpoint worthless. */
export const CHECKPOINT_PROBLEMS = [
  /** It is no signed note, or no checkpoint. */
  'checkpoint_unreadable',
  /** A known key is named, and did not sign this text. */
  'signature_wrong',
  /** No key of the log signed it. */
  'signature_missing',
  /** It is of another log. */
  'other_log',
] as const;
export type CheckpointProblem = (typeof CHECKPOINT_PROBLEMS)[number];

export interface JudgedCheckpoint {
  /** Null when it could not be read. */
  readonly checkpoint: Checkpoint | null;
  readonly problem: CheckpointProblem | null;
  /** One sentence about the problem; empty without one. */
  readonly detail: string;
  /** Names of the log's keys that signed. */
  readonly signed_by: readonly string[];
  /** Null when the checkpoint is worthless, or no policy was given. */
  readonly quorum: QuorumVerdict | null;
  /** When each witness says that it saw the checkpoint, in seconds since 1970; null where it does not say. */
  readonly times: readonly { readonly witness: string; readonly time: number | null }[];
}

/** Judges one checkpoint after another under the same trust. */
export class CheckpointJudge {
  readonly #trust: LogTrust;
  readonly #given_keys: readonly VerifierKey[];
  readonly #policy_keys: readonly VerifierKey[];
  readonly #verifiers: readonly NoteVerifier[];

  constructor(trust: LogTrust) {
    this.#trust = trust;
    this.#given_keys = trust.log_keys.map(parseVerifierKey);
    this.#policy_keys = (trust.policy?.logs ?? []).map(({ key }) => key);
    const witnesses = (trust.policy?.witnesses ?? []).map(({ key }) => key);
    // A key may be the log's and a witness' at once: it is still one key.
    const keys = [...this.#given_keys, ...this.#policy_keys, ...witnesses].filter(
      (key, i, all) => all.findIndex((other) => isSameKey(other, key)) === i,
    );
    const algorithms = trust.algorithms ?? SIGNATURES;
    this.#verifiers = keys.map((key) => checkpointVerifier(key, algorithms));
  }

  judge(source: Uint8Array | string): JudgedCheckpoint {
    const read = readCheckpoint(source);
    if ('detail' in read) return worthless(null, 'checkpoint_unreadable', read.detail);
    const { note, checkpoint } = read;
    const opened = this.#open(note);
    if ('problem' in opened) return worthless(checkpoint, opened.problem, opened.detail);
    const { signatures } = opened;
    const among = (keys: readonly VerifierKey[]): VerifiedSignature[] =>
      signatures.filter(({ key }) => keys.some((known) => isSameKey(known, key)));
    const by_given = among(this.#given_keys);
    const by_listed = among(this.#policy_keys);
    if (by_given.length + by_listed.length === 0) {
      return worthless(checkpoint, 'signature_missing', 'no key of the log signed the checkpoint');
    }
    const { origin, policy } = this.#trust;
    // A policy may list several logs: each speaks for the origin that is its key's name, and for no other.
    const named = (all: readonly VerifiedSignature[]): VerifiedSignature[] =>
      all.filter(({ key }) => key.name === checkpoint.origin);
    const speaking = [...(origin === null ? named(by_given) : by_given), ...named(by_listed)];
    if (speaking.length === 0 || (origin !== null && origin !== checkpoint.origin)) {
      return worthless(checkpoint, 'other_log', `the checkpoint is of the log ${checkpoint.origin}`);
    }
    return {
      checkpoint,
      problem: null,
      detail: '',
      signed_by: [...new Set(speaking.map(({ key }) => key.name))],
      quorum: policy === null ? null : judgeQuorum(policy, witnessesAmong(policy, signatures)),
      times: policy === null ? [] : timesOf(policy, signatures),
    };
  }

  #open(note: Note): { signatures: VerifiedSignature[] } | { problem: CheckpointProblem; detail: string } {
    try {
      return { signatures: openNote(note, this.#verifiers) };
    } catch (error) {
      if (isIndelibleError(error, 'SIGNATURE_WRONG')) {
        return { problem: 'signature_wrong', detail: error.message };
      }
      if (isIndelibleError(error, 'SIGNATURE_MISSING')) {
        return { problem: 'signature_missing', detail: 'no key that is known signed the checkpoint' };
      }
      // An ML-DSA-44 cosignature over an origin longer than such a message can hold.
      if (isIndelibleError(error, 'COSIGNATURE_INVALID')) {
        return { problem: 'checkpoint_unreadable', detail: error.message };
      }
      throw error;
    }
  }
}

function readCheckpoint(
  source: Uint8Array | string,
): { note: Note; checkpoint: Checkpoint } | { detail: string } {
  try {
    const note = parseNote(source);
    return { note, checkpoint: parseCheckpoint(note.text) };
  } catch (error) {
    if (!isIndelibleError(error)) throw error;
    return { detail: error.message };
  }
}

function timesOf(policy: Policy, signatures: readonly VerifiedSignature[]): JudgedCheckpoint['times'] {
  return policy.witnesses.flatMap(({ name, key }) =>
    signatures
      .filter((signature) => isSameKey(signature.key, key))
      .map(({ time }) => ({ witness: name, time })),
  );
}

function worthless(
  checkpoint: Checkpoint | null,
  problem: CheckpointProblem,
  detail: string,
): JudgedCheckpoint {
  return { checkpoint, problem, detail, signed_by: [], quorum: null, times: [] };
}
