/**
 * Tokens as records: what is written when one is made or revoked, and the fold that reads it back.
 *
 * Applications cannot write these records: `Ledger.record` refuses the actor service:indelible and every action under
 * `access.`, and the fold looks only at records that have both.
 *
 * Pure:    no I/O, no clock.
 */
import type { Actor, Event, JsonObject, LedgerRecord } from '@indelible/core';
import { isLedgersOwn, LEDGER_ACTOR } from '../ledger/config.ts';
import type { CheckedRequest, Token } from './token.ts';

/** Common beginning of the actions here: how the follower finds them. */
export const TOKEN_ACTIONS = 'access.token_';
export const TOKEN_CREATED = 'access.token_created';
export const TOKEN_REVOKED = 'access.token_revoked';
/** Repeats a token whose first record is about to be evicted with the oldest segment of a bounded store. */
export const TOKEN_CARRIED = 'access.token_carried';

/** A token with what only this room needs to know. */
export interface TokenEntry {
  /** The same object until the token changes. */
  readonly token: Token;
  readonly token_hash: string;
  /** The last record that states the token. */
  readonly stated_seq: number;
  /** The last record that revokes it. */
  readonly revoked_seq: number | null;
}

/** The ledger acts; who had it do so stands behind it, and the `actor` filter finds them. */
function ownActor(by: Actor): Actor {
  return { ...LEDGER_ACTOR, on_behalf_of: by };
}

function tokenEvent(
  action: string,
  token: { token_id: string; name: string },
  actor: Actor,
  data: JsonObject,
): Event {
  return { action, actor, resource: { type: 'api-token', id: token.token_id, name: token.name }, data };
}

/** The record of a new token. */
export function createdEvent(
  request: CheckedRequest,
  token_id: string,
  token_hash: string,
  by: Actor,
): Event {
  const data = { token_id, token_hash, ...request };
  return tokenEvent(TOKEN_CREATED, { token_id, name: request.name }, ownActor(by), data);
}

/** The record of a revocation. */
export function revokedEvent(token: Token, by: Actor): Event {
  return tokenEvent(TOKEN_REVOKED, token, ownActor(by), { token_id: token.token_id });
}

/** The record that repeats a token. */
export function carriedEvent({ token, token_hash }: TokenEntry): Event {
  const { token_id, name, scopes, ledgers, expires_at, created_at, created_by } = token;
  const data = { token_id, token_hash, name, scopes, ledgers, expires_at, created_at };
  const by = created_by === null ? {} : { created_by: created_by as unknown as JsonObject };
  return tokenEvent(TOKEN_CARRIED, token, LEDGER_ACTOR, { ...data, ...by });
}

interface Revocation {
  readonly revoked_at: string;
  readonly revoked_by: Actor | null;
  readonly seq: number;
}

/** All tokens that the records seen so far tell of. Records may come twice, or a revocation before its token. */
export class TokenFold {
  readonly #entries = new Map<string, TokenEntry>();
  readonly #revoked = new Map<string, Revocation>();

  apply(record: LedgerRecord): void {
    if (!isLedgersOwn(record.actor) || !record.action.startsWith(TOKEN_ACTIONS)) return;
    const data = record.data as Record<string, unknown> | undefined;
    const token_id = data?.token_id;
    if (data === undefined || typeof token_id !== 'string') return;
    if (record.action === TOKEN_REVOKED) this.#revoke(token_id, record);
    if (record.action === TOKEN_CREATED || record.action === TOKEN_CARRIED)
      this.#state(token_id, record, data);
  }

  get(token_id: string): TokenEntry | undefined {
    return this.#entries.get(token_id);
  }

  all(): TokenEntry[] {
    return [...this.#entries.values()];
  }

  #revoke(token_id: string, record: LedgerRecord): void {
    const first = this.#revoked.get(token_id);
    const revoked_at = first?.revoked_at ?? record.recorded_at;
    const revoked_by = first?.revoked_by ?? record.actor.on_behalf_of ?? null;
    const revocation = { revoked_at, revoked_by, seq: Math.max(record.seq, first?.seq ?? 0) };
    this.#revoked.set(token_id, revocation);
    const entry = this.#entries.get(token_id);
    if (entry !== undefined) this.#entries.set(token_id, withRevocation(entry, revocation));
  }

  /** The first statement of a token stands; a later one can only repeat it. */
  #state(token_id: string, record: LedgerRecord, data: Record<string, unknown>): void {
    const known = this.#entries.get(token_id);
    if (known !== undefined) {
      this.#entries.set(token_id, { ...known, stated_seq: Math.max(known.stated_seq, record.seq) });
      return;
    }
    const entry = entryOf(token_id, record, data);
    const revocation = this.#revoked.get(token_id);
    if (entry !== null)
      this.#entries.set(token_id, revocation === undefined ? entry : withRevocation(entry, revocation));
  }
}

function withRevocation(entry: TokenEntry, { revoked_at, revoked_by, seq }: Revocation): TokenEntry {
  return { ...entry, token: Object.freeze({ ...entry.token, revoked_at, revoked_by }), revoked_seq: seq };
}

/** The token that a record states, or null when it is not of the shape written above: then it grants nothing. */
function entryOf(token_id: string, record: LedgerRecord, data: Record<string, unknown>): TokenEntry | null {
  const { name, token_hash, scopes, ledgers, expires_at } = data;
  if (typeof name !== 'string' || typeof token_hash !== 'string' || !/^[0-9a-f]{64}$/.test(token_hash))
    return null;
  if (!isTexts(scopes) || !isTexts(ledgers) || !(expires_at === null || typeof expires_at === 'string'))
    return null;
  const token: Token = {
    token_id,
    name,
    scopes,
    ledgers,
    created_at: typeof data.created_at === 'string' ? data.created_at : record.recorded_at,
    created_by: record.actor.on_behalf_of ?? (data.created_by as Actor | undefined) ?? null,
    expires_at,
    revoked_at: null,
    revoked_by: null,
  };
  return { token: Object.freeze(token), token_hash, stated_seq: record.seq, revoked_seq: null };
}

function isTexts(value: unknown): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string');
}
