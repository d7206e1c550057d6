/**
 * The work of a module for threads (threads.ts), done in the thread that asks for it: for what is over sooner than a
 * thread is started. Whatever it does holds up everything else here.
 */
import { MessageChannel, type MessagePort, type Transferable } from 'node:worker_threads';
import type { Borrowed, Serve, ThreadListener } from './threads.ts';

export class ThisThread implements Borrowed {
  readonly #port: MessagePort;
  readonly #far: MessagePort;

  /** Has the module at this URL serve here. */
  constructor(module: URL, setup: unknown, listener: ThreadListener) {
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    this.#far = port2;
    port1.on('message', (message) => listener.onMessage(message));
    port1.unref();
    import(module.href).then(
      ({ serve }: { serve: Serve<unknown> }) => {
        serve(setup, port2);
        // As with a thread, only who waits for an answer keeps the process alive.
        port2.unref();
      },
      (cause: unknown) => {
        port2.close();
        listener.onEnd(cause);
      },
    );
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

  giveBack(): void {
    this.#port.close();
  }

  async terminate(): Promise<void> {
    this.#port.close();
    this.#far.close();
  }
}
