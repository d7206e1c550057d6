/**
 * Webhook signatures: made by the sender, checked by the receiver.
 *
 *     webhook-id: msg_2KWPBgLlAfxdpx2AI54pPJ85f4W
 *     webhook-timestamp: 1674087231
 *     webhook-signature: v1,K5oZfzN95Z9UVu1EsfQmfVNQhnkZ2pj9o9NDN/H/pI4=
 *
 * Shapes:  a secret is `whsec_` and base64 of 24 to 64 bytes; the timestamp is in seconds since 1970.
 * Errors:  WEBHOOK_INVALID; ANCHOR_CONFIG for a secret that is none.
 * Source:  Standard Webhooks 1.0.0 (standardwebhooks.com).
 * Pure:    no I/O, but the clock when `now` is not given.
 */
import { createHmac, timingSafeEqual } from 'node:crypto';
import { decodeBase64, encodeBase64, IndelibleError } from '@indelible/core';

const SECRET_BYTES = { min: 24, max: 64 } as const;
const WINDOW_SECONDS = 5 * 60;
const BODY_BYTES_MAX = 1024 * 1024;
const SIGNATURES_MAX = 16;
const SIGNATURE_BYTES = 32;
const HEADER_LENGTH_MAX = 4096;

/** Headers as node:http has them, or as a Fetch `Headers` gives them. */
export type WebhookHeaders =
  | Readonly<Record<string, string | readonly string[] | undefined>>
  | { get(name: string): string | null };

/** What a valid signature vouches for, besides the body. */
export interface VerifiedWebhook {
  /** The same each time the same message is sent: act on it once. */
  readonly id: string;
  /** When it was sent, RFC 3339. */
  readonly sent_at: string;
}

/** The three headers for a body. */
export function signWebhook(
  { id, timestamp, body }: { id: string; timestamp: number; body: Uint8Array },
  secret: string,
): Record<string, string> {
  const signature = encodeBase64(mac(secretBytes(secret), id, String(timestamp), body));
  return {
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': `v1,${signature}`,
  };
}

/**
 * For receivers: raises WEBHOOK_INVALID unless whoever sent this has the secret, and sent it within five minutes of
 * `now`. `body` is the body as it was received, before any parsing.
 */
export function verifyWebhook(
  headers: WebhookHeaders,
  body: Uint8Array | string,
  secret: string,
  now: number = Date.now(),
): VerifiedWebhook {
  const key = secretBytes(secret);
  const bytes = typeof body === 'string' ? Buffer.from(body) : body;
  if (bytes.length > BODY_BYTES_MAX) throw invalid(`a body has at most ${BODY_BYTES_MAX} bytes`);
  const [id, timestamp, signatures] = ['webhook-id', 'webhook-timestamp', 'webhook-signature'].map((name) =>
    headerOf(headers, name),
  ) as [string, string, string];
  // The three parts are signed with dots between them: an id with a dot could be read in two ways.
  if (/[.\s]/.test(id)) throw invalid('the webhook-id has dots or spaces');
  if (!/^[1-9][0-9]{0,11}$/.test(timestamp)) throw invalid('the webhook-timestamp is not in whole seconds');
  if (Math.abs(now / 1000 - Number(timestamp)) > WINDOW_SECONDS) {
    throw invalid(`the webhook-timestamp is more than ${WINDOW_SECONDS} seconds away from this clock`);
  }
  const list = signatures.split(' ');
  if (list.length > SIGNATURES_MAX) throw invalid(`there are more than ${SIGNATURES_MAX} signatures`);
  const expected = mac(key, id, timestamp, bytes);
  let valid = false;
  for (const signature of list) {
    const given = signature.startsWith('v1,') ? decodeBase64(signature.slice(3)) : null;
    // Looks at each, so that the time taken does not tell which one fits.
    if (given?.length === SIGNATURE_BYTES && timingSafeEqual(given, expected)) valid = true;
  }
  if (!valid) throw invalid('no signature was made with this secret');
  return { id, sent_at: new Date(Number(timestamp) * 1000).toISOString() };
}

/** The bytes of a secret. */
export function secretBytes(secret: string): Uint8Array {
  const bytes = secret.startsWith('whsec_') ? decodeBase64(secret.slice('whsec_'.length)) : null;
  if (bytes === null || bytes.length < SECRET_BYTES.min || bytes.length > SECRET_BYTES.max) {
    const { min, max } = SECRET_BYTES;
    throw new IndelibleError(
      'ANCHOR_CONFIG',
      `a webhook secret is whsec_ and base64 of ${min} to ${max} bytes`,
    );
  }
  return bytes;
}

function mac(key: Uint8Array, id: string, timestamp: string, body: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${id}.${timestamp}.`).update(body).digest();
}

function headerOf(headers: WebhookHeaders, name: string): string {
  const value =
    typeof headers.get === 'function'
      ? headers.get(name)
      : onlyValue(headers as Record<string, string>, name);
  if (typeof value !== 'string' || value === '')
    throw invalid(`the header ${name} is missing, or there twice`);
  if (value.length > HEADER_LENGTH_MAX) throw invalid(`the header ${name} is too long`);
  return value;
}

function onlyValue(headers: Readonly<Record<string, unknown>>, name: string): unknown {
  const found = Object.keys(headers).filter((key) => key.toLowerCase() === name);
  return found.length === 1 ? headers[found[0] as string] : undefined;
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('WEBHOOK_INVALID', message);
}
