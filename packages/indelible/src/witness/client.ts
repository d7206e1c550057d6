/**
 * Has checkpoints cosigned by the witnesses of a policy, all asked at the same time.
 *
 * Once the policy is met the others have a moment more, and are then left: a checkpoint must not wait for its slowest
 * witness. A witness that fails is left alone for one second, then two, up to a minute.
 *
 * Errors:  REMOTE_URL, WITNESS_CONFIG when it is made. Afterwards none: what failed is told in words.
 * Source:  c2sp.org/tlog-witness, c2sp.org/tlog-policy.
 */
import {
  checkpointVerifier,
  formatNote,
  IndelibleError,
  judgeQuorum,
  NOTE_SIGNATURES_MAX,
  type Note,
  type NoteSignature,
  type Policy,
  parseCheckpoint,
  parseNote,
  SIGNATURES,
  type VerifierKey,
} from '@indelible/core';
import type { Fetch } from '../outbound.ts';
import type { Cosigner } from '../transparency/contract.ts';
import { WitnessPeer } from './peer.ts';

export interface WitnessClientOptions {
  /** Witnesses without a URL are not asked. */
  readonly policy: Policy;
  /** For each exchange with a witness; default 10 s. */
  readonly timeout_ms?: number;
  /** How long the others are waited for once the policy is met; default half a second. */
  readonly grace_ms?: number;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  readonly random?: () => number;
  readonly fetch?: Fetch;
}

export class WitnessClient implements Cosigner {
  readonly #policy: Policy;
  readonly #grace_ms: number;
  readonly #peers: readonly WitnessPeer[];

  constructor(options: WitnessClientOptions) {
    const {
      policy,
      timeout_ms = 10_000,
      grace_ms = 500,
      clock = Date.now,
      random = Math.random,
      fetch,
    } = options;
    this.#policy = policy;
    this.#grace_ms = grace_ms;
    const shared = { timeout_ms, clock, random, ...(fetch === undefined ? {} : { fetch }) };
    this.#peers = [...keysByUrl(policy)].map(([url, keys]) => new WitnessPeer({ ...shared, url, keys }));
    if (this.#peers.length === 0 && policy.quorum !== 'none') {
      throw new IndelibleError('WITNESS_CONFIG', 'the policy asks for witnesses, and gives the URL of none');
    }
  }

  async cosign(
    source: string,
    proof: (from: number) => Promise<readonly string[]>,
    signal: AbortSignal,
  ): Promise<{ readonly note: string; readonly meets_policy: boolean; readonly faults: readonly string[] }> {
    let note = parseNote(source);
    const wanted = { note: this.#ownNote(note), checkpoint: parseCheckpoint(note.text), proof };
    const faults: string[] = [];
    const enough = new AbortController();
    const stop = AbortSignal.any([signal, enough.signal]);
    let timer: NodeJS.Timeout | undefined;
    const noteEnough = (): void => {
      if (timer === undefined && this.#isMet(note)) timer = setTimeout(() => enough.abort(), this.#grace_ms);
    };
    noteEnough();
    await Promise.all(
      this.#peers.map(async (peer) => {
        try {
          // Awaited first: meanwhile other witnesses add to the note.
          const added = await peer.cosign(wanted, stop);
          note = withSignatures(note, added);
          noteEnough();
        } catch (error) {
          const reason = error instanceof Error ? error.message : String(error);
          if (!enough.signal.aborted) faults.push(`the witness ${peer.name}: ${reason}`);
        }
      }),
    );
    clearTimeout(timer);
    return { note: formatNote(note), meets_policy: this.#isMet(note), faults };
  }

  /** Without cosignatures from before, which are of no use to a witness and may be large. */
  #ownNote({ text, signatures }: Note): Note {
    const own = signatures.filter(
      ({ name, key_id }) =>
        !this.#policy.witnesses.some(({ key }) => key.name === name && key.key_id === key_id),
    );
    return { text, signatures: own.length === 0 ? signatures : own };
  }

  /** Judged from the note alone: what stands in it is what others will see. */
  #isMet(note: Note): boolean {
    const cosigned = this.#policy.witnesses.filter(({ key }) =>
      note.signatures.some(
        ({ name, key_id, signature }) =>
          name === key.name &&
          key_id === key.key_id &&
          checkpointVerifier(key, SIGNATURES).verify(note.text, signature) !== null,
      ),
    );
    return judgeQuorum(
      this.#policy,
      cosigned.map(({ name }) => name),
    ).met;
  }
}

/** A witness with two keys has two lines in a policy, but is asked once. */
function keysByUrl({ witnesses }: Policy): Map<string, VerifierKey[]> {
  const keys = new Map<string, VerifierKey[]>();
  for (const { url, key } of witnesses) {
    if (url === null) continue;
    const prefix = url.replace(/\/+$/, '');
    keys.set(prefix, [...(keys.get(prefix) ?? []), key]);
  }
  return keys;
}

/** The note with these signatures, in place of older ones of the same keys. */
function withSignatures({ text, signatures }: Note, added: readonly NoteSignature[]): Note {
  const kept = signatures.filter(
    (old) => !added.some(({ name, key_id }) => name === old.name && key_id === old.key_id),
  );
  return { text, signatures: [...kept, ...added].slice(0, NOTE_SIGNATURES_MAX) };
}
