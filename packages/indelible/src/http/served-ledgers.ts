/**
 * The ledgers that a server serves, with whoever signs, cosigns and anchors their checkpoints.
 *
 * Errors:  USAGE, SIGNER_*, SIGNING_KEY_*, POLICY_INVALID, WITNESS_CONFIG, ANCHOR_URL, ANCHOR_CONFIG; those of opening a
 *          ledger. What fails later is shown in health, and keeps nobody from recording.
 */
import { type Actor, IndelibleError } from '@indelible/core';
import type { FastifyBaseLogger } from 'fastify';
import type { Anchor } from '../anchors/contract.ts';
import {
  type CheckpointSigner,
  createAnchors,
  createCosigner,
  openLedger,
  openOutboxSealer,
  scheduleAnchors,
} from '../compose.ts';
import type { IndexingProgress } from '../ledger/index-position.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ChainKey } from '../ledger/types.ts';
import type { Archive } from '../moving/archive.ts';
import type { OutboxSealer } from '../outbox/sealer.ts';
import type { LogStore } from '../stores/contract.ts';

export interface ServedOptions {
  /** URLs of the ledgers; the first is home. */
  readonly ledger_urls: readonly string[];
  /** Name of the home ledger when it is made. */
  readonly name?: string;
  readonly keys?: readonly ChainKey[];
  /** Gives the signer of checkpoints for a ledger's name and URL; null, or none: nothing is signed. */
  readonly signerFor?: (name: string, url: string) => Promise<CheckpointSigner | null>;
  /** At most one checkpoint in so many milliseconds; default 1000. */
  readonly checkpoint_interval_ms?: number;
  /** A policy file's content, whose witnesses cosign the checkpoints of all ledgers. */
  readonly policy?: Uint8Array | string;
  /** Publish a checkpoint only once the policy is met. */
  readonly withhold?: boolean;
  /** Where the checkpoints of all ledgers are anchored. */
  readonly anchor_urls?: readonly string[];
  /** Default a day. */
  readonly anchor_interval_ms?: number;
  /** Where the ledgers are archived, in the order of `ledger_urls`; those without one are not. */
  readonly archive_urls?: readonly string[];
  /** Called when there is more in an archive, once a minute at most, and before it is closed. Never rejects. */
  readonly onArchived?: (store: LogStore, url: string) => Promise<void>;
  /** How long queries wait for the index before INDEX_BEHIND; default 10,000. */
  readonly index_wait_ms?: number;
  /** Told how an index that is far behind comes along, before the server listens; what it raises ends the start. */
  readonly onIndexing?: (progress: IndexingProgress) => void;
  /** Seal the outboxes of ledgers that have one (default). */
  readonly seal_outboxes?: boolean;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
  /** Where anchors find their secrets; default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Who acts when nobody asked: what the server records by itself. */
export const SERVER: Actor = { type: 'local', id: 'serve' };

const INDEX_WAIT_MS = 10_000;

type AnchorScheduler = Awaited<ReturnType<typeof scheduleAnchors>>;

export class ServedLedgers {
  /** By name; the first is home. */
  readonly ledgers = new Map<string, Ledger>();
  /** By the ledger's name; none where there are no anchors. */
  readonly anchors = new Map<string, AnchorScheduler>();
  /** By the ledger's name. */
  readonly archives = new Map<string, Archive>();
  /** By the ledger's name; those that have an outbox. */
  readonly outboxes = new Map<string, OutboxSealer>();
  readonly #urls = new Map<Ledger, string>();
  #opened: readonly Anchor[] = [];

  static async open(options: ServedOptions, logger: FastifyBaseLogger): Promise<ServedLedgers> {
    const served = new ServedLedgers();
    try {
      await served.#open(options, logger);
      return served;
    } catch (error) {
      await served.close();
      throw error;
    }
  }

  async #open(options: ServedOptions, logger: FastifyBaseLogger): Promise<void> {
    const { policy, withhold = false, anchor_urls = [], archive_urls = [], env = process.env } = options;
    if (archive_urls.length > options.ledger_urls.length)
      throw new IndelibleError('USAGE', 'there are more archives than ledgers');
    if (withhold && policy === undefined)
      throw new IndelibleError(
        'USAGE',
        'to withhold checkpoints needs a policy that says for which witnesses',
      );
    // What is configured wrongly shows before any ledger is made.
    const cosigner = policy === undefined ? {} : { cosigner: await createCosigner(policy) };
    this.#opened = await createAnchors(anchor_urls, env);
    const shared = {
      default_actor: SERVER,
      ...cosigner,
      withhold_until_policy: withhold,
      index_wait_ms: options.index_wait_ms ?? INDEX_WAIT_MS,
      log: logger,
      ...(options.keys === undefined ? {} : { keys: options.keys }),
      ...(options.onIndexing === undefined ? {} : { onIndexing: options.onIndexing }),
      ...(options.checkpoint_interval_ms === undefined
        ? {}
        : { checkpoint_interval_ms: options.checkpoint_interval_ms }),
    };
    for (const url of options.ledger_urls) {
      const name = this.ledgers.size === 0 && options.name !== undefined ? { name: options.name } : {};
      const { signerFor } = options;
      const signing = signerFor === undefined ? {} : { signerFor: (own: string) => signerFor(own, url) };
      const ledger = await openLedger(url, { ...shared, ...name, ...signing });
      this.#urls.set(ledger, url);
      const other = this.ledgers.get(ledger.name);
      this.ledgers.set(other === undefined ? ledger.name : `${ledger.name} (again)`, ledger);
      if (other !== undefined)
        throw new IndelibleError('USAGE', `two of the ledgers are named ${ledger.name}`);
      await this.#plan(ledger, options);
      if (options.seal_outboxes !== false) await this.#sealOutbox(ledger, url, options, logger);
      const archive_url = archive_urls[this.ledgers.size - 1];
      if (archive_url !== undefined) await this.#archive(ledger, url, archive_url, options, logger);
    }
  }

  async #archive(
    ledger: Ledger,
    from_url: string,
    to_url: string,
    { keys, signerFor, onArchived }: ServedOptions,
    log: FastifyBaseLogger,
  ): Promise<void> {
    const { copyBegunEvent, openArchive } = await import('../compose/moving.ts');
    const archive = await openArchive({
      from_url,
      to_url,
      opened: ledger,
      log,
      onBegin: async () => void (await ledger.recordOwn(copyBegunEvent(ledger.name, to_url, null, true))),
      ...(keys === undefined ? {} : { keys }),
      ...(signerFor === undefined ? {} : { signerFor: (name: string) => signerFor(name, from_url) }),
      ...(onArchived === undefined ? {} : { onArchived: (store: LogStore) => onArchived(store, to_url) }),
    });
    this.archives.set(ledger.name, archive);
  }

  async #sealOutbox(
    ledger: Ledger,
    url: string,
    { keys, clock }: ServedOptions,
    log: FastifyBaseLogger,
  ): Promise<void> {
    const sealer = await openOutboxSealer(url, {
      log,
      ...(keys === undefined ? {} : { keys }),
      ...(clock === undefined ? {} : { clock }),
    });
    if (sealer !== null) this.outboxes.set(ledger.name, sealer);
  }

  async #plan(ledger: Ledger, { anchor_interval_ms }: ServedOptions): Promise<void> {
    if (this.#opened.length === 0) return;
    if (ledger.transparency === null) {
      throw new IndelibleError(
        'SIGNER_MISSING',
        `${ledger.name} has no checkpoints to anchor: it is not signed`,
      );
    }
    const interval = anchor_interval_ms === undefined ? {} : { interval_ms: anchor_interval_ms };
    const scheduler = await scheduleAnchors(ledger, { ...interval, anchors: this.#opened });
    this.anchors.set(ledger.name, scheduler);
  }

  /** From now on outboxes are sealed, anchors are asked when they are due, and archives follow. */
  async startAnchoring(): Promise<void> {
    for (const sealer of this.outboxes.values()) sealer.start();
    for (const archive of this.archives.values()) archive.start();
    await Promise.all(Array.from(this.anchors.values(), (scheduler) => scheduler.start()));
  }

  /** The URL that a ledger was opened with. */
  urlOf(ledger: Ledger): string {
    return this.#urls.get(ledger)!;
  }

  /** Ends anchoring, and closes the ledgers, each with a last checkpoint. `before` never rejects. */
  async close(before?: (ledger: Ledger, url: string) => Promise<void>): Promise<void> {
    // All at once: one whose store hangs must not keep the others from their last checkpoints.
    const closing = Array.from(this.ledgers.values(), (ledger) => this.#closeOne(ledger, before));
    const failed = (await Promise.allSettled(closing)).find(({ status }) => status === 'rejected');
    await Promise.all(this.#opened.map((anchor) => anchor.close()));
    if (failed !== undefined) throw (failed as PromiseRejectedResult).reason;
  }

  async #closeOne(ledger: Ledger, before?: (ledger: Ledger, url: string) => Promise<void>): Promise<void> {
    const { name } = ledger;
    const beside = [this.outboxes.get(name), this.anchors.get(name), this.archives.get(name)];
    await Promise.all(beside.map((one) => one?.close()));
    await before?.(ledger, this.urlOf(ledger));
    await ledger.close();
  }
}
