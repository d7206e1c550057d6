/**
 * The way from a client to a server, with faults made to order: what is asked is lost, or held back and delivered later;
 * or it arrives and the answer is lost.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export type LinkFault = 'none' | 'requests lost' | 'requests held' | 'answers lost';

export class FaultyLink {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #held: (() => void)[] = [];
  #connections = 0;
  /** By connection: a fault may be over for those that are made later. */
  #faults: { readonly fault: LinkFault; readonly up_to: number } = { fault: 'none', up_to: 0 };

  private constructor(server: Server, port: number) {
    this.#server = server;
    server.on('connection', (near) => this.#accept(near, port));
  }

  static async to(port: number): Promise<FaultyLink> {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new FaultyLink(server, port);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  /** From now on, for the connections there are; those made later are sound unless `also_later`. */
  fail(fault: LinkFault, { also_later = false } = {}): void {
    this.#faults = { fault, up_to: also_later ? Number.POSITIVE_INFINITY : this.#connections };
  }

  heal(): void {
    this.#faults = { fault: 'none', up_to: 0 };
  }

  /** Delivers what was held back, also of connections that the client has given up. */
  release(): void {
    for (const deliver of this.#held.splice(0)) deliver();
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(near: Socket, port: number): void {
    const number = ++this.#connections;
    const fault = (): LinkFault => (number <= this.#faults.up_to ? this.#faults.fault : 'none');
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    for (const socket of [near, far]) {
      this.#sockets.add(socket);
      socket.on('error', () => {});
      socket.on('close', () => this.#sockets.delete(socket));
    }
    near.on('data', (bytes) => {
      if (fault() === 'requests held') this.#held.push(() => far.write(bytes));
      else if (fault() !== 'requests lost') far.write(bytes);
    });
    far.on('data', (bytes) => {
      if (fault() !== 'answers lost') near.write(bytes);
    });
    near.on('close', () => {
      if (this.#held.length === 0) far.destroy();
    });
    far.on('close', () => near.destroy());
  }
}
