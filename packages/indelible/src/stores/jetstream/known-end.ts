/**
 * The end of a stream as a process that has it open knows it, and the connection that bore it out.
 *
 * Servers that lost messages come back over another connection, and others may have filled the stream up to the same
 * number by then. So nothing is sent, and no end believed, over a connection that has not shown the last record that we
 * know: a message number alone says nothing about what lies there.
 *
 * Errors:  LEDGER_DAMAGED when what was there is gone; STORE_UNAVAILABLE.
 */
import type { Patience } from './connection.ts';
import { PassingFault, unavailable } from './fault.ts';
import type { StreamClient } from './stream.ts';
import { EMPTY, findTail, type Tail } from './tail.ts';

export class KnownEnd {
  readonly #stream: StreamClient;
  #tail: Tail = EMPTY;
  /** The number of the connection that has shown `tail`. */
  #link = 0;
  #finding: Promise<unknown> | null = null;

  constructor(stream: StreamClient) {
    this.#stream = stream;
  }

  /** As it was when it was last looked for, or learned of. */
  get tail(): Tail {
    return this.#tail;
  }

  /** The connection of now has shown it. */
  get confirmed(): boolean {
    return this.#link === this.#stream.connection.generation;
  }

  /** Asks the servers for the end. */
  async find(patience: Patience): Promise<Tail> {
    const { connection } = this.#stream;
    for (;;) {
      const link = await connection.repeat(async ({ number }) => number, patience);
      const known = this.#tail;
      const tail = await findTail(this.#stream, known, { shown: link === this.#link, patience });
      if (connection.generation === link) {
        if (this.#tail === known || tail.number > this.#tail.number) this.#set(tail, link);
        return tail;
      }
      // Some of the answers may have come over a connection that has shown nothing of what we know.
      if (patience.over)
        throw unavailable(connection.place, new PassingFault(new Error('the connection broke')));
      await patience.pause();
    }
  }

  /** The number of a connection that has shown the end; what follows that may be sent over it, and over no other. */
  async link(patience: Patience): Promise<number> {
    if (!this.confirmed) {
      // Once for all parts of a batch.
      this.#finding ??= this.find(patience).finally(() => {
        this.#finding = null;
      });
      await this.#finding;
    }
    return this.#link;
  }

  /** What was appended over this connection. */
  learn(tail: Tail, link: number): void {
    if (tail.number > this.#tail.number) this.#set(tail, link);
  }

  #set(tail: Tail, link: number): void {
    this.#tail = tail;
    this.#link = link;
  }
}
