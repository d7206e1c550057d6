/**
 * The protocol of a witness, from request to answer, without a server around it.
 *
 * The new state of a log is durable before a signature over it exists. A crash in between costs the client one round:
 * it is answered 409 with the new size, and asks again from there.
 *
 * Source:  c2sp.org/tlog-witness. Of it `sign-subtree`, which is optional, is left out.
 */
import {
  type Acceptance,
  type AddCheckpoint,
  checkpointVerifier,
  decideAddCheckpoint,
  formatCosignatures,
  formatNote,
  IndelibleError,
  isIndelibleError,
  type NoteSignature,
  type NoteSigner,
  parseAddCheckpoint,
  type Refusal,
  SIGNATURES,
  signCheckpoint,
  type WitnessedLog,
} from '@indelible/core';
import { type KnownLog, originHash } from './known-logs.ts';
import { RateLimit, type RateOptions } from './rate.ts';
import type { WitnessState } from './state.ts';

export interface WitnessRequest {
  readonly method: string;
  /** Without a query. */
  readonly path: string;
  readonly body: Uint8Array;
  /** Whom the rate is counted for, like the address. */
  readonly client: string;
}

export interface WitnessAnswer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Where decisions are told, one line each. */
export interface WitnessLog {
  info(facts: Record<string, unknown>, message: string): void;
  warn(facts: Record<string, unknown>, message: string): void;
  error(facts: Record<string, unknown>, message: string): void;
}

export interface WitnessOptions {
  readonly state: WitnessState;
  /** By origin; see `parseKnownLogs`. */
  readonly logs: ReadonlyMap<string, KnownLog>;
  /** Cosignature keys, all of which sign. */
  readonly signers: readonly NoteSigner[];
  /** Before `/add-checkpoint` and `/<origin hash>/checkpoint`; default none. */
  readonly prefix?: string;
  readonly rate?: RateOptions;
  /** Milliseconds since 1970. */
  readonly clock?: () => number;
  readonly log?: WitnessLog;
}

/** The longest body: 63 hashes, and a checkpoint with more signatures than anyone needs. */
export const ADD_CHECKPOINT_BYTES_MAX = 256 * 1024;
const RATE: RateOptions = { burst: 60, per_second: 10 };
const SILENT: WitnessLog = { info() {}, warn() {}, error() {} };

export class Witness {
  readonly #options: WitnessOptions;
  readonly #clock: () => number;
  readonly #log: WitnessLog;
  readonly #rate: RateLimit;
  readonly #logs: ReadonlyMap<string, WitnessedLog>;
  /** Origins by what stands for them in an address. */
  readonly #origins: ReadonlyMap<string, string>;

  constructor(options: WitnessOptions) {
    checkOptions(options);
    this.#options = options;
    this.#clock = options.clock ?? Date.now;
    this.#log = options.log ?? SILENT;
    this.#rate = new RateLimit(options.rate ?? RATE);
    this.#logs = new Map(
      [...options.logs].map(([origin, { keys }]) => [
        origin,
        { origin, verifiers: keys.map((key) => checkpointVerifier(key, SIGNATURES)) },
      ]),
    );
    this.#origins = new Map([...options.logs.keys()].map((origin) => [originHash(origin), origin]));
  }

  /** Answers one request. Never rejects. */
  async handle(request: WitnessRequest): Promise<WitnessAnswer> {
    try {
      return await this.#route(request);
    } catch (error) {
      const code = isIndelibleError(error) ? error.code : 'INTERNAL';
      const reason = error instanceof Error ? error.message : String(error);
      this.#log.error({ code, reason, client: request.client }, 'the witness could not answer');
      return code === 'WITNESS_STATE'
        ? text(503, 'the state cannot be used now\n', { 'retry-after': '5' })
        : text(500, 'the witness failed\n');
    }
  }

  async #route({ method, path, body, client }: WitnessRequest): Promise<WitnessAnswer> {
    const wait_s = this.#rate.take(client, this.#clock());
    if (wait_s > 0) return text(429, 'too many requests\n', { 'retry-after': String(wait_s) });
    const { prefix = '' } = this.#options;
    const rest = path.startsWith(`${prefix}/`) ? path.slice(prefix.length) : '';
    if (rest === '/add-checkpoint') {
      if (method !== 'POST') return text(405, 'use POST\n', { allow: 'POST' });
      return body.length > ADD_CHECKPOINT_BYTES_MAX
        ? text(413, `at most ${ADD_CHECKPOINT_BYTES_MAX} bytes\n`)
        : this.#addCheckpoint(body, client);
    }
    const hash = /^\/([0-9a-f]{64})\/checkpoint$/.exec(rest)?.[1];
    if (hash === undefined) return text(404, 'nothing is here\n');
    if (method !== 'GET' && method !== 'HEAD') return text(405, 'use GET\n', { allow: 'GET, HEAD' });
    const origin = this.#origins.get(hash);
    const note = origin === undefined ? null : this.#options.state.published(origin);
    return note === null ? text(404, 'no checkpoint of that log was cosigned\n') : text(200, note);
  }

  async #addCheckpoint(body: Uint8Array, client: string): Promise<WitnessAnswer> {
    const { state } = this.#options;
    let asked: ReturnType<typeof parseAddCheckpoint>;
    try {
      asked = parseAddCheckpoint(body);
    } catch (error) {
      if (!isIndelibleError(error)) throw error;
      return text(400, `${error.message}\n`);
    }
    const { origin, size, root } = asked.checkpoint;
    const log = this.#logs.get(origin) ?? null;
    let decision: Acceptance | Refusal | undefined;
    let time = 0;
    if (log === null) decision = decideAddCheckpoint(asked, null, null);
    else {
      state.transact(origin, (held) => {
        // Taken inside: a cosignature says that nothing larger was seen at this time.
        time = Math.floor(this.#clock() / 1000);
        decision = decideAddCheckpoint(asked, held, log);
        return decision.accepted ? { size, root, note: ownNote(asked, decision), seen_at: time } : null;
      });
    }
    const facts = { origin: origin.slice(0, 255), old_size: asked.old_size, size, root, client };
    if (!decision!.accepted) return this.#refuse(asked, decision!, time, facts);
    const answer = await this.#cosign(asked, decision!, time);
    this.#log.info({ ...facts, status: 200 }, 'cosigned');
    return answer;
  }

  async #cosign(asked: AddCheckpoint, accepted: Acceptance, time: number): Promise<WitnessAnswer> {
    const { text: signed } = asked.note;
    const cosignatures: NoteSignature[] = [];
    for (const signer of this.#options.signers) cosignatures.push(await signCheckpoint(signed, signer, time));
    const { origin, size } = accepted.checkpoint;
    const signatures = [...accepted.log_signatures, ...cosignatures];
    this.#options.state.publish(origin, size, formatNote({ text: signed, signatures }));
    return text(200, formatCosignatures(cosignatures));
  }

  #refuse(
    asked: AddCheckpoint & {
      readonly checkpoint: { readonly origin: string; readonly size: number; readonly root: string };
    },
    { status, size, detail, signed }: Refusal,
    time: number,
    facts: Record<string, unknown>,
  ): WitnessAnswer {
    if (status === 422 && signed) {
      // Whether it convicts the log, the state decides: a wrong proof for an honest checkpoint does not.
      const { origin, size: claimed, root } = asked.checkpoint;
      const note = formatNote(asked.note);
      const kept = this.#options.state.keepConflict(origin, { size: claimed, root, note, seen_at: time });
      if (kept) this.#log.error({ ...facts, note }, 'the log signed two histories: both notes are kept');
    }
    this.#log.warn({ ...facts, status, detail }, 'refused');
    if (status !== 409) return text(status, `${detail}\n`);
    return { status, headers: { 'content-type': 'text/x.tlog.size' }, body: `${size}\n` };
  }
}

/** The checkpoint with those signatures of the log that were verified, and no others. */
function ownNote({ note }: AddCheckpoint, { log_signatures }: Acceptance): string {
  return formatNote({ text: note.text, signatures: log_signatures });
}

function text(status: number, body: string, headers: Readonly<Record<string, string>> = {}): WitnessAnswer {
  return { status, headers: { 'content-type': 'text/plain; charset=utf-8', ...headers }, body };
}

/** What would make every request fail is refused at the start. */
function checkOptions({ logs, signers, prefix = '' }: WitnessOptions): void {
  if (signers.length === 0 || signers.some(({ key }) => key.type === 'ed25519')) {
    throw new IndelibleError('WITNESS_CONFIG', 'a witness needs cosignature keys, and no others');
  }
  if (!/^(?:\/[A-Za-z0-9._~-]+)*$/.test(prefix)) {
    throw new IndelibleError('WITNESS_CONFIG', 'a prefix is empty or like /name, without a slash at its end');
  }
  const short = signers.some(({ key }) => key.type === 'ml_dsa_44_cosignature');
  for (const origin of logs.keys()) {
    if (short && Buffer.byteLength(origin) > 255) {
      throw new IndelibleError('WITNESS_CONFIG', 'an ML-DSA-44 key signs for origins of at most 255 bytes');
    }
  }
}
