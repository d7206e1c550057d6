/**
 * The messages that were looked into last: records that are asked for together often lie together.
 */
import type { StreamMessage } from './message.ts';

const BYTES_MAX = 16 << 20;

export class MessageCache {
  /** In order of their last use. */
  readonly #messages = new Map<number, StreamMessage>();
  #bytes = 0;

  /** A message by its number; messages never change. One that is missing is looked for again. */
  async get(number: number, load: () => Promise<StreamMessage | null>): Promise<StreamMessage | null> {
    const kept = this.#messages.get(number);
    if (kept !== undefined) {
      this.#messages.delete(number);
      this.#messages.set(number, kept);
      return kept;
    }
    const message = await load();
    if (message !== null && !this.#messages.has(number)) this.#add(message);
    return message;
  }

  #add(message: StreamMessage): void {
    this.#messages.set(message.number, message);
    this.#bytes += bytesOf(message);
    for (const [number, oldest] of this.#messages) {
      if (this.#bytes <= BYTES_MAX) return;
      this.#messages.delete(number);
      this.#bytes -= bytesOf(oldest);
    }
  }
}

/** With what it takes apart from its payload. */
function bytesOf(message: StreamMessage): number {
  return 500 + (message.kind === 'records' ? message.bytes.length : 0);
}
