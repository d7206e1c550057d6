/** Publishes what no client would: a block of headers as it is. */
import { once } from 'node:events';
import { connect } from 'node:net';

/** `fields`: what follows the line `NATS/1.0`. Resolves when the stream has it; rejects when the server refuses it. */
export async function publishRaw(port: number, subject: string, fields: string, payload = ''): Promise<void> {
  const socket = connect(port, '127.0.0.1');
  try {
    await once(socket, 'data');
    const headers = Buffer.from(`NATS/1.0\r\n${fields}\r\n\r\n`);
    const sizes = `${headers.length} ${headers.length + Buffer.byteLength(payload)}`;
    socket.write('CONNECT {"verbose":false,"headers":true,"no_responders":true}\r\nSUB _INBOX.raw 1\r\n');
    socket.write(`HPUB ${subject} _INBOX.raw ${sizes}\r\n${headers}${payload}\r\n`);
    const answer = String((await once(socket, 'data'))[0]);
    if (!answer.includes('"seq"')) throw new Error(`the server said ${answer}`);
  } finally {
    socket.destroy();
  }
}
