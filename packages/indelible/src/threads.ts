/**
 * Worker threads, lent to whoever has work for one. Starting a thread costs some 50 ms, most of it for loading code:
 * one that is given back waits for the next borrower.
 *
 * A thread runs the work of one borrower at a time. The module that it is borrowed for exports
 * `serve(setup, port)`, which runs in the thread and talks through the port; it closes the port when it is done.
 */
import { MessageChannel, type MessagePort, type Transferable, Worker } from 'node:worker_threads';

/** What a module for threads exports. */
export type Serve<Setup> = (setup: Setup, port: MessagePort) => void;

export interface ThreadListener {
  onMessage(message: unknown): void;
  /** The thread died with the borrower's work. */
  onEnd(cause: unknown): void;
}

/** What the host in the thread is told: which module serves whom. */
export interface Assignment {
  readonly module: string;
  readonly setup: unknown;
  readonly port: MessagePort;
}

// The same module runs from source and from the build.
const HOST = new URL(
  import.meta.url.endsWith('.ts') ? './thread-worker.ts' : './thread-worker.js',
  import.meta.url,
);
/** More that wait would hold memory for little. */
const IDLE_MAX = 3;
const idle: Worker[] = [];
const borrowers = new WeakMap<Worker, ThreadListener>();

/** Where a borrower's work is done. */
export interface Borrowed {
  post(message: unknown, transfer?: readonly Transferable[]): void;
  /** From here until `unref`, it keeps the process alive. */
  ref(): void;
  unref(): void;
  /** The module has closed its port and does nothing any more. */
  giveBack(): void;
  /** Ends in the middle of whatever is done; the listener hears no more. */
  terminate(): Promise<void>;
}

/** One borrower's thread. It keeps the process alive only between `ref` and `unref`. */
export class Thread implements Borrowed {
  /** How often a thread was borrowed in this process. */
  static borrowed = 0;
  readonly #worker: Worker;
  readonly #port: MessagePort;

  /** Borrows a thread for the module at this URL. */
  constructor(module: URL, setup: unknown, listener: ThreadListener) {
    Thread.borrowed++;
    this.#worker = idle.pop() ?? startWorker();
    borrowers.set(this.#worker, listener);
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    port1.on('message', (message) => listener.onMessage(message));
    port1.unref();
    const assignment: Assignment = { module: module.href, setup, port: port2 };
    this.#worker.postMessage(assignment, [port2]);
  }

  post(message: unknown, transfer: readonly Transferable[] = []): void {
    this.#port.postMessage(message, transfer);
  }

  ref(): void {
    this.#port.ref();
  }

  unref(): void {
    this.#port.unref();
  }

  /** The module has closed its port and does nothing any more: the thread is for the next. */
  giveBack(): void {
    if (!borrowers.delete(this.#worker)) return;
    this.#port.close();
    if (idle.length < IDLE_MAX) idle.push(this.#worker);
    else void this.#worker.terminate();
  }

  /** Ends the thread in the middle of whatever it does; its listener hears no more. */
  async terminate(): Promise<void> {
    borrowers.delete(this.#worker);
    this.#port.close();
    await this.#worker.terminate();
  }
}

function startWorker(): Worker {
  const worker = new Worker(HOST, {
    name: 'indelible',
    // `--input-type` (with `-e`) would stop a thread that is started from a file.
    execArgv: process.execArgv.filter((argument) => argument.startsWith('--conditions=')),
    // Node would let the nursery of each thread grow beyond 100 MB before it looks for what can go.
    resourceLimits: { maxYoungGenerationSizeMb: 4 },
  });
  worker.unref();
  let cause: unknown;
  worker.on('error', (error) => {
    cause = error;
  });
  worker.on('exit', (code) => {
    const place = idle.indexOf(worker);
    if (place >= 0) idle.splice(place, 1);
    const borrower = borrowers.get(worker);
    borrowers.delete(worker);
    borrower?.onEnd(cause ?? new Error(`the thread ended with ${code}`));
  });
  return worker;
}
