/**
 * The table of attacks on a ledger in JetStream, by an administrator who makes the stream anew, with the settings that it
 * needs and headers that fit what he put in. Some of them; INDELIBLE_FULL=1 runs them all. What those do who may only
 * publish is in stream.test.ts.
 */
import { after, before } from 'node:test';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { headersOf } from '../../packages/indelible/src/stores/jetstream/message.ts';
import { encodeLines } from '../../packages/indelible/src/stores/jetstream/payload.ts';
import { type NatsCluster, noNats, startNats } from '../support/nats-cluster.ts';
import { FULL } from '../support/runs.ts';
import { inMemory, type Opened } from '../verify/attacks/places.ts';
import { Court, testAttacks } from '../verify/attacks/run.ts';
import { ATTACKS } from '../verify/attacks/table.ts';
import { type State, textOf } from '../verify/attacks/world.ts';
import { type Client, openClient, publishAs } from './support/streams.ts';

const skip = noNats();
/** Several messages, as a ledger that grew has them. */
const LINES_IN_MESSAGE = 60;
/** One attack of so many: each takes a dozen requests for each of five verifiers. */
const SHARE = 12;

let court: Court;
let server: NatsCluster;
let attacker: Client;
let streams = 0;

before(async () => {
  if (skip !== false) return;
  court = await Court.open();
  server = await startNats();
  attacker = await openClient(server.hosts);
});
after(async () => {
  await attacker?.nats.close();
  await server?.stop();
  court?.close();
});

async function place(state: State): Promise<Opened> {
  const stream = `ATTACKED-${++streams}`;
  const open = (read_only: boolean): Promise<LogStore> =>
    openJetStreamStore({ url: server.url(stream), read_only });
  await (await open(false)).close();
  for (let from = 0; from < state.lines.length; from += LINES_IN_MESSAGE) {
    const lines = state.lines.slice(from, from + LINES_IN_MESSAGE);
    const { payload, encoding } = encodeLines(Buffer.from(textOf(lines)));
    const fields = headersOf({
      first_seq: lines[0]!.seq,
      count: lines.length,
      last_hash: lines.at(-1)!.hash,
      part: null,
      encoding,
    });
    await publishAs(attacker, `indelible.${stream}`, fields, payload);
  }
  // What lies beside the log is not this store's business.
  const { stored, close } = await inMemory(state);
  await close();
  const store = await open(true);
  return { store, stored, close: () => store.close() };
}

const some = FULL ? ATTACKS : ATTACKS.filter((_, i) => i % SHARE === 0);
testAttacks('jetstream', () => court, place, skip, some);
