/**
 * Waiting for something to happen in the database: told by NOTIFY where the server can, looked for in any case.
 *
 * The session that listens is made when somebody first waits. Whoever waits must look again after waking.
 */
import { EventEmitter } from 'node:events';
import type { Session } from './connect.ts';
import { Link, type LinkSetup } from './link.ts';

/** So long after failing to listen it is tried again; meanwhile looking alone has to do. */
const LISTEN_AGAIN_MS = 2000;

export class Wake {
  readonly #channel: string;
  readonly #payload: string;
  readonly #link: Link;
  readonly #woken = new EventEmitter().setMaxListeners(0);
  #listening: Session | null = null;
  #next_try_at = 0;
  #trying = false;
  #closed = false;

  constructor(setup: LinkSetup, channel: string, payload: string) {
    this.#channel = channel;
    this.#payload = payload;
    this.#link = new Link({
      ...setup,
      onSession: (session) => this.#listen(session),
      onLost: () => {
        this.#listening = null;
        this.wake();
      },
    });
  }

  /** Whether the server tells us. */
  get is_listening(): boolean {
    return this.#listening !== null;
  }

  /** Wakes all who wait. */
  wake(): void {
    this.#woken.emit('wake');
  }

  /** Registers at once; `promise` settles when woken, on abort, on close, or after `ms`. */
  next(ms: number, signal?: AbortSignal): { promise: Promise<void>; forget(): void } {
    this.#listenSoon();
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, ms);
    const wake = () => resolve();
    this.#woken.once('wake', wake);
    signal?.addEventListener('abort', wake, { once: true });
    if (this.#closed || signal?.aborted === true) resolve();
    const forget = () => {
      clearTimeout(timer);
      this.#woken.off('wake', wake);
      signal?.removeEventListener('abort', wake);
    };
    return { promise, forget };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.wake();
    await this.#link.close();
  }

  #listenSoon(): void {
    if (this.#listening !== null || this.#trying || this.#closed || performance.now() < this.#next_try_at)
      return;
    this.#trying = true;
    this.#link
      .session()
      .catch(() => {
        // A standby cannot listen, and a server that is down cannot tell: those who wait look by themselves.
        this.#next_try_at = performance.now() + LISTEN_AGAIN_MS;
      })
      .finally(() => {
        this.#trying = false;
      });
  }

  async #listen(session: Session): Promise<void> {
    const { client } = session;
    client.on('notification', ({ payload }) => {
      if (payload === this.#payload) this.wake();
    });
    await client.query(`LISTEN ${this.#channel}`);
    this.#listening = session;
    // What happened before somebody listened has told nobody.
    this.wake();
  }
}
