/**
 * Opening a note: which known keys signed its text.
 *
 * Signatures of unknown keys say nothing and are passed over. A known key with a wrong signature rejects the whole
 * note, as does a note that no known key signed.
 *
 * Errors:  SIGNATURE_WRONG, SIGNATURE_MISSING, SIGNATURE_ALGORITHM; VERIFIER_KEY_INVALID for a key given twice.
 * Source:  c2sp.org/signed-note, "Signatures".
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import type { NoteSigner, SignatureAlgorithms, VerifySignature } from './algorithms.ts';
import { checkText, type Note, type NoteSignature } from './note.ts';
import type { VerifierKey } from './verifier-key.ts';

/** What a valid signature says beyond "signed". */
export interface SignatureFacts {
  /** Seconds since 1970 that a cosigner attests; null where the signature states no time. */
  readonly time: number | null;
}

/** Verifies the signatures of one key. */
export interface NoteVerifier {
  readonly key: VerifierKey;
  /** Null for a signature that is not valid for this text. */
  verify(text: string, signature: Uint8Array): SignatureFacts | null;
}

/** A known key that signed the note. */
export interface VerifiedSignature extends SignatureFacts {
  readonly key: VerifierKey;
}

/** The known keys that signed this note, each once; at least one. */
export function openNote(note: Note, verifiers: readonly NoteVerifier[]): VerifiedSignature[] {
  const known = new Map<string, NoteVerifier>();
  for (const verifier of verifiers) {
    if (known.has(identity(verifier.key))) {
      throw new IndelibleError('VERIFIER_KEY_INVALID', `the key ${identity(verifier.key)} is given twice`);
    }
    known.set(identity(verifier.key), verifier);
  }
  const verified = new Map<string, VerifiedSignature>();
  for (const signature of note.signatures) {
    const verifier = known.get(identity(signature));
    if (verifier === undefined) continue;
    const facts = verifier.verify(note.text, signature.signature);
    if (facts === null) {
      throw new IndelibleError('SIGNATURE_WRONG', `the signature of ${identity(signature)} is wrong`, {
        details: { name: signature.name, key_id: signature.key_id },
      });
    }
    if (!verified.has(identity(signature))) {
      verified.set(identity(signature), { key: verifier.key, ...facts });
    }
  }
  if (verified.size === 0) throw new IndelibleError('SIGNATURE_MISSING', 'no known key signed this note');
  return [...verified.values()];
}

/** Verifies plain Ed25519 signatures: those over the text itself. */
export function ed25519Verifier(key: VerifierKey, algorithms: SignatureAlgorithms): NoteVerifier {
  if (key.type !== 'ed25519') {
    throw new IndelibleError('VERIFIER_KEY_INVALID', 'this key signs cosignatures, not notes');
  }
  const valid = algorithmOf(key, algorithms);
  return {
    key,
    verify: (text, signature) =>
      signature.length === 64 && valid(key.public_key, encoder.encode(text), signature)
        ? { time: null }
        : null,
  };
}

/** Signs a text with a plain Ed25519 key. */
export async function signText(text: string, signer: NoteSigner): Promise<NoteSignature> {
  checkText(text);
  if (signer.key.type !== 'ed25519') {
    throw new IndelibleError('VERIFIER_KEY_INVALID', 'this key signs cosignatures, not notes');
  }
  const signature = await rawSignature(signer, encoder.encode(text), 64);
  return { name: signer.key.name, key_id: signer.key.key_id, signature };
}

/** What a signer answers, refused when it cannot be a signature of its algorithm. */
export async function rawSignature(
  signer: NoteSigner,
  message: Uint8Array,
  bytes: number,
): Promise<Uint8Array> {
  const signature = await signer.sign(message);
  if (signature.length !== bytes) {
    throw new IndelibleError(
      'SIGNATURE_ALGORITHM',
      `the signer gave ${signature.length} bytes instead of ${bytes}`,
    );
  }
  return signature;
}

/** The algorithm of a key, or a refusal. */
export function algorithmOf(key: VerifierKey, algorithms: SignatureAlgorithms): VerifySignature {
  const name = key.type === 'ml_dsa_44_cosignature' ? 'ml_dsa_44' : 'ed25519';
  const valid = algorithms[name];
  if (valid === undefined) {
    throw new IndelibleError('SIGNATURE_ALGORITHM', `no implementation of ${name} was given`);
  }
  return valid;
}

const encoder = new TextEncoder();

/** Name and id together identify a key; neither does alone. A name has no plus. */
function identity({ name, key_id }: { readonly name: string; readonly key_id: string }): string {
  return `${name}+${key_id}`;
}
