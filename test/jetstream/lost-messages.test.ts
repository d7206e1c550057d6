/** Servers that come back without what they had acknowledged, while a writer is open: nobody builds on what is gone. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import {
  type SampleLine,
  sampleBatch,
  sampleLines,
} from '../../packages/indelible/src/stores/conformance.ts';
import type { Head, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { noNats, startNats } from '../support/nats-cluster.ts';
import { FaultyLink } from './support/faulty-link.ts';
import { RestoredServer } from './support/restored-server.ts';

const skip = noNats();
const TIMES = { patience_ms: 1000, answer_ms: 500 };
const STREAM = 'LOST';

interface Stage {
  readonly store: LogStore;
  readonly link: FaultyLink;
  /** Comes back with the first two of four records. */
  readonly server: RestoredServer;
  /** Connected directly. */
  open(): Promise<LogStore>;
  /** Four records that were acknowledged, in a message each, and one more. */
  readonly lines: readonly SampleLine[];
}

async function stage(t: TestContext): Promise<Stage> {
  const cluster = await startNats();
  t.after(() => cluster.stop());
  const link = await FaultyLink.to(cluster.nodes[0]!.port);
  t.after(() => link.close());
  const url = `nats://127.0.0.1:${link.port}/${STREAM}?replicas=1`;
  const store = await openJetStreamStore({ url, times: TIMES });
  t.after(() => store.close());
  const lines = sampleLines(5);
  const server = new RestoredServer(cluster.nodes[0]!);
  for (let i = 0; i < 4; i++) {
    if (i === 2) await server.keep();
    await store.append(sampleBatch([lines[i]!]), headOf(lines[i - 1]));
  }
  const open = async (): Promise<LogStore> => {
    const other = await openJetStreamStore({ url: cluster.url(STREAM), times: TIMES });
    t.after(() => other.close());
    return other;
  };
  return { store, link, server, open, lines };
}

function headOf(line: SampleLine | undefined): Head | null {
  return line === undefined ? null : { seq: line.seq, hash: line.hash };
}

const says = (code: Parameters<typeof isIndelibleError>[1], words: RegExp) => (error: unknown) => {
  assert.ok(isIndelibleError(error, code), String(error));
  assert.match(error.message, words);
  return true;
};

test('with an append in doubt: head() says so instead of asking for ever, and the store can be closed', {
  skip,
  timeout: 60_000,
}, async (t) => {
  const { store, link, server, lines } = await stage(t);
  link.fail('requests lost', { also_later: true });
  await assert.rejects(
    store.append(sampleBatch([lines[4]!]), headOf(lines[3])),
    says('STORE_UNAVAILABLE', /no answer/),
  );
  await server.restore();
  link.heal();
  const shorter = says('LEDGER_DAMAGED', /ends with message 2; it had 4 messages before/);
  await assert.rejects(store.head(), shorter);
  await assert.rejects(store.append(sampleBatch([lines[4]!]), headOf(lines[3])), shorter);
  await store.close();
});

for (const [filled, count] of Object.entries({ 'to the same number': 2, 'beyond it': 3 })) {
  test(`and another writer has filled the stream up ${filled}: an open writer acknowledges nothing`, {
    skip,
  }, async (t) => {
    const { store, server, open, lines } = await stage(t);
    await server.restore();
    const other = await open();
    const others = sampleLines(count, { after: lines[1], note: 'other' });
    for (const [i, line] of others.entries())
      await other.append(sampleBatch([line]), headOf(others[i - 1] ?? lines[1]));
    const replaced = says('LEDGER_DAMAGED', /message 4 does not end with record 3, [0-9a-f]{64}, as it did/);
    await assert.rejects(store.append(sampleBatch([lines[4]!]), headOf(lines[3])), replaced);
    await assert.rejects(store.head(), replaced);
    await store.close();
    assert.deepEqual(await other.head(), headOf(others.at(-1)));
  });
}

test('while an append is on its way: what it was to follow is looked for before it is sent again', {
  skip,
}, async (t) => {
  const { store, link, server, open, lines } = await stage(t);
  link.fail('requests lost', { also_later: true });
  const tail = sampleBatch([lines[4]!]);
  await assert.rejects(store.append(tail, headOf(lines[3])), says('STORE_UNAVAILABLE', /no answer/));
  await server.restore();
  const other = await open();
  const others = sampleLines(2, { after: lines[1], note: 'other' });
  for (const [i, line] of others.entries())
    await other.append(sampleBatch([line]), headOf(others[i - 1] ?? lines[1]));
  link.heal();
  await assert.rejects(store.head(), says('LEDGER_DAMAGED', /message 4 does not end with record 3/));
  assert.deepEqual(await other.head(), headOf(others[1]));
});

test('a connection that breaks and nothing else: the open writer goes on', { skip }, async (t) => {
  const { store, server, lines } = await stage(t);
  await server.keep();
  await store.append(sampleBatch([lines[4]!]), headOf(lines[3]));
  assert.deepEqual(await store.head(), headOf(lines[4]));
});
