/**
 * Tells a webhook what cannot wait, as Standard Webhooks have it: a monitor's finding, a write that nobody approved.
 *
 *     {"data":{"kind":"fork",…},"timestamp":"2026-11-21T02:14:00.123Z","type":"monitor.finding"}
 *     {"data":{"operation_id":"…",…},"timestamp":"2026-11-21T02:14:00.123Z","type":"operation.break_glass"}
 *
 * Signed when INDELIBLE_WEBHOOK_SECRET is set.
 *
 * Errors:  REMOTE_URL, ANCHOR_CONFIG for a secret that is none; REMOTE_FAILED, which never repeats the address.
 */
import { canonicalize, IndelibleError, type Json, sha256Hex } from '@indelible/core';
import { secretBytes, signWebhook } from '../anchors/webhook/signature.ts';
import type { MonitorFinding } from '../monitor/findings.ts';
import type { BreakGlassNotice } from '../operations/parts.ts';
import { askRemote, outboundUrl } from '../outbound.ts';

const TIMEOUT_MS = 20_000;
const ANSWER_BYTES_MAX = 64 * 1024;

interface Message {
  readonly type: string;
  /** RFC 3339 in UTC. */
  readonly timestamp: string;
  readonly data: object;
}

/** Tells of findings. */
export function webhookAlert(
  address: string,
  secret: string | null,
): (finding: MonitorFinding) => Promise<void> {
  const send = webhook(address, secret);
  return (finding) => send({ type: 'monitor.finding', timestamp: finding.found_at, data: finding });
}

/** Announces break-glass. */
export function webhookNotice(
  address: string,
  secret: string | null,
): (notice: BreakGlassNotice) => Promise<void> {
  const send = webhook(address, secret);
  return (notice) =>
    send({ type: 'operation.break_glass', timestamp: new Date().toISOString(), data: notice });
}

/** Refuses a wrong address or secret now, not when there is something to tell. */
function webhook(address: string, secret: string | null): (message: Message) => Promise<void> {
  const url = outboundUrl(address, { plain_http: false });
  if (secret !== null) secretBytes(secret);
  return async ({ type, timestamp, data }) => {
    const body = new TextEncoder().encode(canonicalize({ type, timestamp, data: { ...data } as Json }));
    const id = `msg_${sha256Hex(body).slice(0, 32)}`;
    const signed =
      secret === null ? {} : signWebhook({ id, timestamp: Math.floor(Date.now() / 1000), body }, secret);
    const { status } = await askRemote(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...signed },
      body,
      timeout_ms: TIMEOUT_MS,
      bytes_max: ANSWER_BYTES_MAX,
    });
    if (status < 200 || status > 299)
      throw new IndelibleError('REMOTE_FAILED', `${url.host} answers with status ${status}`);
  };
}
