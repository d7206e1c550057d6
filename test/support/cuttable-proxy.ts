/**
 * A TCP proxy that can be cut: for partitions between servers that go on running.
 */
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

export class CuttableProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #waiting: Socket[] = [];
  #target: number | null = null;
  #cut = false;

  private constructor(server: Server) {
    this.#server = server;
    server.on('connection', (socket) => this.#accept(socket));
  }

  /** Listens on a free port of this machine; connections wait until `leadTo`: who is refused tries again a second later. */
  static async listen(): Promise<CuttableProxy> {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new CuttableProxy(server);
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  leadTo(port: number): void {
    this.#target = port;
    for (const near of this.#waiting.splice(0)) this.#connect(near, port);
  }

  /** Ends all connections and refuses new ones. */
  cut(): void {
    this.#cut = true;
    this.#destroyAll();
  }

  heal(): void {
    this.#cut = false;
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(near: Socket): void {
    if (this.#cut) near.destroy();
    else if (this.#target !== null) this.#connect(near, this.#target);
    else {
      this.#sockets.add(near);
      near.on('error', () => {});
      this.#waiting.push(near);
    }
  }

  #connect(near: Socket, port: number): void {
    const far = connect({ port, host: '127.0.0.1', noDelay: true });
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      // A reset on one side is one on the other.
      socket.on('error', () => other.destroy());
      socket.on('close', () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }

  #destroyAll(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
