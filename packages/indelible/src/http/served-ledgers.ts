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
  scheduleAnchors,
} from '../compose.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { ChainKey } from '../ledger/types.ts';

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
  /** Where anchors find their secrets; default process.env. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** Who acts when nobody asked: what the server records by itself. */
export const SERVER: Actor = { type: 'local', id: 'serve' };

type AnchorScheduler = Awaited<ReturnType<typeof scheduleAnchors>>;

export class ServedLedgers {
  /** By name; the first is home. */
  readonly ledgers = new Map<string, Ledger>();
  /** By the ledger's name; none where there are no anchors. */
  readonly anchors = new Map<string, AnchorScheduler>();
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
    const { policy, withhold = false, anchor_urls = [], env = process.env } = options;
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
      log: logger,
      ...(options.keys === undefined ? {} : { keys: options.keys }),
      ...(options.checkpoint_interval_ms === undefined
        ? {}
        : { checkpoint_interval_ms: options.checkpoint_interval_ms }),
    };
    for (const url of options.ledger_urls) {
      const name = this.ledgers.size === 0 && options.name !== undefined ? { name: options.name } : {};
      const { signerFor } = options;
      const signing = signerFor === undefined ? {} : { signerFor: (own: string) => signerFor(own, url) };
      const ledger = await openLedger(url, { ...shared, ...name, ...signing });
      const other = this.ledgers.get(ledger.name);
      this.ledgers.set(other === undefined ? ledger.name : `${ledger.name} (again)`, ledger);
      if (other !== undefined)
        throw new IndelibleError('USAGE', `two of the ledgers are named ${ledger.name}`);
      await this.#plan(ledger, options);
    }
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

  /** From now on anchors are asked when they are due. */
  async startAnchoring(): Promise<void> {
    await Promise.all(Array.from(this.anchors.values(), (scheduler) => scheduler.start()));
  }

  /** Ends anchoring, and closes the ledgers, each with a last checkpoint. `before` never rejects. */
  async close(before?: (ledger: Ledger) => Promise<void>): Promise<void> {
    await Promise.all(Array.from(this.anchors.values(), (scheduler) => scheduler.close()));
    await Promise.all(this.#opened.map((anchor) => anchor.close()));
    for (const ledger of this.ledgers.values()) {
      await before?.(ledger);
      await ledger.close();
    }
  }
}
