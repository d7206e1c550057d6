/**
 * The named tokens of a ledger: made, listed, revoked, and checked on each request.
 *
 * Errors:  TOKEN_INVALID for a request that is wrong or a name that is taken; NOT_FOUND for a token that is not there;
 *          those of the ledger when the record of it cannot be written. No secret is ever in a message.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { type Actor, IndelibleError } from '@indelible/core';
import type { LedgerLog, LedgerWriter } from '../ledger/types.ts';
import { binds } from './scopes.ts';
import { newSecret, secretMatches, tokenIdIn } from './secret.ts';
import { checkRequest, statusOf, type Token, type TokenRequest, type TokenStatus } from './token.ts';
import { countedEvent } from './token-count.ts';
import { TokenFollower } from './token-follower.ts';
import { createdEvent, revokedEvent, TokenFold } from './token-records.ts';

/** Other processes' appends are looked at no more often than this. */
const FOLLOW_MS = 100;

export interface RegistryOptions {
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
  readonly log?: LedgerLog;
  /** Follow what other processes append (default). A command that ends at once need not. */
  readonly follow?: boolean;
  /** After how many records the token records are counted again (token-count.ts); default 100,000. */
  readonly count_every?: number;
}

/** Why a secret was refused. `unknown` also stands for a wrong secret with a known id: callers learn no more. */
export type Refusal = 'malformed' | 'unknown' | 'expired' | 'revoked';

export type Authentication =
  | { readonly token: Token; readonly refusal: null }
  | { readonly token: Token | null; readonly refusal: Refusal };

export class TokenRegistry {
  readonly #ledger: LedgerWriter;
  readonly #clock: () => number;
  readonly #log: LedgerLog | undefined;
  readonly #count_every: number | undefined;
  readonly #fold = new TokenFold();
  readonly #follower: TokenFollower;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;

  /** Opens the tokens of a ledger, as far as it reaches now. The ledger stays the caller's to close, after this. */
  static async open(ledger: LedgerWriter, options: RegistryOptions = {}): Promise<TokenRegistry> {
    const registry = new TokenRegistry(ledger, options);
    try {
      await registry.refresh();
      await registry.#countIfDue();
    } catch (error) {
      await registry.close();
      throw error;
    }
    return registry;
  }

  private constructor(ledger: LedgerWriter, options: RegistryOptions) {
    this.#ledger = ledger;
    this.#clock = options.clock ?? Date.now;
    this.#log = options.log;
    this.#count_every = options.count_every;
    this.#follower = new TokenFollower(ledger, this.#fold);
    this.#following = options.follow === false ? Promise.resolve() : this.#follow();
  }

  /** Makes a token. Its secret is in the answer and nowhere else, ever. */
  async issue(request: TokenRequest, by: Actor): Promise<{ readonly token: Token; readonly secret: string }> {
    const checked = checkRequest(request, this.#clock());
    await this.refresh();
    const holder = this.list().find(
      (token) => token.name === checked.name && this.status(token) === 'active',
    );
    if (holder !== undefined) {
      throw new IndelibleError('TOKEN_INVALID', `an active token is already named ${checked.name}`, {
        details: { member: 'name', token_id: holder.token_id },
      });
    }
    const { token_id, secret, token_hash } = newSecret();
    await this.#write(createdEvent(checked, token_id, token_hash, by));
    return { token: this.#fold.get(token_id)!.token, secret };
  }

  /** Revokes a token, given its id or, while active, its name. Revoking it again changes nothing. */
  async revoke(id_or_name: string, by: Actor): Promise<Token> {
    await this.refresh();
    const token =
      this.#fold.get(id_or_name)?.token ??
      this.list().find(({ name, revoked_at }) => name === id_or_name && revoked_at === null);
    if (token === undefined)
      throw new IndelibleError('NOT_FOUND', `no token is called ${id_or_name.slice(0, 64)}`);
    if (token.revoked_at === null) await this.#write(revokedEvent(token, by));
    return this.#fold.get(token.token_id)!.token;
  }

  /** Every token there ever was, oldest first; never a hash or a secret. */
  list(): Token[] {
    return this.#fold.all().map(({ token }) => token);
  }

  status(token: Token): TokenStatus {
    return statusOf(token, this.#clock());
  }

  /** The token that a secret belongs to, or why it is refused. Reads memory alone. */
  authenticate(secret: string): Authentication {
    const token_id = tokenIdIn(secret);
    if (token_id === null) return { token: null, refusal: 'malformed' };
    const entry = this.#fold.get(token_id);
    // A known id with a wrong secret is not attributed to that token: whoever sent it has not shown that it is theirs.
    if (entry === undefined || !secretMatches(secret, entry.token_hash))
      return { token: null, refusal: 'unknown' };
    const status = this.status(entry.token);
    return status === 'active'
      ? { token: entry.token, refusal: null }
      : { token: entry.token, refusal: status };
  }

  /** Whether a token may still be used on a ledger: for answers that last longer than a request. */
  isUsable(token: Token, ledger: string): boolean {
    const now = this.#fold.get(token.token_id)?.token;
    return now !== undefined && this.status(now) === 'active' && binds(now.ledgers, ledger);
  }

  /** Folds everything that is durable now. */
  refresh(): Promise<void> {
    return this.#follower.catchUp();
  }

  async close(): Promise<void> {
    this.#stop.abort();
    await this.#following;
  }

  async #write(event: Parameters<LedgerWriter['recordOwn']>[0]): Promise<void> {
    const { seq } = await this.#ledger.recordOwn(event);
    for (const { record } of await this.#ledger.get([seq])) this.#fold.apply(record);
  }

  /** A start without a count is slower, and nothing worse: not a reason to fail. */
  async #countIfDue(): Promise<void> {
    if (this.#ledger.store.read_only || !this.#follower.needsCount(0, this.#count_every)) return;
    try {
      await this.#ledger.recordOwn(countedEvent(this.#follower.count()));
    } catch (error) {
      this.#log?.warn({ error: String(error) }, 'the token records could not be counted; it is tried again');
    }
  }

  async #follow(): Promise<void> {
    const { signal } = this.#stop;
    let told = '';
    while (!signal.aborted) {
      try {
        await this.#ledger.store.waitForAppend(this.#follower.next - 1, signal);
        if (signal.aborted) return;
        await this.refresh();
        told = '';
        await this.#countIfDue();
      } catch (error) {
        if (signal.aborted) return;
        // While a store is away it stays so: said once, not every time.
        if (String(error) !== told)
          this.#log?.error({ error: String(error) }, 'reading the token records failed; it is tried again');
        told = String(error);
      }
      await delay(FOLLOW_MS, undefined, { signal, ref: false }).catch(() => {});
    }
  }
}
