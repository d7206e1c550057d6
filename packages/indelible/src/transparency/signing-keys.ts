/**
 * Which private keys this process has, and which of them must sign the next checkpoint.
 *
 * Errors:  SIGNER_REFUSED for a key that is not the log's active one, or not of the kind that signs checkpoints;
 *          SIGNER_FAILED for a signer that gives no valid signature.
 */
import {
  ed25519Verifier,
  formatNote,
  formatVerifierKey,
  IndelibleError,
  type NoteSignature,
  type NoteSigner,
  SIGNATURES,
  signText,
} from '@indelible/core';
import type { KeyChain } from './key-chain.ts';

export class SigningKeys {
  readonly #origin: string;
  readonly #signers = new Map<string, NoteSigner>();

  constructor(origin: string, signer: NoteSigner | null) {
    this.#origin = origin;
    if (signer !== null) this.add(signer);
  }

  get any(): boolean {
    return this.#signers.size > 0;
  }

  /** Takes a key in; returns its verifier key. */
  add(signer: NoteSigner): string {
    checkSigner(signer, this.#origin);
    const vkey = formatVerifierKey(signer.key);
    this.#signers.set(vkey, verified(signer));
    return vkey;
  }

  remove(vkey: string): void {
    this.#signers.delete(vkey);
  }

  /** The signer of the log's active key. */
  active({ active }: KeyChain): { readonly vkey: string; readonly signer: NoteSigner } {
    const signer = active === null ? undefined : this.#signers.get(active);
    if (active !== null && signer !== undefined) return { vkey: active, signer };
    throw new IndelibleError(
      'SIGNER_REFUSED',
      active === null
        ? `the log ${this.#origin} has not announced a signing key`
        : `the log ${this.#origin} is signed with ${active}, and this process has another key`,
      { details: { active } },
    );
  }

  /** Those who sign the next checkpoint: the active key, and keys retired since the checkpoint before. */
  signers(keys: KeyChain, since: number): NoteSigner[] {
    const retired = keys.retiredSince(since).flatMap((vkey) => this.#signers.get(vkey) ?? []);
    return [this.active(keys).signer, ...retired];
  }
}

/** Signs a text with each of them. */
export async function signNote(text: string, signers: readonly NoteSigner[]): Promise<string> {
  const signatures: NoteSignature[] = [];
  for (const signer of signers) signatures.push(await signText(text, signer));
  return formatNote({ text, signatures });
}

/** Refuses a key of another log or of a kind that signs cosignatures. */
export function checkSigner({ key }: NoteSigner, origin: string): void {
  if (key.name === origin && key.type === 'ed25519') return;
  throw new IndelibleError(
    'SIGNER_REFUSED',
    key.name === origin
      ? `a ${key.type} key signs no checkpoints of its own log`
      : `the signing key is named ${key.name}, but the log is ${origin}`,
  );
}

/** No signature leaves unchecked: a faulty device, or a command that signs with another key, shows here. */
function verified(signer: NoteSigner): NoteSigner {
  const verifier = ed25519Verifier(signer.key, SIGNATURES);
  return {
    key: signer.key,
    sign: async (message) => {
      const signature = await signed(signer, message);
      if (verifier.verify(new TextDecoder().decode(message), signature) !== null) return signature;
      throw new IndelibleError('SIGNER_FAILED', `the signer gave no valid signature of ${signer.key.name}`);
    },
  };
}

async function signed(signer: NoteSigner, message: Uint8Array): Promise<Uint8Array> {
  try {
    return await signer.sign(message);
  } catch (error) {
    if (error instanceof IndelibleError) throw error;
    throw new IndelibleError('SIGNER_FAILED', `the signer of ${signer.key.name} failed`, { cause: error });
  }
}
