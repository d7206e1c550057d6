/**
 * A server that lost what it stored last, as after a power cut: its data as they were when they were kept. Connections
 * break meanwhile, as they do then.
 */
import { cpSync, rmSync } from 'node:fs';
import type { NatsNode } from '../../support/nats-cluster.ts';

export class RestoredServer {
  readonly #node: NatsNode;

  constructor(node: NatsNode) {
    this.#node = node;
  }

  /** Everything that is stored by now is there when it is restored. */
  async keep(): Promise<void> {
    await this.#offline(() => cpSync(this.#node.data, this.#kept, { recursive: true }));
  }

  /** Only what was stored when it was kept. */
  async restore(): Promise<void> {
    await this.#offline(() => {
      rmSync(this.#node.data, { recursive: true });
      cpSync(this.#kept, this.#node.data, { recursive: true });
    });
  }

  /** In the server's folder, and so removed with it. */
  get #kept(): string {
    return `${this.#node.data}-kept`;
  }

  async #offline(work: () => void): Promise<void> {
    await this.#node.shutDown();
    work();
    await this.#node.start();
    await this.#node.healthy();
  }
}
