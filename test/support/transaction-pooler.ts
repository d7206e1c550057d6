/**
 * A pooler in transaction mode with one backend for everybody: who begins to talk has it until its transaction ends.
 * Of the protocol it knows where messages end, what asks for an answer, and what ends one.
 *
 * Source:  https://www.postgresql.org/docs/current/protocol-message-formats.html
 */
import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

const AUTHENTICATED = Buffer.from([...Buffer.from('R'), 0, 0, 0, 8, 0, 0, 0, 0]);
const READY = Buffer.from([...Buffer.from('Z'), 0, 0, 0, 5, ...Buffer.from('I')]);
const VERSION_3 = 196_608;

export class TransactionPooler {
  readonly #server: Server;
  readonly #backend: Socket;
  readonly #clients = new Set<Socket>();
  readonly #waiting: { client: Socket; message: Buffer }[] = [];
  #owner: Socket | null = null;
  #answers_due = 0;

  static async start(server_port: number, user: string, database: string): Promise<TransactionPooler> {
    const backend = connect(server_port, '127.0.0.1');
    await once(backend, 'connect');
    const said = Buffer.from(`user\0${user}\0database\0${database}\0client_encoding\0UTF8\0\0`);
    const begin = Buffer.alloc(8);
    begin.writeInt32BE(said.length + 8);
    begin.writeInt32BE(VERSION_3, 4);
    const pooler = new TransactionPooler(backend);
    const ready = pooler.#listenToBackend();
    backend.write(Buffer.concat([begin, said]));
    await ready;
    await once(pooler.#server.listen(0, '127.0.0.1'), 'listening');
    return pooler;
  }

  private constructor(backend: Socket) {
    this.#backend = backend;
    this.#server = createServer((client) => this.#serve(client));
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async close(): Promise<void> {
    this.#backend.destroy();
    for (const client of this.#clients) client.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #listenToBackend(): Promise<void> {
    return new Promise((resolve) => {
      onMessages(this.#backend, (message) => {
        this.#owner?.write(message);
        if (message[0] !== READY[0]) return;
        resolve();
        const is_idle = message[5] === READY[5];
        if (this.#owner !== null && --this.#answers_due === 0 && is_idle) this.#owner = null;
        this.#pass();
      });
    });
  }

  #serve(client: Socket): void {
    this.#clients.add(client);
    client.on('error', () => {});
    client.on('close', () => this.#clients.delete(client));
    client.once('data', () => {
      onMessages(client, (message) => {
        this.#waiting.push({ client, message });
        this.#pass();
      });
      client.write(Buffer.concat([AUTHENTICATED, READY]));
    });
  }

  #pass(): void {
    for (;;) {
      const at = this.#waiting.findIndex(({ client }) => this.#owner === null || client === this.#owner);
      if (at === -1) return;
      const [{ client, message }] = this.#waiting.splice(at, 1) as [{ client: Socket; message: Buffer }];
      const kind = String.fromCharCode(message[0]!);
      // A goodbye is not for the backend.
      if (kind === 'X') continue;
      this.#owner = client;
      if (kind === 'Q' || kind === 'S') this.#answers_due++;
      this.#backend.write(message);
    }
  }
}

/** Each begins with its kind and its length, which counts itself. */
function onMessages(socket: Socket, each: (message: Buffer) => void): void {
  let rest: Buffer = Buffer.alloc(0);
  socket.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length > rest.readInt32BE(1)) {
      const end = rest.readInt32BE(1) + 1;
      each(rest.subarray(0, end));
      rest = rest.subarray(end);
    }
  });
}
