/**
 * How many requests one client may send: a bucket for each that refills with time.
 *
 * Pure:    no I/O, no clock: the caller says what time it is.
 */
import { isIPv6 } from 'node:net';

export interface RateOptions {
  /** Requests that may come at once. */
  readonly burst: number;
  /** Requests a second over time. */
  readonly per_second: number;
}

/** What one client is counted as: for IPv6 the network, of which everyone has a whole one. */
export function clientOfAddress(address: string): string {
  const mapped = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i.exec(address);
  if (mapped !== null) return mapped[1]!;
  if (!isIPv6(address)) return address.slice(0, 64);
  const [front = '', back] = address.split('%', 1)[0]!.toLowerCase().split('::');
  const given = front === '' ? [] : front.split(':');
  const after = back === undefined || back === '' ? [] : back.split(':');
  const zeros = back === undefined ? 0 : 8 - given.length - after.length;
  const groups = [...given, ...Array.from({ length: Math.max(zeros, 0) }, () => '0'), ...after];
  return `${groups
    .slice(0, 4)
    .map((group) => group.replace(/^0+(?=.)/, ''))
    .join(':')}::/64`;
}

/** Clients that are told apart; beyond, the one unheard for longest is forgotten. */
const CLIENTS_MAX = 10_000;

export class RateLimit {
  readonly #options: RateOptions;
  /** In the order in which they were heard last. */
  readonly #clients = new Map<string, { tokens: number; at: number }>();

  constructor(options: RateOptions) {
    this.#options = options;
  }

  /** Takes one request; 0 when it may go on, else the seconds after which it may come again. */
  take(client: string, now: number): number {
    const { burst, per_second } = this.#options;
    const known = this.#clients.get(client) ?? { tokens: burst, at: now };
    // A clock that was set back must not take tokens away.
    const passed_ms = Math.max(now - known.at, 0);
    const tokens = Math.min(known.tokens + (passed_ms / 1000) * per_second, burst);
    this.#clients.delete(client);
    this.#clients.set(client, { tokens: tokens >= 1 ? tokens - 1 : tokens, at: now });
    if (this.#clients.size > CLIENTS_MAX) this.#clients.delete(this.#clients.keys().next().value!);
    return tokens >= 1 ? 0 : Math.ceil((1 - tokens) / per_second);
  }
}
