/**
 * The near side of the worker thread: calls it, and keeps the process alive only while an answer is due.
 *
 * A thread that dies fails its calls with STORE_UNAVAILABLE; the next call starts another one.
 *
 * Errors:  LEDGER_CLOSED after `close`, and whatever the operation raised.
 */
import type { Transferable } from 'node:worker_threads';
import type { ErrorCode } from '@indelible/core';
import { IndelibleError } from '@indelible/core';
import { ThisThread } from '../../this-thread.ts';
import { type Borrowed, Thread } from '../../threads.ts';
import type { Answer, Call, Input, OperationName, Output, WorkerSetup } from './operations.ts';

// The same module runs from source and from the build.
const WORKER_URL = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './worker.js', import.meta.url);

interface Waiting {
  resolve(output: unknown): void;
  reject(error: Error): void;
}

export class WorkerClient {
  readonly #setup: WorkerSetup;
  readonly #waiting = new Map<number, Waiting>();
  readonly #here: boolean;
  #thread: Borrowed | null = null;
  #calls = 0;
  #closing: Promise<void> | null = null;

  /** With `here` in place of a thread, the work is done in this one. */
  constructor(setup: WorkerSetup, here = false) {
    this.#setup = setup;
    this.#here = here;
  }

  call<Name extends OperationName>(
    name: Name,
    input: Input<Name>,
    transfer: readonly Transferable[] = [],
  ): Promise<Output<Name>> {
    if (this.#closing !== null) return Promise.reject(closed(this.#setup.file));
    return this.#send(name, input, transfer);
  }

  /** Lets the calls before it finish. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#end();
    return this.#closing;
  }

  #send<Name extends OperationName>(
    name: Name,
    input: Input<Name>,
    transfer: readonly Transferable[],
  ): Promise<Output<Name>> {
    const thread = (this.#thread ??= this.#start());
    const id = this.#calls++;
    return new Promise<Output<Name>>((resolve, reject) => {
      this.#waiting.set(id, { resolve: resolve as (output: unknown) => void, reject });
      thread.ref();
      thread.post({ id, name, input } satisfies Call, transfer);
    });
  }

  async #end(): Promise<void> {
    const thread = this.#thread;
    if (thread === null) return;
    try {
      await this.#send('close', null, []);
    } finally {
      thread.giveBack();
    }
  }

  #start(): Borrowed {
    const Place = this.#here ? ThisThread : Thread;
    const thread: Borrowed = new Place(WORKER_URL, this.#setup, {
      onMessage: (answer) => this.#settle(thread, answer as Answer),
      onEnd: (cause) => {
        if (this.#thread === thread) this.#thread = null;
        const waiting = [...this.#waiting.values()];
        this.#waiting.clear();
        const error = new IndelibleError(
          'STORE_UNAVAILABLE',
          `${this.#setup.file}: the thread that works on it ended`,
          { cause },
        );
        for (const { reject } of waiting) reject(error);
      },
    });
    return thread;
  }

  #settle(thread: Borrowed, answer: Answer): void {
    const waiting = this.#waiting.get(answer.id);
    this.#waiting.delete(answer.id);
    if (this.#waiting.size === 0) thread.unref();
    if (waiting === undefined) return;
    if ('output' in answer) waiting.resolve(answer.output);
    else
      waiting.reject(
        new IndelibleError(answer.error.code as ErrorCode, answer.error.message, {
          details: answer.error.details,
        }),
      );
  }
}

/** What every operation raises after `close`. */
export function closed(file: string): IndelibleError {
  return new IndelibleError('LEDGER_CLOSED', `sqlite:${file} was closed`);
}
