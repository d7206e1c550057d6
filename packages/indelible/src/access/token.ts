/**
 * A named token, and the check of what is asked of a new one.
 *
 * Errors:  TOKEN_INVALID naming the member that is wrong.
 * Pure:    no I/O, no clock.
 */
import { type Actor, IndelibleError } from '@indelible/core';
import { isScope, SCOPES, type Scope } from './scopes.ts';

/** A token as the ledger tells it. Its secret is nowhere; its hash stays inside this room. */
export interface Token {
  readonly token_id: string;
  /** What records show as the actor. Unique among the tokens that are active. */
  readonly name: string;
  readonly scopes: readonly string[];
  /** Names of ledgers, or `*`. */
  readonly ledgers: readonly string[];
  readonly created_at: string;
  readonly created_by: Actor | null;
  /** RFC 3339 UTC, or null: until revoked. */
  readonly expires_at: string | null;
  readonly revoked_at: string | null;
  readonly revoked_by: Actor | null;
}

export type TokenStatus = 'active' | 'expired' | 'revoked';

/** What is asked of a new token. */
export interface TokenRequest {
  readonly name: string;
  readonly scopes: readonly string[];
  /** Default: every ledger (`*`). */
  readonly ledgers?: readonly string[];
  /** RFC 3339 UTC; default: never. */
  readonly expires_at?: string | null;
}

/** A request that was found to be in order. */
export interface CheckedRequest {
  readonly name: string;
  readonly scopes: readonly Scope[];
  readonly ledgers: readonly string[];
  readonly expires_at: string | null;
}

const NAME = /^[A-Za-z0-9][A-Za-z0-9._@-]{0,63}$/;
const LEDGER = /^(\*|[A-Za-z0-9][A-Za-z0-9._~:/@-]{0,199})$/;
const TIME = /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z$/;
const LEDGERS_MAX = 100;

/** Whether a token can be used at a time (milliseconds since 1970). */
export function statusOf(token: Token, now: number): TokenStatus {
  if (token.revoked_at !== null) return 'revoked';
  // Unparsable expiry is expired: it must not read as "never".
  if (token.expires_at !== null && !(Date.parse(token.expires_at) > now)) return 'expired';
  return 'active';
}

/** The actor that records show for what a token did. */
export function tokenActor(token: Token): Actor {
  return { type: 'api-token', id: token.name };
}

/** Checks a request for a new token; raises TOKEN_INVALID. */
export function checkRequest(request: TokenRequest, now: number): CheckedRequest {
  const { name, scopes, ledgers = ['*'], expires_at = null } = request;
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw wrong(
      'name',
      'must have 1 to 64 letters, digits, dots, dashes, underscores or @, and begin with a letter or digit',
    );
  }
  if (!Array.isArray(scopes) || scopes.length === 0 || !scopes.every(isScope)) {
    throw wrong('scopes', `must name at least one of ${SCOPES.join(', ')}`);
  }
  if (!isListOf(ledgers, LEDGER) || ledgers.length === 0 || ledgers.length > LEDGERS_MAX) {
    throw wrong('ledgers', `must name 1 to ${LEDGERS_MAX} ledgers, or * for all`);
  }
  if (expires_at !== null) {
    const time =
      typeof expires_at === 'string' && TIME.test(expires_at) ? Date.parse(expires_at) : Number.NaN;
    if (Number.isNaN(time)) throw wrong('expires_at', 'must be a time in UTC like 2027-01-31T00:00:00Z');
    if (time <= now) throw wrong('expires_at', 'must lie in the future');
  }
  return { name, scopes: [...new Set(scopes)], ledgers: [...new Set(ledgers)], expires_at };
}

function isListOf(value: unknown, pattern: RegExp): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === 'string' && pattern.test(item));
}

function wrong(member: string, rule: string): IndelibleError {
  return new IndelibleError('TOKEN_INVALID', `${member} ${rule}`, { details: { member } });
}
