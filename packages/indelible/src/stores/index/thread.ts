/**
 * A worker thread of the index, seen from outside: calls become messages, answers become promises.
 *
 * The thread never keeps the process alive by itself; waiting calls do.
 */
import { Worker } from 'node:worker_threads';
import { ERRORS, type ErrorCode, IndelibleError } from '@indelible/core';
import { threadOptions } from '../../threads.ts';
import type { Answer, OperationName, Operations, Request, WorkerSetup } from './protocol.ts';

const MODULE = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

interface Waiting {
  readonly resolve: (result: never) => void;
  readonly reject: (error: Error) => void;
}

export class IndexThread {
  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  #calls = 0;
  #failed: Error | null = null;

  private constructor(setup: WorkerSetup) {
    this.#worker = new Worker(MODULE, {
      ...threadOptions(),
      workerData: setup,
      name: `indelible-index-${setup.role}`,
    });
    this.#worker.on('message', (answer: Answer) => this.#settle(answer));
    this.#worker.on('error', (error) => this.#fail(error));
    this.#worker.on('exit', () => this.#fail(new Error('its thread has ended')));
  }

  /** Starts the thread; resolves when its connection is open. */
  static async open(setup: WorkerSetup): Promise<IndexThread> {
    const thread = new IndexThread(setup);
    try {
      await thread.#answer(0);
    } catch (error) {
      await thread.#worker.terminate();
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
    this.#worker.postMessage(request, transfer);
    return this.#answer(request.call);
  }

  /** Lets waiting calls finish, then closes the connection and ends the thread. */
  async close(): Promise<void> {
    if (this.#failed === null) await this.call('close', []);
    await this.#worker.terminate();
  }

  #answer<T>(call: number): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      if (this.#waiting.size === 0) this.#worker.ref();
      this.#waiting.set(call, { resolve, reject });
    });
  }

  #settle(answer: Answer): void {
    const waiting = this.#waiting.get(answer.call);
    this.#waiting.delete(answer.call);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('result' in answer) waiting?.resolve(answer.result as never);
    else waiting?.reject(revive(answer.error));
  }

  #fail(cause: Error): void {
    this.#failed ??= new IndelibleError('STORE_UNAVAILABLE', `The index stopped: ${cause.message}.`, {
      cause,
    });
    for (const { reject } of this.#waiting.values()) reject(this.#failed);
    this.#waiting.clear();
  }
}

function revive(error: { code: string | null; message: string }): Error {
  return error.code !== null && error.code in ERRORS
    ? new IndelibleError(error.code as ErrorCode, error.message)
    : new Error(error.message);
}
