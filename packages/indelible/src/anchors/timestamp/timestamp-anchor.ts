/**
 * Anchor: a timestamp authority, which signs that it saw a checkpoint at a time. It keeps nothing; its token is the
 * receipt, and is checked offline.
 *
 * What is stamped is the note with the log's own signatures: the receipt holds it, so that `openssl ts -verify` and a
 * reader of the record alone can check the token, also after witnesses have added signatures to the published one.
 *
 * Errors:  ANCHOR_URL, ANCHOR_CONFIG; ANCHOR_UNAVAILABLE, ANCHOR_REFUSED, CHECKPOINT_INVALID.
 * Source:  RFC 3161 §3.4 (over HTTP).
 */
import { decodeBase64, encodeBase64, IndelibleError, parseNote } from '@indelible/core';
import type { Anchor, AnchorReceipt, CheckpointToAnchor, ReceiptVerdict } from '../contract.ts';
import { checkedText, ownNote } from '../shared/checkpoint.ts';
import { checkAddress } from '../shared/post.ts';
import { checkpointFault, RECEIPT_BYTES_MAX, receiptBytes, refuted, textsOf } from '../shared/receipt.ts';
import { postWithRetries, type RetryOptions } from '../shared/retry.ts';
import { loadAsn1 } from './asn1.ts';
import { checkTimestampToken, stampedDigest } from './check-token.ts';
import { makeNonce, timestampQuery } from './query.ts';
import { Refusal } from './refusal.ts';
import { tokenOfResponse } from './response.ts';
import { readRoots } from './roots.ts';

export interface TimestampAnchorOptions {
  /** https, or http on this machine. */
  readonly url: string;
  /** Root certificates to trust, PEM. */
  readonly roots: string;
  /** Default `timestamp:HOST`. */
  readonly name?: string;
  /** For one attempt. */
  readonly ms_max?: number;
  readonly retry?: RetryOptions;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
}

const MS_MAX = 20_000;
const RESPONSE_BYTES_MAX = 64 * 1024;
const REPLY = /^application\/timestamp-reply(?:\s*;|$)/i;

/** Raises for roots that are none now, rather than when the first token comes. */
export async function openTimestampAnchor(options: TimestampAnchorOptions): Promise<Anchor> {
  readRoots(await loadAsn1(), options.roots);
  return new TimestampAnchor(options);
}

class TimestampAnchor implements Anchor {
  readonly name: string;
  readonly kind = 'timestamp';
  readonly #url: URL;
  readonly #options: TimestampAnchorOptions;

  constructor(options: TimestampAnchorOptions) {
    this.#url = checkAddress(options.url);
    this.name = options.name ?? `timestamp:${this.#url.host}`;
    this.#options = options;
  }

  async publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    const { roots, clock = Date.now } = this.#options;
    checkedText(checkpoint);
    const note = ownNote(checkpoint);
    const digest = stampedDigest(Buffer.from(note));
    const nonce = makeNonce();
    const asked_at = clock();
    const token = await this.#ask(timestampQuery(digest, nonce), signal);
    const verdict = await checkTimestampToken(token, digest, {
      roots,
      nonce,
      at: clock(),
      not_before: asked_at,
    });
    if (!verdict.ok) throw refused(`${this.#url.host}: ${verdict.detail}`);
    const tsa = this.#url.origin + this.#url.pathname;
    const receipt = { anchored_at: verdict.anchored_at, evidence: { note, token: encodeBase64(token), tsa } };
    if (receiptBytes(receipt) > RECEIPT_BYTES_MAX) {
      throw refused(`${this.#url.host}: token and note take more than ${RECEIPT_BYTES_MAX} bytes`);
    }
    return receipt;
  }

  async check(
    { evidence, anchored_at }: AnchorReceipt,
    checkpoint: CheckpointToAnchor,
  ): Promise<ReceiptVerdict> {
    const fault = checkpointFault(checkpoint);
    if (fault !== null) return fault;
    const { roots, clock = Date.now } = this.#options;
    const texts = textsOf(evidence, ['note', 'token', 'tsa']);
    const token = decodeBase64(texts?.token ?? '');
    if (texts === null || token === null) return refuted('the receipt is none of a timestamp authority');
    if (stampedText(texts.note) !== checkedText(checkpoint)) {
      return refuted('the receipt is for another checkpoint');
    }
    const digest = stampedDigest(Buffer.from(texts.note));
    const verdict = await checkTimestampToken(token, digest, { roots, at: clock() });
    if (verdict.ok && anchored_at !== null && anchored_at !== verdict.anchored_at) {
      return refuted('the receipt states another time than its token');
    }
    return verdict;
  }

  async close(): Promise<void> {}

  async #ask(query: Uint8Array, signal: AbortSignal): Promise<Uint8Array> {
    const { ms_max = MS_MAX, retry, clock = Date.now } = this.#options;
    const answer = await postWithRetries(
      () => ({
        url: this.#url,
        headers: { 'content-type': 'application/timestamp-query', accept: 'application/timestamp-reply' },
        body: query,
        ms_max,
        response_bytes_max: RESPONSE_BYTES_MAX,
      }),
      signal,
      { clock, ...retry },
    );
    if (!answer.complete) throw refused(`${this.#url.host} answered more than ${RESPONSE_BYTES_MAX} bytes`);
    if (!REPLY.test(answer.headers['content-type'] ?? '')) {
      throw refused(`${this.#url.host} answered something else than a timestamp`);
    }
    try {
      return tokenOfResponse(await loadAsn1(), answer.body);
    } catch (error) {
      const detail = error instanceof Refusal ? error.message : 'its answer is malformed';
      throw refused(`${this.#url.host}: ${detail}`);
    }
  }
}

/** The signed text of a note from a record; null when it is none. */
function stampedText(note: string): string | null {
  try {
    return parseNote(note).text;
  } catch {
    return null;
  }
}

function refused(message: string): IndelibleError {
  return new IndelibleError('ANCHOR_REFUSED', message);
}
