/**
 * Reading what a log shows as its checkpoint: is it one, of this log, signed by a key that we know.
 */
import {
  checkpointVerifier,
  IndelibleError,
  judgeQuorum,
  openNote,
  type Policy,
  parseCheckpoint,
  parseNote,
  SIGNATURES,
  type VerifiedSignature,
  type VerifierKey,
  witnessesAmong,
} from '@indelible/core';
import type { FindingKind, SeenCheckpoint } from './findings.ts';

export interface LogIdentity {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
  /** Whose cosignatures are asked for; null for nobody's. */
  readonly policy: Policy | null;
}

export type ShownCheckpoint =
  | { readonly ok: true; readonly checkpoint: SeenCheckpoint; readonly lacks_witnesses: string | null }
  | { readonly ok: false; readonly kind: FindingKind; readonly detail: string };

/** Opens the bytes of a checkpoint. */
export function openShown(bytes: Uint8Array, identity: LogIdentity): ShownCheckpoint {
  const { origin, keys, policy } = identity;
  try {
    const note = parseNote(bytes);
    const checkpoint = parseCheckpoint(note.text);
    if (checkpoint.origin !== origin) {
      const shown = JSON.stringify(checkpoint.origin.slice(0, 200));
      return { ok: false, kind: 'wrong_origin', detail: `the checkpoint is of ${shown}` };
    }
    const verified = openNote(
      note,
      knownKeys(identity).map((key) => checkpointVerifier(key, SIGNATURES)),
    );
    if (!keys.some((key) => verified.some((signature) => isSame(signature.key, key)))) {
      return {
        ok: false,
        kind: 'bad_signature',
        detail: 'witnesses cosigned this, but no key of the log signed it',
      };
    }
    const { size, root } = checkpoint;
    const lacks_witnesses = policy === null ? null : lackOf(policy, verified);
    return { ok: true, checkpoint: { size, root, note: new TextDecoder().decode(bytes) }, lacks_witnesses };
  } catch (error) {
    if (!(error instanceof IndelibleError)) throw error;
    const kind = error.code.startsWith('SIGNATURE_') ? 'bad_signature' : 'not_a_checkpoint';
    return { ok: false, kind, detail: error.message };
  }
}

/** Each once, even if a log is its own witness. */
function knownKeys({ keys, policy }: LogIdentity): VerifierKey[] {
  const witnesses = (policy?.witnesses ?? []).map(({ key }) => key);
  return [...keys, ...witnesses.filter((witness) => !keys.some((key) => isSame(key, witness)))];
}

function lackOf(policy: Policy, verified: readonly VerifiedSignature[]): string | null {
  const { met, detail } = judgeQuorum(policy, witnessesAmong(policy, verified));
  return met ? null : detail;
}

function isSame(a: VerifierKey, b: VerifierKey): boolean {
  return a.name === b.name && a.key_id === b.key_id;
}
