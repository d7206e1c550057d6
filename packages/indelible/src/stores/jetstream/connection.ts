/**
 * One connection to one of the servers at a time, made when it is needed and made anew when it is lost.
 *
 * The driver's own reconnecting is off: it would send again, at a time that we do not know, what was asked before the
 * connection broke. A server by which nothing is had for a while is left for another one, since it may be cut off from
 * the rest of its cluster.
 *
 * Errors:  LEDGER_CLOSED after `close`; what fault.ts maps.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { IndelibleError } from '@indelible/core';
import type { JetStreamClient, JetStreamManager } from '@nats-io/jetstream';
import type { NatsConnection } from '@nats-io/transport-node';
import { type StreamAddress, shownAddress } from './address.ts';
import { connectionSecrets, type Environment } from './credentials.ts';
import { dialed } from './dial.ts';
import type { Driver } from './driver.ts';
import { meaningOf, PassingFault, unavailable } from './fault.ts';

const PAUSE_MS_MAX = 250;
/** A silent loss of the connection is noticed in twice this time even when nothing is asked. */
const PING_MS = 10_000;

export interface Link {
  /** Counts the connections: what was known over another one may be old. */
  readonly number: number;
  readonly nats: NatsConnection;
  readonly publisher: JetStreamClient;
  readonly manager: JetStreamManager;
}

/**
 * What a server is asked for. A leader that is cut off goes on answering questions and can append nothing: that the
 * one works says nothing about the other.
 */
type Purpose = 'asking' | 'appending';

/** How long we wait for servers. */
export interface Times {
  /** For a fault to pass. */
  readonly patience_ms: number;
  /** For an answer, and for a connection. */
  readonly answer_ms: number;
  /** For what is known of the stream as a whole to be asked again before an append. */
  readonly recheck_ms: number;
}

/** Until when a fault may pass. */
export class Patience {
  readonly #end: number;
  #tries = 0;

  constructor(ms: number) {
    this.#end = performance.now() + ms;
  }

  get over(): boolean {
    return performance.now() >= this.#end;
  }

  /** Waits a moment, longer each time. */
  async pause(): Promise<void> {
    await pause(Math.min(PAUSE_MS_MAX, 10 * 2 ** this.#tries++));
  }
}

export interface ConnectionOptions {
  readonly driver: Driver;
  readonly address: StreamAddress;
  readonly env: Environment;
  readonly times: Times;
}

export class Connection {
  readonly place: string;
  readonly times: Times;
  readonly #options: ConnectionOptions;
  readonly #onLink: ((link: Link) => void)[] = [];
  #link: Link | null = null;
  #connecting: Promise<Link> | null = null;
  #links = 0;
  #server = '';
  /** When the faults began that have not passed yet. */
  readonly #failing_since = new Map<Purpose, number>();
  #closed = false;

  constructor(options: ConnectionOptions) {
    this.#options = options;
    this.place = shownAddress(options.address);
    this.times = options.times;
  }

  /** For one operation, however many questions it takes. */
  patience(): Patience {
    return new Patience(this.times.patience_ms);
  }

  /** Changes whenever a connection is made or lost. */
  get generation(): number {
    return this.#link === null ? -1 : this.#link.number;
  }

  /** Called with every connection that is made. */
  onLink(listener: (link: Link) => void): void {
    this.#onLink.push(listener);
    if (this.#link !== null) listener(this.#link);
  }

  checkOpen(): void {
    if (this.#closed) throw new IndelibleError('LEDGER_CLOSED', `${this.place} was closed`);
  }

  /** Asks once. Raises PassingFault where asking again may help. */
  async attempt<T>(ask: (link: Link) => Promise<T>, purpose: Purpose = 'asking'): Promise<T> {
    this.checkOpen();
    let link: Link | null = null;
    try {
      link = await this.#connected();
      const answer = await ask(link);
      this.#failing_since.delete(purpose);
      return answer;
    } catch (error) {
      this.checkOpen();
      const meaning = meaningOf(error, this.place, link !== null);
      if (!(meaning instanceof PassingFault)) this.#failing_since.delete(purpose);
      else if (link !== null) this.#doubt(link, purpose);
      throw meaning;
    }
  }

  /** Asks until there is an answer, or STORE_UNAVAILABLE. For what may be asked twice. */
  async repeat<T>(ask: (link: Link) => Promise<T>, patience = this.patience()): Promise<T> {
    for (;;) {
      try {
        return await this.attempt(ask);
      } catch (error) {
        if (!(error instanceof PassingFault)) throw error;
        if (patience.over) throw unavailable(this.place, error);
      }
      await patience.pause();
    }
  }

  /** Ends the connection; what is under way fails with LEDGER_CLOSED. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    const link = await this.#connecting?.catch(() => null);
    await (link ?? this.#link)?.nats.close();
  }

  async #connected(): Promise<Link> {
    if (this.#link !== null) return this.#link;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connect(): Promise<Link> {
    const { driver, address, env } = this.#options;
    const options = {
      ...(await connectionSecrets(env, driver.transport, address.tls)),
      servers: this.#inOrderOfHope(),
      noRandomize: true,
      name: 'indelible',
      reconnect: false,
      noEcho: true,
      noAsyncTraces: true,
      timeout: this.times.answer_ms,
      pingInterval: PING_MS,
    };
    const nats = await dialed(() => driver.transport.connect(options));
    const link: Link = {
      number: ++this.#links,
      nats,
      publisher: driver.jetstream.jetstream(nats, { timeout: this.times.answer_ms }),
      manager: await driver.jetstream.jetstreamManager(nats, {
        timeout: this.times.answer_ms,
        checkAPI: false,
      }),
    };
    this.#server = nats.getServer();
    this.#failing_since.clear();
    this.#link = link;
    void nats.closed().then(() => this.#forget(link));
    for (const listener of this.#onLink) listener(link);
    return link;
  }

  /** In any order, but the one that was left last comes last. */
  #inOrderOfHope(): string[] {
    const servers = this.#options.address.servers.toSorted(() => Math.random() - 0.5);
    const hopeful = servers.filter((server) => server !== this.#server);
    return hopeful.length < servers.length ? [...hopeful, this.#server] : servers;
  }

  /** One time-out may be an election; what goes on after it may be this server. */
  #doubt(link: Link, purpose: Purpose): void {
    const now = performance.now();
    const since = this.#failing_since.get(purpose) ?? now;
    this.#failing_since.set(purpose, since);
    if (now - since < this.times.answer_ms) return;
    this.#forget(link);
    void link.nats.close();
  }

  #forget(link: Link): void {
    if (this.#link === link) this.#link = null;
  }
}
