/**
 * A worker thread of the index, seen from outside: calls become messages, answers become promises.
 *
 * The thread never keeps the process alive by itself; waiting calls do.
 */
import { ERRORS, type ErrorCode, IndelibleError } from '@indelible/core';
import { ThisThread } from '../../this-thread.ts';
import { type Borrowed, Thread } from '../../threads.ts';
import type { Answer, OperationName, Operations, Request, WorkerSetup } from './protocol.ts';

const MODULE = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export class IndexThread {
  readonly #thread: Borrowed;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #failed: Error | null = null;

  private constructor(setup: WorkerSetup, here: boolean) {
    const Place = here ? ThisThread : Thread;
    this.#thread = new Place(MODULE, setup, {
      onMessage: (message) => this.#settle(message as Answer),
      onEnd: (cause) => this.#fail(cause),
    });
  }

  /** Starts the thread, or with `here` does without; resolves when its connection is open. */
  static async open(setup: WorkerSetup, here: boolean): Promise<IndexThread> {
    const thread = new IndexThread(setup, here);
    try {
      await thread.#answer(0);
    } catch (error) {
      await thread.#thread.terminate();
      throw error;
    }
    return thread;
  }

  /** Calls are carried out one after the other, in the order in which they were made. */
  call<N extends OperationName>(
    name: N,
    args: Operations[N]['args'],
    transfer: ArrayBuffer[] = [],
  ): Promise<Operations[N]['result']> {
    if (this.#failed !== null) return Promise.reject(this.#failed);
    const request: Request = { call: ++this.#calls, name, args };
    this.#thread.post(request, transfer);
    return this.#answer(request.call);
  }

  /** Lets waiting calls finish, then closes the connection and gives the thread back. */
  async close(): Promise<void> {
    if (this.#failed !== null) return;
    try {
      await this.call('close', []);
    } finally {
      this.#thread.giveBack();
    }
  }

  #answer<T>(call: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#waiting.size === 0) this.#thread.ref();
      this.#waiting.set(call, { resolve, reject });
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.call);
    this.#waiting.delete(answer.call);
    if (this.#waiting.size === 0) this.#thread.unref();
    if ('result' in answer) waiting?.resolve(answer.result as never);
    else waiting?.reject(revive(answer.error));
  }

  #fail(cause: unknown): void {
    const why = cause instanceof Error ? cause.message : String(cause);
    this.#failed ??= new IndelibleError('STORE_UNAVAILABLE', `The index stopped: ${why}.`, { cause });
    for (const { reject } of this.#waiting.values()) reject(this.#failed);
    this.#waiting.clear();
  }
}

function revive(error: { code: string | null; message: string }): Error {
  return error.code !== null && error.code in ERRORS
    ? new IndelibleError(error.code as ErrorCode, error.message)
    : new Error(error.message);
}
