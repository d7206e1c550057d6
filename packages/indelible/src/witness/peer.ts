/**
 * One witness as its client sees it: where it is, what it cosigned last, and when it may be asked again.
 *
 * Source:  c2sp.org/tlog-witness, "add-checkpoint".
 */
import {
  type Checkpoint,
  checkpointVerifier,
  formatAddCheckpoint,
  IndelibleError,
  type Note,
  type NoteSignature,
  parseCosignatures,
  parseKnownSize,
  SIGNATURES,
  type VerifierKey,
} from '@indelible/core';
import { askRemote, type Fetch, type OutboundAnswer, outboundUrl } from '../outbound.ts';

export interface PeerOptions {
  /** The submission prefix. */
  readonly url: string;
  /** All keys that this witness signs with. */
  readonly keys: readonly VerifierKey[];
  /** For each of at most two exchanges. */
  readonly timeout_ms: number;
  readonly clock: () => number;
  readonly random: () => number;
  readonly fetch?: Fetch;
}

/** A checkpoint to have cosigned. */
export interface ToCosign {
  readonly note: Note;
  readonly checkpoint: Checkpoint;
  readonly proof: (from: number) => Promise<readonly string[]>;
}

/** Some thirty signatures, and more than a refusal has to say. */
const ANSWER_BYTES_MAX = 128 * 1024;
const BACKOFF_MS_MIN = 1000;
const BACKOFF_MS_MAX = 60_000;
/** How far a witness' clock may be ahead of ours. */
const AHEAD_S_MAX = 300;

export class WitnessPeer {
  readonly #options: PeerOptions;
  readonly #url: URL;
  /** By origin: what the witness cosigned last, as far as we know. */
  readonly #sizes = new Map<string, number>();
  #failures = 0;
  #not_before = 0;
  #last_fault = '';

  constructor(options: PeerOptions) {
    this.#options = options;
    const base = outboundUrl(options.url, { plain_http: false });
    if (!base.pathname.endsWith('/')) base.pathname += '/';
    this.#url = new URL('add-checkpoint', base);
  }

  /** For messages. */
  get name(): string {
    return [...new Set(this.#options.keys.map(({ name }) => name))].join(', ');
  }

  /** Valid cosignatures of this witness, at least one. Raises why there is none. */
  async cosign(wanted: ToCosign, signal: AbortSignal): Promise<NoteSignature[]> {
    const { clock } = this.#options;
    if (clock() < this.#not_before) {
      throw failed(`is left alone until ${new Date(this.#not_before).toISOString()}: ${this.#last_fault}`);
    }
    try {
      const signatures = await this.#ask(wanted, signal);
      this.#failures = 0;
      return signatures;
    } catch (error) {
      const fault = error instanceof Error ? error.message : String(error);
      // That we stopped waiting, or cannot make a proof, is not the witness' failure.
      if (!signal.aborted && !(error instanceof OwnFailure)) this.#backOff(fault);
      throw error;
    }
  }

  #backOff(fault: string): void {
    const { clock, random } = this.#options;
    const wait_ms = Math.min(BACKOFF_MS_MIN * 2 ** this.#failures, BACKOFF_MS_MAX);
    this.#failures = Math.min(this.#failures + 1, 10);
    this.#not_before = clock() + wait_ms * (0.75 + 0.5 * random());
    this.#last_fault = fault;
  }

  async #ask(wanted: ToCosign, signal: AbortSignal): Promise<NoteSignature[]> {
    const { origin, size } = wanted.checkpoint;
    const known = Math.min(this.#sizes.get(origin) ?? 0, size);
    let answer = await this.#post(wanted, known, signal);
    if (answer.status === 409) {
      const other = knownSize(answer);
      this.#sizes.set(origin, other);
      if (other > size) throw failed(`has cosigned ${other} records already: this checkpoint has ${size}`);
      answer = await this.#post(wanted, other, signal);
      if (answer.status === 409) {
        this.#sizes.set(origin, knownSize(answer));
        throw failed('has cosigned another checkpoint meanwhile');
      }
    }
    if (answer.status !== 200) throw failed(`refuses with status ${answer.status}${sentenceOf(answer)}`);
    const valid = this.#verified(parseCosignatures(answer.bytes), wanted.note.text);
    this.#sizes.set(origin, size);
    return valid;
  }

  async #post(
    { note, checkpoint, proof }: ToCosign,
    old_size: number,
    signal: AbortSignal,
  ): Promise<OutboundAnswer> {
    const { timeout_ms, fetch } = this.#options;
    // From nothing, and to itself, there is nothing to prove.
    const hashes = old_size === 0 || old_size === checkpoint.size ? [] : await proofOf(proof, old_size);
    return askRemote(this.#url, {
      method: 'POST',
      headers: { 'content-type': 'text/plain; charset=utf-8' },
      body: formatAddCheckpoint({ old_size, proof: hashes, note }),
      timeout_ms,
      bytes_max: ANSWER_BYTES_MAX,
      signal,
      ...(fetch === undefined ? {} : { fetch }),
    });
  }

  /** Of known keys, each once. A wrong one among them discredits the answer; unknown keys say nothing. */
  #verified(signatures: readonly NoteSignature[], text: string): NoteSignature[] {
    const valid = new Map<string, NoteSignature>();
    for (const signature of signatures) {
      const key = this.#options.keys.find(
        ({ name, key_id }) => name === signature.name && key_id === signature.key_id,
      );
      if (key === undefined) continue;
      const facts = checkpointVerifier(key, SIGNATURES).verify(text, signature.signature);
      if (facts === null) throw failed(`gave a wrong cosignature of ${key.name}`);
      if (facts.time === null || facts.time === 0) throw failed('gave a cosignature without a time');
      if (facts.time > this.#options.clock() / 1000 + AHEAD_S_MAX)
        throw failed('gave a cosignature of the future');
      valid.set(key.key_id, signature);
    }
    if (valid.size === 0) throw failed('gave no cosignature of the key that the policy names');
    return [...valid.values()];
  }
}

/** Something on our side; the witness did nothing wrong. */
class OwnFailure extends IndelibleError {}

async function proofOf(proof: ToCosign['proof'], from: number): Promise<readonly string[]> {
  try {
    return await proof(from);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new OwnFailure('REMOTE_FAILED', `was not asked: no proof from ${from} records (${reason})`);
  }
}

function knownSize(answer: OutboundAnswer): number {
  const type = answer.headers.get('content-type')?.split(';', 1)[0]?.trim();
  if (type !== 'text/x.tlog.size') throw failed('answers 409 without saying which size it knows');
  return parseKnownSize(answer.bytes);
}

/** What a refusal says, if it is short and plain: it ends up in our logs. */
function sentenceOf({ bytes }: OutboundAnswer): string {
  const text = new TextDecoder().decode(bytes.subarray(0, 200)).trim();
  return /^[\x20-\x7e]+$/.test(text) ? `: ${text}` : '';
}

function failed(what: string): IndelibleError {
  return new IndelibleError('REMOTE_FAILED', what);
}
