/** A client of our own beside the store, as an administrator or an attacker has one. */
import { type JetStreamClient, type JetStreamManager, jetstream, jetstreamManager } from '@nats-io/jetstream';
import { connect, headers, type NatsConnection } from '@nats-io/transport-node';
import type { LogStore } from '../../../packages/indelible/src/stores/contract.ts';

export interface Client {
  readonly nats: NatsConnection;
  readonly publisher: JetStreamClient;
  readonly manager: JetStreamManager;
}

export async function openClient(hosts: string): Promise<Client> {
  const nats = await connect({ servers: hosts.split(',') });
  return { nats, publisher: jetstream(nats), manager: await jetstreamManager(nats) };
}

export async function withClient<T>(hosts: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = await openClient(hosts);
  try {
    return await work(client);
  } finally {
    await client.nats.close();
  }
}

/** Publishes past the store. */
export async function publishAs(
  { publisher }: Client,
  subject: string,
  fields: Readonly<Record<string, string>>,
  payload: string | Uint8Array,
): Promise<void> {
  const sent = headers();
  for (const [name, value] of Object.entries(fields)) sent.set(name, value);
  await publisher.publish(subject, payload, { headers: sent });
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
