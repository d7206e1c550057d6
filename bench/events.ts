/**
 * The events that are recorded: six shapes as real systems send them, the same ones in every run.
 *
 * With what a ledger adds they become records of 500 to 600 bytes. Runs (one correlation id each) of 20 to 100 events
 * are interleaved 32 at a time, so that the events of one run lie scattered, as they do in a busy system.
 *
 * Pure:    no clock, no randomness; the generator depends on its seed alone.
 */
import type { Event } from '@indelible/core';

/** Runs that take turns. */
const LANES = 32;
const RUN_EVENTS_MIN = 20;
const RUN_EVENTS_MAX = 100;

const PEOPLE = listOf(400, (i) => `user-${1000 + i * 7}@acme.example`);
const SERVICES = listOf(40, (i) => `svc-${['billing', 'search', 'orders', 'mail', 'auth'][i % 5]}-${i}`);
const AGENTS = listOf(60, (i) => `agent-${(i * 2_654_435_761) >>> 8}`);
const SECRETS = listOf(3000, (i) => `prod/team-${i % 37}/service-${i % 211}/credential-${i}`);
const ROUTES = listOf(300, (i) => `/v2/accounts/{account}/${['orders', 'invoices', 'users'][i % 3]}/${i}`);
const HOSTS = listOf(500, (i) => `10.${i % 4}.${(i * 13) % 256}.${(i * 101) % 256}`);
const CLIENTS = listOf(20, (i) => `Mozilla/5.0 (X11; Linux x86_64; rv:1${i}.0) Gecko/20100101`);
const IMAGES = listOf(200, (i) => `registry.acme.example/shop/${SERVICES[i % 40]}:1.${i}.${i % 9}`);
const TOOLS = ['read_file', 'run_query', 'send_mail', 'open_ticket', 'search_web', 'call_api'];

/** Everyone who acts, for queries by actor. */
export const ACTOR_IDS: readonly string[] = [...PEOPLE, ...SERVICES, ...AGENTS];

interface Lane {
  correlation_id: string;
  left: number;
}

export interface Run {
  readonly correlation_id: string;
  readonly events: number;
}

/** Gives one event after the other, without end. */
export class EventSource {
  #state: number;
  #count = 0;
  readonly #lanes: Lane[];

  constructor(seed = 1) {
    this.#state = seed;
    this.#lanes = listOf(LANES, () => ({ correlation_id: '', left: 0 }));
  }

  next(): Event {
    const lane = this.#lanes[this.#below(LANES)]!;
    if (lane.left === 0) {
      lane.correlation_id = this.#hex(32);
      lane.left = RUN_EVENTS_MIN + this.#below(RUN_EVENTS_MAX - RUN_EVENTS_MIN + 1);
    }
    lane.left--;
    this.#count++;
    return this.#event(this.#below(6), lane.correlation_id);
  }

  #event(shape: number, correlation_id: string): Event {
    const request_id = `req-${this.#hex(8)}${this.#count.toString(16).padStart(8, '0')}`;
    switch (shape) {
      case 0:
        return {
          action: 'secret.read',
          actor: { type: 'user', id: this.#of(PEOPLE) },
          resource: { type: 'secret', id: this.#of(SECRETS) },
          correlation_id,
          data: { client: this.#of(CLIENTS), ip: this.#of(HOSTS), request_id, version: this.#below(40) },
        };
      case 1:
        return {
          action: 'http.request',
          actor: { type: 'service', id: this.#of(SERVICES) },
          resource: { type: 'route', id: this.#of(ROUTES) },
          outcome: this.#below(20) === 0 ? 'error' : 'ok',
          correlation_id,
          latency_ms: this.#below(90_000) / 100,
          data: {
            bytes: this.#below(65_536),
            method: 'POST',
            peer: this.#of(HOSTS),
            request_id,
            status: 200,
          },
        };
      case 2:
        return {
          action: 'agent.tool_called',
          actor: {
            type: 'agent',
            id: this.#of(AGENTS),
            on_behalf_of: { type: 'user', id: this.#of(PEOPLE) },
          },
          resource: { type: 'tool', id: this.#of(TOOLS) },
          correlation_id,
          cost_usd: this.#below(5000) / 1e6,
          session: { id: `session-${correlation_id.slice(0, 12)}` },
          data: { request_id, tokens_in: this.#below(9000), tokens_out: this.#below(2000) },
        };
      case 3:
        return {
          action: 'deployment.rolled_out',
          actor: { type: 'api-token', id: 'ci' },
          resource: { type: 'deployment', id: this.#of(SERVICES) },
          correlation_id,
          data: { commit: this.#hex(40), image: this.#of(IMAGES), replicas: this.#below(12), request_id },
        };
      case 4:
        return {
          action: 'payment.authorised',
          actor: { type: 'service', id: this.#of(SERVICES) },
          resource: { type: 'order', id: `order-${this.#below(10_000_000)}` },
          outcome: this.#below(50) === 0 ? 'denied' : 'ok',
          correlation_id,
          source: 'shop',
          data: {
            amount: this.#below(1_000_000) / 100,
            currency: 'EUR',
            method: 'card',
            request_id,
            risk: 0.25,
          },
        };
      default:
        return {
          action: 'user.signed_in',
          actor: { type: 'user', id: this.#of(PEOPLE) },
          correlation_id,
          message: 'Signed in with a passkey',
          data: { client: this.#of(CLIENTS), ip: this.#of(HOSTS), mfa: true, request_id },
        };
    }
  }

  #of(list: readonly string[]): string {
    return list[this.#below(list.length)]!;
  }

  #hex(digits: number): string {
    let text = '';
    while (text.length < digits) text += (this.#next() >>> 0).toString(16).padStart(8, '0');
    return text.slice(0, digits);
  }

  #below(end: number): number {
    return (this.#next() >>> 1) % end;
  }

  /** mulberry32. */
  #next(): number {
    this.#state = (this.#state + 0x6d2b79f5) | 0;
    let t = Math.imul(this.#state ^ (this.#state >>> 15), 1 | this.#state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return t ^ (t >>> 14);
  }
}

/** So many events that the index sees no repetition within one of its segments. */
const POOL_EVENTS = 50_000;

/** The same events made beforehand, over and over: making them must not be part of what is measured. */
export class EventPool {
  readonly #events: readonly Event[];
  #at = 0;

  constructor(records: number) {
    const source = new EventSource();
    this.#events = listOf(Math.min(records, POOL_EVENTS), () => source.next());
  }

  next(): Event {
    const event = this.#events[this.#at]!;
    this.#at = (this.#at + 1) % this.#events.length;
    return event;
  }
}

/** The runs that are complete within the first `records` events, in order of their beginning. */
export function runsWithin(records: number, seed = 1): Run[] {
  const source = new EventSource(seed);
  const events = new Map<string, number>();
  for (let i = 0; i < records; i++) {
    const id = source.next().correlation_id!;
    events.set(id, (events.get(id) ?? 0) + 1);
  }
  // The last run of each lane may be cut; those that began last are left out.
  const runs = Array.from(events, ([correlation_id, count]) => ({ correlation_id, events: count }));
  return runs.length > LANES ? runs.slice(0, -LANES) : runs;
}

/** Numbers below `end` that depend on the seed alone. */
export function* numbersBelow(end: number, seed: number): Generator<number, never> {
  let state = seed;
  for (;;) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    yield Math.floor((state / 2 ** 32) * end);
  }
}

function listOf<T>(length: number, make: (i: number) => T): T[] {
  return Array.from({ length }, (_, i) => make(i));
}
