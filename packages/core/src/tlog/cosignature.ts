/**
 * Cosignatures: a witness (or the log itself) states that it saw this checkpoint, at this time, and that it is
 * consistent with all it saw before.
 *
 * Two kinds: Ed25519 over text, and ML-DSA-44 over a binary message that also names the cosigner. The latter does
 * not cover extension lines.
 *
 * Shapes:  a cosignature is (uint64 big-endian time ‖ raw signature); times are whole seconds since 1970.
 * Errors:  CHECKPOINT_INVALID for a text that is no checkpoint, COSIGNATURE_INVALID for what cannot be cosigned.
 * Source:  c2sp.org/tlog-cosignature.
 * Pure:    no I/O, no clock: the caller says what time it is.
 */
import { IndelibleError } from '../errors.ts';
import { bytesFromHex } from '../hex.ts';
import { HASH_BYTES } from '../merkle/hash-bytes.ts';
import type { NoteSigner, SignatureAlgorithms } from '../note/algorithms.ts';
import { checkText, type NoteSignature } from '../note/note.ts';
import { algorithmOf, ed25519Verifier, type NoteVerifier, rawSignature, signText } from '../note/open.ts';
import type { SignatureType, VerifierKey } from '../note/verifier-key.ts';
import { parseCheckpoint } from './checkpoint.ts';

const TIME_BYTES = 8;
const SIGNATURE_BYTES: Readonly<Record<SignatureType, number>> = {
  ed25519: 64,
  ed25519_cosignature: 64,
  ml_dsa_44_cosignature: 2420,
};
const encoder = new TextEncoder();

/** The bytes that a cosigner signs. `text` is the checkpoint's, signatures not included. */
export function cosignedMessage(key: VerifierKey, text: string, time: number): Uint8Array {
  const checkpoint = parseCheckpoint(text);
  if (!Number.isSafeInteger(time) || time < 0) throw invalid('the time is in whole seconds since 1970');
  if (key.type === 'ed25519') throw invalid('this key signs notes, not cosignatures');
  if (key.type === 'ed25519_cosignature') return encoder.encode(`cosignature/v1\ntime ${time}\n${text}`);
  return concat([
    encoder.encode('subtree/v1\n\0'),
    shortText(key.name, 'the name of a cosigner'),
    uint64(time),
    shortText(checkpoint.origin, 'the origin of a checkpoint'),
    // The subtree from the first leaf to the last: a checkpoint.
    uint64(0),
    uint64(checkpoint.size),
    bytesFromHex(checkpoint.root, HASH_BYTES),
  ]);
}

/** Verifies the signatures of one key on checkpoints, whichever kind the key is for. */
export function checkpointVerifier(key: VerifierKey, algorithms: SignatureAlgorithms): NoteVerifier {
  if (key.type === 'ed25519') return ed25519Verifier(key, algorithms);
  const valid = algorithmOf(key, algorithms);
  return {
    key,
    verify: (text, signature) => {
      if (signature.length !== TIME_BYTES + SIGNATURE_BYTES[key.type]) return null;
      const time = readUint64(signature);
      if (time === null) return null;
      const message = cosignedMessage(key, text, time);
      if (!valid(key.public_key, message, signature.subarray(TIME_BYTES))) return null;
      // ML-DSA-44 cosigners that make no statement about time write zero.
      return { time: time === 0 && key.type === 'ml_dsa_44_cosignature' ? null : time };
    },
  };
}

/** Signs a checkpoint with a key of any kind. `time` goes into cosignatures only. */
export async function signCheckpoint(text: string, signer: NoteSigner, time: number): Promise<NoteSignature> {
  checkText(text);
  parseCheckpoint(text);
  if (signer.key.type === 'ed25519') return signText(text, signer);
  const message = cosignedMessage(signer.key, text, time);
  const raw = await rawSignature(signer, message, SIGNATURE_BYTES[signer.key.type]);
  return { name: signer.key.name, key_id: signer.key.key_id, signature: concat([uint64(time), raw]) };
}

/** Text behind one byte of length: opaque<1..2^8-1>. */
function shortText(text: string, what: string): Uint8Array {
  const bytes = encoder.encode(text);
  if (bytes.length < 1 || bytes.length > 255) throw invalid(`${what} has 1 to 255 bytes under ML-DSA-44`);
  return concat([Uint8Array.of(bytes.length), bytes]);
}

function uint64(value: number): Uint8Array {
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}

/** Null above 2^53, which is no time that anyone could attest. */
function readUint64(bytes: Uint8Array): number | null {
  const value = Number(new DataView(bytes.buffer, bytes.byteOffset, 8).getBigUint64(0));
  return Number.isSafeInteger(value) ? value : null;
}

function concat(parts: readonly Uint8Array[]): Uint8Array {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('COSIGNATURE_INVALID', message);
}
