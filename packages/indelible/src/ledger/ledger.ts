/**
 * A ledger: record what happened, get a receipt once it is durable, read it back.
 *
 * Errors:  EVENT_INVALID and JSON errors for the event; BACKLOG_FULL, STORE_* and LEDGER_CLOSED for storage; KEY_* when
 *          the secrets do not fit the ledger. A rejected event has not been acknowledged; retry with the same
 *          idempotency key when it matters that it is there exactly once.
 */
import {
  type Actor,
  type Event,
  IndelibleError,
  isIndelibleError,
  type Json,
  type LedgerRecord,
  parseRecord,
  type Receipt,
} from '@indelible/core';
import type { AttachmentStore } from '../attachments/contract.ts';
import type { Head, LineBatch, LogStore } from '../stores/contract.ts';
import type { RecordIndex } from '../stores/index/contract.ts';
import type { LogFollower, Transparency } from '../transparency/contract.ts';
import { freezeActor } from './actors.ts';
import { Attaching } from './attaching.ts';
import { configEvent, LEDGER_CREATED, sealingBehind } from './config.ts';
import { currentContext } from './context.ts';
import { dataOf } from './data-of.ts';
import { prepareEvent } from './encode.ts';
import { IdempotencyKeys } from './idempotency.ts';
import { alignIndex } from './index-position.ts';
import { IndexTail } from './index-tail.ts';
import { Keyring } from './keyring.ts';
import { lineOf } from './lines.ts';
import { announceKey, createdConfig, type Identity, loadIdentity } from './opening.ts';
import { isReserved, reserved, staysWhole } from './reserved.ts';
import { Sequencer } from './sequencer.ts';
import { Truncation } from './truncation.ts';
import type {
  LedgerLog,
  LedgerOptions,
  LedgerStats,
  LedgerWriter,
  OwnRecordOptions,
  RecordOptions,
  StoredRecord,
} from './types.ts';

const SILENT: LedgerLog = { info() {}, warn() {}, error() {} };
/** While appends go on failing in the same way, the log says so this often. */
const TELL_MS = 60_000;

export class Ledger implements LedgerWriter {
  readonly name: string;
  readonly store: LogStore;
  readonly index: RecordIndex | null;
  readonly attachments: AttachmentStore | null;
  readonly keyring: Keyring;
  readonly #keys: IdempotencyKeys;
  readonly #sequencer: Sequencer;
  readonly #attaching: Attaching | null;
  readonly #tail: IndexTail | null;
  readonly #truncation: Truncation;
  readonly #log: LedgerLog;
  readonly #default_actor: Actor;
  readonly #best_effort: boolean;
  readonly #index_wait_ms: number | null;
  #recorded = 0;
  #commits = 0;
  #lost = 0;
  #fault: LedgerStats['fault'] = null;
  #fault_told_at = Number.NEGATIVE_INFINITY;
  #follower: LogFollower | null = null;
  #closing: Promise<void> | null = null;

  /** Opens or creates the ledger in a store. The ledger owns the store and the index from now on and closes them. */
  static async open(options: LedgerOptions): Promise<Ledger> {
    const keyring = new Keyring(options.keys);
    const identity = await loadIdentity(options.store, keyring, options);
    const indexed = options.index === undefined ? 0 : await alignIndex(options.store, options.index);
    const ledger = new Ledger(options, keyring, identity, indexed);
    try {
      await ledger.#learnKeys(identity.head, indexed);
      if (identity.head === null) {
        await ledger.#write(configEvent(LEDGER_CREATED, createdConfig(identity.name, keyring)));
      } else if (identity.announce && !options.store.read_only) {
        await announceKey(options.store, keyring, (event) => ledger.#write(event, true));
      }
      ledger.#follower = (await options.follow?.(ledger)) ?? null;
    } catch (error) {
      await ledger.close();
      throw error;
    }
    return ledger;
  }

  private constructor(options: LedgerOptions, keyring: Keyring, identity: Identity, indexed: number) {
    this.name = identity.name;
    this.store = options.store;
    this.index = options.index ?? null;
    this.attachments = options.attachments ?? null;
    this.keyring = keyring;
    this.#log = options.log ?? SILENT;
    this.#default_actor = freezeActor(options.default_actor ?? { type: 'local', id: `pid-${process.pid}` });
    this.#best_effort = options.durability === 'best-effort';
    this.#index_wait_ms = options.index_wait_ms ?? null;
    this.#keys = new IdempotencyKeys(this.store, this.index, this.#index_wait_ms);
    this.#sequencer = new Sequencer(
      {
        store: this.store,
        keys: this.#keys,
        clock: options.clock ?? Date.now,
        sealingBehind: (last) => sealingBehind(last, keyring),
        backlog_records_max: options.backlog_records_max ?? 100_000,
        backlog_bytes_max: options.backlog_bytes_max ?? 64 << 20,
        onAppend: (batch) => this.#noteAppend(batch),
        onFault: (error) => this.#noteFault(error),
      },
      identity.head,
    );
    this.#attaching =
      options.attachments === undefined
        ? null
        : new Attaching(
            options.attachments,
            (event) => this.#sequencer.submit(event),
            options.backlog_bytes_max ?? 64 << 20,
          );
    this.#truncation = new Truncation(
      this.store,
      this.index,
      this.#log,
      (event) => this.#write(event),
      async (keep_from) => {
        await options.before_truncation?.(this, keep_from);
        await this.#follower?.carry(keep_from);
      },
      this.#attaching,
    );
    this.#tail = this.#followWith(this.index, indexed);
  }

  #followWith(index: RecordIndex | null, position: number): IndexTail | null {
    if (index === null) return null;
    const tail = new IndexTail({
      store: this.store,
      index,
      position,
      log: this.#log,
      onPosition: (position) => this.#keys.forgetBelow(position),
      headSeq: () => this.#sequencer.head?.seq ?? -1,
    });
    this.#keys.index_reaches = (position, wait_ms) => tail.reach(position, wait_ms);
    return tail;
  }

  record(event: Event, options?: { best_effort?: false }): Promise<Receipt>;
  record(event: Event, options: RecordOptions): Promise<Receipt | null>;
  record(event: Event, options: RecordOptions = {}): Promise<Receipt | null> {
    const written = this.#submit(event);
    if (!(options.best_effort ?? this.#best_effort)) return written;
    return written.catch((error: unknown) => {
      this.#lost++;
      const facts = { action: String(event?.action).slice(0, 200), code: codeOf(error), lost: this.#lost };
      this.#log.error(facts, 'a best-effort record was lost');
      return null;
    });
  }

  #submit(event: Event): Promise<Receipt> {
    if (isReserved(event, currentContext().actor)) return Promise.reject(reserved());
    return this.#refuseClosed() ?? this.#write(event);
  }

  /**
   * Records what the ledger's own surfaces do: exports, reads, tokens. Same guarantees as `record`, but for attachments:
   * who follows a log by its own records must need nothing else to read them.
   */
  recordOwn(event: Event, { key_behind }: OwnRecordOptions = {}): Promise<Receipt> {
    const refused = this.#refuseClosed();
    if (refused !== null) return refused;
    if (key_behind !== undefined && event.idempotency_key !== undefined)
      this.#keys.isBehind(event.idempotency_key, key_behind);
    return this.#write(event);
  }

  // Not async: one promise less for each record.
  #write(event: Event, ends_batch = false): Promise<Receipt> {
    try {
      const prepared = prepareEvent(event, currentContext(), this.#default_actor, this.name);
      if (prepared.detachable === null || this.#attaching === null || staysWhole(event.action))
        return this.#sequencer.submit(prepared, ends_batch);
      return this.#attaching.record(prepared);
    } catch (error) {
      return Promise.reject(error);
    }
  }

  #refuseClosed(): Promise<never> | null {
    if (this.#closing === null) return null;
    return Promise.reject(new IndelibleError('LEDGER_CLOSED', `the ledger ${this.name} is closed`));
  }

  get url(): string {
    return this.store.url;
  }

  get transparency(): Transparency | null {
    return this.#follower?.transparency ?? null;
  }

  /** Waits until a published checkpoint covers the record, and returns the proof that it is in the log. */
  async proof(
    receipt: Pick<Receipt, 'seq' | 'hash'>,
    options: { signal?: AbortSignal } = {},
  ): Promise<string> {
    const { transparency } = this;
    if (transparency === null)
      throw new IndelibleError(
        'SIGNER_MISSING',
        `the ledger ${this.name} has no checkpoints: open it with a signer`,
      );
    const [stored] = await this.store.get([receipt.seq]);
    if (stored !== undefined && lineOf(stored.line)[0] !== receipt.hash)
      throw new IndelibleError('PROOF_WRONG', `record ${receipt.seq} is not the one of this receipt`);
    await transparency.waitFor(receipt.seq, options.signal);
    return transparency.proofFile(receipt.seq);
  }

  head(): Promise<Head | null> {
    return this.store.head();
  }

  async get(seqs: readonly number[]): Promise<StoredRecord[]> {
    const stored = await this.store.get(seqs);
    return stored.map(({ line }) => {
      const [hash, body] = lineOf(line);
      return { hash, record: parseRecord(body), body: Buffer.from(body).toString('utf8') };
    });
  }

  dataOf(record: LedgerRecord): Promise<Json | undefined> {
    return dataOf(this.attachments, record);
  }

  async caughtUp({ at_least }: { readonly at_least?: number } = {}): Promise<void> {
    const head = await this.store.head();
    if (at_least !== undefined) mustBeThere(at_least, head);
    if (this.#tail === null || head === null) return;
    await this.#tail.reach((at_least ?? head.seq) + 1, this.#index_wait_ms);
  }

  get stats(): LedgerStats {
    return {
      recorded: this.#recorded,
      commits: this.#commits,
      lost: this.#lost,
      waiting_records: this.#sequencer.waiting_records,
      waiting_bytes: this.#sequencer.waiting_bytes + (this.#attaching?.waiting_bytes ?? 0),
      head_seq: this.#sequencer.head?.seq ?? -1,
      index_position: this.#tail?.position ?? null,
      fault: this.#fault,
      checkpoints: this.transparency,
    };
  }

  /** Waits for what was submitted, then closes index and store. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#shutDown();
    return this.#closing;
  }

  async #shutDown(): Promise<void> {
    await this.#attaching?.idle();
    await this.#sequencer.idle();
    // The last append may have made a truncation due, which still has its record to write.
    await this.#truncation.idle();
    await this.#follower?.close();
    await this.#tail?.close();
    await this.index?.close();
    await this.attachments?.close();
    await this.store.close();
  }

  /** Learns the idempotency keys of what is durable but not indexed. */
  async #learnKeys(head: Head | null, indexed: number): Promise<void> {
    if (head === null) return this.#keys.isCompleteFrom(0);
    const from = Math.min(indexed, head.seq + 1);
    // Before it is so: nothing asks until the ledger is open, and the index may take keys over meanwhile.
    this.#keys.isCompleteFrom(from);
    for await (const batch of this.store.read(from, head.seq + 1)) this.#keys.learn(batch);
  }

  #noteFault(error: unknown): void {
    const code = codeOf(error);
    const now = performance.now();
    const is_told = this.#fault?.code === code && now - this.#fault_told_at < TELL_MS;
    this.#fault = { code, message: error instanceof Error ? error.message : String(error) };
    if (is_told) return;
    this.#fault_told_at = now;
    this.#log.error({ ledger: this.name, ...this.#fault }, 'an append failed; its callers were told');
  }

  #noteAppend(batch: LineBatch): void {
    this.#recorded += batch.ends.length;
    this.#commits++;
    this.#follower?.noteAppend(batch);
    // As loud as the fault was: who saw that one must see its end.
    if (this.#fault !== null) this.#log.warn({ ledger: this.name }, 'recording works again');
    this.#fault = null;
    this.#truncation.check();
  }
}

function mustBeThere(seq: number, head: Head | null): void {
  if (Number.isSafeInteger(seq) && seq >= 0 && seq <= (head?.seq ?? -1)) return;
  throw new IndelibleError('QUERY_INVALID', `there is no record ${seq}; the last is ${head?.seq ?? 'none'}`, {
    details: { member: 'at_least' },
  });
}

function codeOf(error: unknown): string {
  return isIndelibleError(error) ? error.code : 'INTERNAL';
}
