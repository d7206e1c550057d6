/**
 * From an event to the canonical bytes of a record, in two steps.
 *
 * What the caller said is written when it arrives, in fixed pieces between the members that only the sequencer knows
 * (id, key id, previous hash, time, number). Later changes to the caller's object cannot reach the record, and sealing
 * a batch is little more than joining text and hashing. The result is the RFC 8785 form because the members are
 * written in its order; the tests compare it with `canonicalize`, and the verifier trusts neither.
 *
 * Source:  docs/format/record.md.
 */
import {
  type Actor,
  type Attachment,
  canonicalize,
  canonicalString,
  checkEvent,
  type Event,
  LIMITS,
  sha256Hex,
} from '@indelible/core';
import { canonicalActor } from './actors.ts';
import type { RecordContext } from './context.ts';
import { newCorrelationId } from './identity.ts';

/**
 * An event as text, with gaps for what the sequencer adds.
 *
 * A class, as is everything that lives from a call to its receipt: V8 watches where literals survive, and moves all
 * from such a place to the old generation, where what is dead keeps alive what it refers to
 * (docs/decisions/0011-classes-on-the-hot-path.md).
 */
export class PreparedEvent {
  /** From the opening brace up to `id`. */
  readonly before_id: string;
  /** From `idempotency` up to `key_id`. */
  readonly before_key: string;
  /** From `latency_ms` up to `prev_hash`. */
  readonly before_links: string;
  /** From `related_resources` up to `seq`. */
  readonly before_seq: string;
  /** From `session` to the closing brace. */
  readonly after_seq: string;
  readonly correlation_id: string;
  readonly idempotency: { readonly key: string; readonly digest: string } | null;
  /** UTF-16 code units of all pieces: a lower bound of the bytes. */
  readonly length: number;
  /** There when the record may be over the limit because of its data. */
  readonly detachable: Detachable | null;

  constructor(
    before_id: string,
    before_key: string,
    before_links: string,
    before_seq: string,
    after_seq: string,
    correlation_id: string,
    idempotency: PreparedEvent['idempotency'],
    detachable: Detachable | null = null,
  ) {
    this.before_id = flat(before_id);
    this.before_key = before_key;
    this.before_links = flat(before_links);
    this.before_seq = flat(before_seq);
    this.after_seq = after_seq;
    this.correlation_id = correlation_id;
    this.idempotency = idempotency;
    this.length =
      before_id.length + before_key.length + before_links.length + before_seq.length + after_seq.length;
    this.detachable = detachable;
  }

  /** The same event with another beginning. */
  startingWith(before_id: string, detachable: Detachable | null): PreparedEvent {
    const { before_key, before_links, before_seq, after_seq, correlation_id, idempotency } = this;
    return new PreparedEvent(
      before_id,
      before_key,
      before_links,
      before_seq,
      after_seq,
      correlation_id,
      idempotency,
      detachable,
    );
  }
}

/** How an event looks when its data lies in an attachment. */
export interface Detachable {
  /** The canonical JSON of `data`. */
  readonly data: string;
  /** The same event, with a reference in place of its data. */
  withAttachment(attachment: Attachment): PreparedEvent;
}

/** No record with fewer code units is over the limit: each is three bytes at most, and the rest is what we add. */
const SURELY_FITS = Math.floor((LIMITS.record_bytes - 512) / 3);

const encoder = new TextEncoder();

/** Checks and writes an event. Raises EVENT_INVALID or a JSON error, and then nothing has happened. */
export function prepareEvent(
  input: Event,
  context: RecordContext,
  default_actor: Actor,
  ledger: string,
): PreparedEvent {
  const event = checkEvent(input);
  const correlation_id = event.correlation_id ?? context.correlation_id ?? newCorrelationId();
  const data = member('data', event.data);
  const { idempotency_key: key } = event;
  const idempotency = key === undefined ? null : { key, digest: eventDigest(event, data) };
  const opening =
    `{"action":${canonicalString(event.action)},` +
    `"actor":${canonicalActor(event.actor ?? context.actor ?? default_actor)},`;
  const before_data = `"correlation_id":"${correlation_id}",${member('cost_usd', event.cost_usd)}`;
  const behind_data = member('event_type', event.event_type);
  const before_id = opening + before_data + data + behind_data;
  const before_key = member('idempotency', idempotency ?? undefined) + member('input_ref', event.input_ref);
  const before_links =
    `${member('latency_ms', event.latency_ms)}"ledger":"${ledger}",` +
    member('message', event.message) +
    member('occurred_at', event.occurred_at) +
    `"outcome":"${event.outcome ?? 'ok'}",` +
    member('output_ref', event.output_ref) +
    member('params_hash', event.params_hash);
  const before_seq =
    member('related_resources', event.related_resources) + member('resource', event.resource);
  const after_seq = `${
    member('session', event.session ?? context.session) +
    member('source', event.source) +
    member('span_id', event.span_id ?? context.span_id)
  }"v":1}`;
  const prepared = new PreparedEvent(
    before_id,
    before_key,
    before_links,
    before_seq,
    after_seq,
    correlation_id,
    idempotency,
  );
  if (prepared.length <= SURELY_FITS || data === '') return prepared;
  return prepared.startingWith(before_id, {
    data: data.slice('"data":'.length, -1),
    withAttachment: (attachment) =>
      prepared.startingWith(opening + member('attachment', attachment) + before_data + behind_data, null),
  });
}

/** What the sequencer knows about one record. */
export interface Placement {
  readonly seq: number;
  readonly id: string;
  readonly key_id: string | null;
  readonly prev_hash: string;
  readonly recorded_at: string;
}

/** The record's canonical text. */
export function placeEvent(event: PreparedEvent, place: Placement): string {
  const key = place.key_id === null ? '' : `"key_id":"${place.key_id}",`;
  return (
    `${event.before_id}"id":"${place.id}",${event.before_key}${key}${event.before_links}` +
    `"prev_hash":"${place.prev_hash}","recorded_at":"${place.recorded_at}",` +
    `${event.before_seq}"seq":${place.seq},${event.after_seq}`
  );
}

function member(name: string, value: unknown): string {
  if (value === undefined) return '';
  return `"${name}":${typeof value === 'string' ? canonicalString(value) : canonicalize(value, 1)},`;
}

/** What an event may have, in the order of canonical JSON. */
const MEMBERS = [
  ...(['action', 'actor', 'correlation_id', 'cost_usd', 'data', 'event_type', 'idempotency_key'] as const),
  ...(['input_ref', 'latency_ms', 'message', 'occurred_at', 'outcome', 'output_ref', 'params_hash'] as const),
  ...(['related_resources', 'resource', 'session', 'source', 'span_id'] as const),
] satisfies readonly (keyof Event)[];

/**
 * SHA-256 over the canonical JSON of the event as the caller sent it, so that a retry can be told from a reuse. `data` is
 * that member's text: by far the longest, it is written once.
 */
function eventDigest(event: Event, data: string): string {
  const sent = MEMBERS.map((name) => (name === 'data' ? data : member(name, event[name])));
  return sha256Hex(encoder.encode(`{${sent.join('').slice(0, -1)}}`));
}

const BEGINNING = /^/;

/**
 * The same text in one piece of memory. V8 keeps what was joined as a tree of its parts; with thousands of callers the
 * garbage collector moves these trees before they are written, which cost up to a sixth of all time. A search makes them one.
 */
function flat(text: string): string {
  BEGINNING.test(text);
  return text;
}
