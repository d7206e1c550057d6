/**
 * A session that is there when it is needed: connected at the first use, and again after it broke.
 *
 * Errors:  as faults.ts maps them. STORE_UNAVAILABLE once nothing answers for `patience_ms`. A statement that was under
 *          way when the session broke may have had its effect.
 */
import { setTimeout as pause } from 'node:timers/promises';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { Client } from 'pg';
import { connect, type Session, type SessionSetup } from './connect.ts';
import { copyRow } from './copy-out.ts';
import { isLost, lacksPassword, sqlState, storeFault } from './faults.ts';

export interface LinkSetup extends SessionSetup {
  /** Before anybody uses a new session. Raising gives it up. */
  readonly onSession?: (session: Session) => Promise<void>;
  /** Once for each session that broke. */
  readonly onLost?: (session: Session) => void;
}

export interface Statement {
  readonly text: string;
  readonly values?: readonly (string | number | Buffer | null)[];
  /** Prepared once a session under this name. */
  readonly name?: string;
}

/** Values are text. */
export type Row = (string | null)[];

export interface Answer {
  readonly rows: readonly Row[];
  readonly columns: readonly string[];
  /** The word of the server for what it did, e.g. COMMIT. */
  readonly command: string;
}

const BACK_OFF_MS = [20, 50, 100, 200, 400];
/** Another attempt cannot help: the role, the database, a certificate. */
const HOPELESS = /^(?:28|3D|42)/;

export class Link {
  readonly #setup: LinkSetup;
  #session: Session | null = null;
  #connecting: Promise<Session> | null = null;
  #under_way = 0;
  #closed = false;

  constructor(setup: LinkSetup) {
    this.#setup = setup;
  }

  /** The session, connected anew when there is none. */
  async session(): Promise<Session> {
    if (this.#closed) throw this.#isClosed();
    if (this.#session !== null) return this.#session;
    this.#connecting ??= this.#connect().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  /** Sends a statement on this session; it is with the server, or lost, before this returns. */
  send(session: Session, { text, values, name }: Statement): Promise<Answer> {
    const query = {
      text,
      rowMode: 'array' as const,
      ...(values && { values: [...values] }),
      ...(name && { name }),
    };
    return this.#under(session, async ({ client }) => {
      const { rows, fields, command } = await client.query(query);
      return { rows, columns: fields.map((field) => field.name), command };
    });
  }

  /** For statements that change nothing: tried again on a new session when the first one broke. */
  ask(statement: Statement): Promise<Answer> {
    return this.#twice((session) => this.send(session, statement));
  }

  /** The one row of `COPY (…) TO STDOUT (FORMAT binary)`, as bytes. Changes nothing. */
  copyRow(text: string): Promise<(Uint8Array | null)[]> {
    return this.#twice((session) => this.#under(session, ({ client }) => copyRow(client, text)));
  }

  /** The rows of `ask`, with the names of their columns. */
  async query(text: string): Promise<{ rows: Record<string, unknown>[] }> {
    const { rows, columns } = await this.ask({ text });
    return { rows: rows.map((row) => Object.fromEntries(columns.map((name, i) => [name, row[i]]))) };
  }

  /** Gives the session up; the next use connects again, perhaps to another host. */
  drop(): void {
    if (this.#session !== null) this.#lose(this.#session);
  }

  /** Lets what is under way finish. Idempotent. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#connecting?.catch(() => {});
    const session = this.#session;
    this.#session = null;
    if (session !== null) hold(session.client, true);
    await session?.client.end().catch(() => {});
  }

  async #connect(): Promise<Session> {
    const started = performance.now();
    for (let tries = 0; ; tries++) {
      try {
        const session = await connect(this.#setup);
        return await this.#welcome(session);
      } catch (error) {
        const waited = performance.now() - started;
        if (this.#closed || isHopeless(error) || waited >= this.#setup.patience_ms)
          throw storeFault(error, this.#setup.place.shown);
      }
      await pause(BACK_OFF_MS[Math.min(tries, BACK_OFF_MS.length - 1)]);
    }
  }

  async #welcome(session: Session): Promise<Session> {
    try {
      await this.#setup.onSession?.(session);
    } catch (error) {
      destroy(session.client);
      throw error;
    }
    session.client.once('end', () => this.#lose(session));
    // An idle session keeps no process alive.
    hold(session.client, false);
    this.#session = session;
    return session;
  }

  /** Keeps the process alive while an answer is due, and notices that the session broke. */
  async #under<T>(session: Session, work: (session: Session) => Promise<T>): Promise<T> {
    const { client } = session;
    if (this.#under_way++ === 0) hold(client, true);
    try {
      return await work(session);
    } catch (error) {
      if (isLost(error)) this.#lose(session);
      throw storeFault(error, this.#setup.place.shown);
    } finally {
      if (--this.#under_way === 0) hold(client, false);
    }
  }

  async #twice<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const session = await this.session();
    try {
      return await work(session);
    } catch (error) {
      if (this.#session === session || !isIndelibleError(error, 'STORE_UNAVAILABLE')) throw error;
      return work(await this.session());
    }
  }

  #lose(session: Session): void {
    if (this.#session !== session) return;
    this.#session = null;
    destroy(session.client);
    this.#setup.onLost?.(session);
  }

  #isClosed(): IndelibleError {
    return new IndelibleError('LEDGER_CLOSED', `${this.#setup.place.shown} was closed`);
  }
}

/** Whether it keeps the process alive. */
function hold(client: Client, alive: boolean): void {
  const { ref, unref } = client as unknown as { ref(): void; unref(): void };
  (alive ? ref : unref).call(client);
}

/** A polite goodbye would wait for a server that may never answer. */
function destroy(client: Client): void {
  (client as unknown as { connection: { stream: { destroy(): void } } }).connection.stream.destroy();
}

function isHopeless(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null) return HOPELESS.test(state);
  if (lacksPassword(error)) return true;
  // A standby may be about to become the primary.
  return isIndelibleError(error) && !['STORE_READ_ONLY', 'STORE_UNAVAILABLE'].includes(error.code);
}
