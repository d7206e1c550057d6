/**
 * A wire between a client and a server that can be cut, and can go silent in either direction.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

interface Wire {
  readonly client: Socket;
  readonly server: Socket;
  abandoned: boolean;
}

export class TcpProxy {
  readonly #listener: Server;
  readonly #wires = new Set<Wire>();
  readonly #port: number;
  #silent = { towards_server: false, towards_client: false };

  /** A proxy to this port of this machine. */
  static async start(port: number): Promise<TcpProxy> {
    const proxy = new TcpProxy(port);
    proxy.#listener.listen(0, '127.0.0.1');
    await once(proxy.#listener, 'listening');
    return proxy;
  }

  private constructor(port: number) {
    this.#port = port;
    this.#listener = createServer((client) => this.#connect(client));
  }

  get port(): number {
    return (this.#listener.address() as AddressInfo).port;
  }

  /** From now on bytes in these directions are kept: both ends believe that all is well. */
  silence(directions: { towards_server?: boolean; towards_client?: boolean }): void {
    this.#silent = { ...this.#silent, ...directions };
  }

  /** Passes on again what comes, on wires made from now on. */
  restore(): void {
    this.#silent = { towards_server: false, towards_client: false };
  }

  /** Ends every connection, politely or with a reset. Kept bytes are gone. */
  cut(how: 'end' | 'reset' = 'reset'): void {
    for (const { client, server } of this.#wires) {
      for (const socket of [client, server]) {
        if (how === 'reset') socket.resetAndDestroy();
        else socket.destroy();
      }
    }
    this.#wires.clear();
  }

  /** Ends only the client's side: the server does not learn that nobody is there any more. */
  abandon(): void {
    for (const wire of this.#wires) {
      wire.abandoned = true;
      wire.client.resetAndDestroy();
    }
  }

  async close(): Promise<void> {
    this.cut();
    this.#listener.close();
    await once(this.#listener, 'close');
  }

  #connect(client: Socket): void {
    const server = connect(this.#port, '127.0.0.1');
    const wire: Wire = { client, server, abandoned: false };
    this.#wires.add(wire);
    client.on('data', (bytes) => {
      if (!this.#silent.towards_server) server.write(bytes);
    });
    server.on('data', (bytes) => {
      if (!this.#silent.towards_client) client.write(bytes);
    });
    // One that goes takes the other with it.
    server.on('close', () => client.destroy());
    client.on('close', () => {
      if (!wire.abandoned) server.destroy();
    });
    for (const socket of [client, server]) socket.on('error', () => {});
  }
}
