/**
 * Anchor: a POST of the checkpoint to whoever keeps it.
 *
 *     {"data":{"note":"…","origin":"acme.example/prod","root":"…","size":41},
 *      "timestamp":"2026-11-21T02:14:00.123Z","type":"ledger.checkpoint"}
 *
 * A receiver cannot be asked what it keeps; its answer is our own claim until it confirms it.
 *
 * Errors:  ANCHOR_URL, ANCHOR_CONFIG when made; ANCHOR_UNAVAILABLE, ANCHOR_REFUSED, CHECKPOINT_INVALID.
 * Source:  Standard Webhooks 1.0.0 (standardwebhooks.com).
 */
import { canonicalize, sha256Hex } from '@indelible/core';
import type { Anchor, AnchorReceipt, CheckpointToAnchor, ReceiptVerdict } from '../contract.ts';
import { checkpointDigest } from '../shared/checkpoint.ts';
import { checkAddress } from '../shared/post.ts';
import { checkpointFault, held, objectOf, refuted } from '../shared/receipt.ts';
import { postWithRetries, type RetryOptions } from '../shared/retry.ts';
import { secretBytes, signWebhook } from './signature.ts';

export interface WebhookAnchorOptions {
  /** https, or http on this machine. */
  readonly url: string;
  /** `whsec_` and base64. */
  readonly secret: string;
  /** Default `webhook:HOST`. */
  readonly name?: string;
  /** For one attempt. */
  readonly ms_max?: number;
  readonly retry?: RetryOptions;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
}

const MS_MAX = 20_000;
const RESPONSE_BYTES_MAX = 64 * 1024;
const ID_DIGITS = 32;

export function openWebhookAnchor(options: WebhookAnchorOptions): Anchor {
  return new WebhookAnchor(options);
}

class WebhookAnchor implements Anchor {
  readonly name: string;
  readonly kind = 'webhook';
  readonly #url: URL;
  readonly #options: WebhookAnchorOptions;

  constructor(options: WebhookAnchorOptions) {
    this.#url = checkAddress(options.url);
    // Refused now, not a day later.
    secretBytes(options.secret);
    this.name = options.name ?? `webhook:${this.#url.host}`;
    this.#options = options;
  }

  async publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    const { secret, ms_max = MS_MAX, retry, clock = Date.now } = this.#options;
    const checkpoint_sha256 = checkpointDigest(checkpoint);
    // The same for the same checkpoint, so that a receiver acts on it once.
    const webhook_id = `msg_${checkpoint_sha256.slice(0, ID_DIGITS)}`;
    const body = payload(checkpoint, clock());
    const answer = await postWithRetries(
      () => ({
        url: this.#url,
        headers: {
          'content-type': 'application/json',
          ...signWebhook({ id: webhook_id, timestamp: Math.floor(clock() / 1000), body }, secret),
        },
        body,
        ms_max,
        response_bytes_max: RESPONSE_BYTES_MAX,
      }),
      signal,
      { clock, ...retry },
    );
    const { status, complete } = answer;
    const response = { status, sha256: sha256Hex(answer.body), bytes: answer.body.length, complete };
    return {
      anchored_at: null,
      evidence: { host: this.#url.host, webhook_id, checkpoint_sha256, response },
    };
  }

  async check({ evidence }: AnchorReceipt, checkpoint: CheckpointToAnchor): Promise<ReceiptVerdict> {
    const fault = checkpointFault(checkpoint);
    if (fault !== null) return fault;
    const { host, webhook_id, checkpoint_sha256, response } = objectOf(evidence) ?? {};
    const { status } = objectOf(response ?? null) ?? {};
    if (typeof host !== 'string' || typeof webhook_id !== 'string' || typeof status !== 'number') {
      return refuted('the receipt is none of a webhook');
    }
    if (checkpoint_sha256 !== checkpointDigest(checkpoint)) {
      return refuted('the receipt is for another checkpoint');
    }
    return held(`${host} answered ${status}, by our own account; ask it for ${webhook_id}`, null);
  }

  async close(): Promise<void> {}
}

function payload({ origin, size, root, note }: CheckpointToAnchor, now: number): Uint8Array {
  const timestamp = new Date(now).toISOString();
  const data = { note, origin, root, size };
  return new TextEncoder().encode(canonicalize({ type: 'ledger.checkpoint', timestamp, data }));
}
