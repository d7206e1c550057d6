/**
 * The shapes of an event (what a caller says) and a record (what the ledger keeps), version 1.
 *
 * Snake case from the library to the wire to the export: one spelling, no mapping layer.
 * A record is stored as the RFC 8785 bytes that were hashed; these types describe what they parse to.
 */

export type Json = null | boolean | number | string | readonly Json[] | { readonly [key: string]: Json };
export type JsonObject = { readonly [key: string]: Json };

/** The actor types that the ledger itself assigns; any other short text is allowed. */
export const ACTOR_TYPES = [
  'user',
  'service',
  'agent',
  'api-token',
  'join-token',
  'local',
  'unauthenticated',
] as const;
export type ActorType = (typeof ACTOR_TYPES)[number] | (string & {});

/** Who acted; `on_behalf_of` is the one who delegated, at most 8 deep. */
export interface Actor {
  readonly type: ActorType;
  readonly id: string;
  readonly name?: string;
  readonly on_behalf_of?: Actor;
}

/** What was acted upon. */
export interface Resource {
  readonly type: string;
  readonly id: string;
  readonly name?: string;
}

/** The session that an agent or a person worked in; `lineage` lists parent sessions, nearest first. */
export interface Session {
  readonly id?: string;
  readonly agent_id?: string;
  readonly agent_type?: string;
  readonly lineage?: readonly string[];
}

export const OUTCOMES = ['ok', 'error', 'denied', 'pending'] as const;
export type Outcome = (typeof OUTCOMES)[number];

/** What a caller says happened. Only `action` is required; limits are in `limits.ts`. */
export interface Event {
  readonly action: string;
  readonly actor?: Actor;
  readonly resource?: Resource;
  readonly related_resources?: readonly Resource[];
  /** Default `ok`. */
  readonly outcome?: Outcome;
  readonly data?: Json;
  /** 32 lower-case hex digits, a W3C trace id; made when absent. */
  readonly correlation_id?: string;
  /** The W3C parent id of the span that acted: 16 lower-case hex digits. */
  readonly span_id?: string;
  /** The caller's claim, kept as it is: RFC 3339 in UTC, at most 9 decimals, e.g. 2026-11-21T02:14:00.123Z. */
  readonly occurred_at?: string;
  readonly session?: Session;
  readonly source?: string;
  readonly event_type?: string;
  readonly message?: string;
  readonly input_ref?: string;
  readonly output_ref?: string;
  readonly latency_ms?: number;
  readonly cost_usd?: number;
  /** SHA-256 of parameters that are themselves secret: 64 lower-case hex digits. */
  readonly params_hash?: string;
  /** A retried append with the same key returns the first receipt. */
  readonly idempotency_key?: string;
}

/** Bytes that lie beside the log because the record would be too large with them; named by their own digest. */
export interface Attachment {
  /** `sha-256:` and 64 lower-case hex digits: SHA-256 of the bytes, with nothing in front. */
  readonly digest: string;
  /** `application/json` for `data`. */
  readonly media_type: string;
  readonly size: number;
}

/** One stored record. `hash` is not a member: it is computed over the bytes of all of this. */
export interface LedgerRecord
  extends Omit<Event, 'idempotency_key' | 'actor' | 'outcome' | 'correlation_id'> {
  readonly v: 1;
  readonly ledger: string;
  /** 0-based, without gaps; also the Merkle leaf index. */
  readonly seq: number;
  /** UUID version 7. */
  readonly id: string;
  /** The previous record's hash; 64 zeros for record 0. */
  readonly prev_hash: string;
  /** The ledger's clock, RFC 3339 UTC with milliseconds; never earlier than the record before. */
  readonly recorded_at: string;
  readonly actor: Actor;
  readonly outcome: Outcome;
  readonly correlation_id: string;
  /** In place of `data` that is too large: its canonical JSON is the attachment. */
  readonly attachment?: Attachment;
  /** `digest` is SHA-256 over the canonical JSON of the event as the caller sent it. */
  readonly idempotency?: { readonly key: string; readonly digest: string };
  /** Present in keyed ledgers: which secret made the hash. */
  readonly key_id?: string;
}

/** The position of a record and what proves it: given back once the record is durable. */
export interface Receipt {
  readonly seq: number;
  readonly id: string;
  readonly hash: string;
  readonly recorded_at: string;
  readonly correlation_id: string;
  /** True when an earlier append with the same idempotency key already holds it. */
  readonly duplicate?: true;
}

/** `prev_hash` of record 0. */
export const GENESIS_HASH = '0'.repeat(64);
