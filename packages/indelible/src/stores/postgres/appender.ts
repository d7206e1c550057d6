/**
 * Appending: one statement for each batch, sent at once, answered in order.
 *
 * When a session breaks while appends are under way, its backend may still be at work. The next session ends that
 * backend before anything else: what is not durable then never will be.
 *
 * Errors:  HEAD_MOVED, and what faults.ts maps.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Head, LineBatch } from '../contract.ts';
import type { Backend, Session } from './connect.ts';
import { Link, type LinkSetup, type Statement } from './link.ts';

/** Where appends are told, with the ledger's name. */
export const APPENDED = 'indelible_appended';
/** At most so often, and never in the statement that appends: it would hold up the commits of all ledgers. */
const NOTIFY_MS = 20;
const FENCE_MS_MAX = 5000;

/** As indelible.append does: without that function in between. */
const APPEND = `INSERT INTO indelible.appends (ledger, expected_seq, expected_hash, lines, ends)
  VALUES ($1, $2, $3, $4, $5)`;

/** A commit that waits for the same as an append does, and so for all commits before it. */
const COMMIT_BEHIND = `SELECT pg_logical_emit_message(true, 'indelible', '')`;

/** What an append gives the database: expected head, lines, and where these end. */
export function appendValues(
  ledger: string,
  { bytes, ends }: LineBatch,
  expected: Head | null,
): (string | number | Buffer | null)[] {
  const length = ends[ends.length - 1] ?? 0;
  const lines = Buffer.from(bytes.buffer, bytes.byteOffset, length);
  return [ledger, expected?.seq ?? null, expected?.hash ?? null, lines, `{${Array.from(ends).join(',')}}`];
}

export class Appender {
  readonly #link: Link;
  readonly #ledger: string;
  readonly #shown: string;
  /** Resolves when everything asked for so far has been sent. */
  #sent: Promise<void> = Promise.resolve();
  #under_way = 0;
  /** Backends that may still be appending although we cannot hear them any more. */
  readonly #doubted: Backend[] = [];
  /** The session whose transaction holds the ledger for our next append. */
  #reserved: Session | null = null;
  #notified_at = 0;
  #notifying: NodeJS.Timeout | null = null;

  constructor(setup: LinkSetup, ledger: string, onLost: () => void) {
    this.#ledger = ledger;
    this.#shown = setup.place.shown;
    this.#link = new Link({
      ...setup,
      onSession: (session) => this.#fence(session),
      onLost: ({ backend }) => {
        if (this.#under_way > 0) this.#doubted.push(backend);
        onLost();
      },
    });
  }

  /** Connects. */
  async open(): Promise<void> {
    await this.#link.session();
  }

  /** Resolves when nothing that broke off can become durable any more. */
  async settled(): Promise<void> {
    if (this.#doubted.length > 0) await this.#link.session();
  }

  append(batch: LineBatch, expected: Head | null): Promise<void> {
    const values = appendValues(this.#ledger, batch, expected);
    return this.change({ name: 'append', text: APPEND, values });
  }

  /** Sends a statement that appends, behind those before. It ends the reservation. */
  async change(statement: Statement): Promise<void> {
    const { answer, session } = await this.#inTurn((current) => ({
      session: current,
      answer: this.#send(current, statement),
    }));
    await answer;
    this.#notifySoon(session);
  }

  /** Opens the transaction that our next append ends. */
  async reserve(): Promise<() => Promise<void>> {
    const { answer, session } = await this.#inTurn((current) => ({
      session: current,
      answer: this.#hold(current),
    }));
    await answer;
    return async () => {
      if (this.#reserved !== session) return;
      this.#reserved = null;
      await this.#link.send(session, { text: 'ROLLBACK' });
    };
  }

  async close(): Promise<void> {
    if (this.#notifying !== null) clearTimeout(this.#notifying);
    await this.#sent;
    await this.#link.close();
  }

  /** Statements go out in the order in which they were asked for, also those that wait for a connection. */
  async #inTurn<T extends object>(send: (session: Session) => T): Promise<T> {
    const before = this.#sent;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#sent = promise;
    try {
      await before;
      return send(await this.#link.session());
    } finally {
      resolve();
    }
  }

  async #send(session: Session, statement: Statement): Promise<void> {
    const reserved = this.#reserved === session;
    this.#reserved = null;
    this.#under_way++;
    try {
      const sent = [this.#link.send(session, statement)];
      if (reserved) sent.push(this.#link.send(session, { text: 'COMMIT' }));
      const [appended, committed] = await Promise.allSettled(sent);
      if (appended?.status === 'rejected') throw appended.reason;
      if (committed?.status === 'rejected') throw committed.reason;
      if (committed !== undefined && committed.value.command !== 'COMMIT')
        throw new IndelibleError('STORE_UNAVAILABLE', `${this.#shown} did not commit`);
    } catch (error) {
      // The primary is elsewhere by now.
      if (isIndelibleError(error, 'STORE_READ_ONLY')) this.#link.drop();
      throw error;
    } finally {
      this.#under_way--;
    }
  }

  async #hold(session: Session): Promise<void> {
    if (this.#reserved === session) return;
    this.#reserved = session;
    const reserve = { text: 'SELECT indelible.reserve($1)', values: [this.#ledger] };
    const sent = [this.#link.send(session, { text: 'BEGIN' }), this.#link.send(session, reserve)];
    for (const result of await Promise.allSettled(sent)) {
      if (result.status === 'fulfilled') continue;
      if (this.#reserved === session) this.#reserved = null;
      await this.#link.send(session, { text: 'ROLLBACK' }).catch(() => {});
      throw result.reason;
    }
  }

  /** Ends the backends that are in doubt, and waits until they are gone with their transactions. */
  async #fence({ client, backend: own }: Session): Promise<void> {
    for (let backend = this.#doubted[0]; backend !== undefined; backend = this.#doubted[0]) {
      const { pid, started, name } = backend;
      const { rows } = await client.query({
        text: `SELECT pg_terminate_backend(pid, $4) FROM pg_stat_get_activity($1)
          WHERE extract(epoch FROM backend_start)::text = $2 AND application_name = $3`,
        values: [pid, started, name, FENCE_MS_MAX],
        rowMode: 'array',
      });
      if (rows[0]?.[0] === 'f')
        throw new IndelibleError('STORE_UNAVAILABLE', `${this.#shown} is still at an append that broke off`);
      this.#doubted.shift();
      // Where a standby has to have it, what has ended may have committed without waiting for that. While nobody answers,
      // it stays in doubt, and so does this session, which must not be left waiting for ever.
      this.#doubted.push(own);
      await client.query({ text: COMMIT_BEHIND });
      this.#doubted.pop();
    }
  }

  #notifySoon(session: Session): void {
    if (this.#notifying !== null) return;
    const wait = this.#notified_at + NOTIFY_MS - performance.now();
    if (wait <= 0) return this.#notify(session);
    this.#notifying = setTimeout(() => {
      this.#notifying = null;
      this.#notify(session);
    }, wait).unref();
  }

  /** Readers also look by themselves, so that one lost does no harm. */
  #notify(session: Session): void {
    this.#notified_at = performance.now();
    const text = 'SELECT pg_notify($1, $2)';
    this.#link.send(session, { name: 'notify', text, values: [APPENDED, this.#ledger] }).catch(() => {});
  }
}
