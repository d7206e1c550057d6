/** A client of our own beside the store, as an administrator or an attacker has one. */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, type NatsConnection } from '@nats-io/transport-node';
import type { LogStore } from '../../../packages/indelible/src/stores/contract.ts';

export interface Client {
  readonly nats: NatsConnection;
  readonly publisher: JetStreamClient;
  readonly manager: JetStreamManager;
}

export async function withClient<T>(hosts: string, work: (client: Client) => Promise<T>): Promise<T> {
  const nats = await connect({ servers: hosts.split(',') });
  try {
    return await work({ nats, publisher: jetstream(nats), manager: await jetstreamManager(nats) });
  } finally {
    await nats.close();
  }
}

/** All lines, as text. */
export async function readAll(store: LogStore): Promise<string[]> {
  const lines: string[] = [];
  for await (const { bytes, ends } of store.read(0)) {
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      lines.push(Buffer.from(bytes.subarray(start, ends[i])).toString());
      start = ends[i]!;
    }
  }
  return lines;
}
