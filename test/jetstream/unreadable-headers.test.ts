/** Messages whose headers no client can read: servers store them, and they stop nobody. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openStreamAttachments } from '../../packages/indelible/src/attachments/stream.ts';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { noNats, startNats } from '../support/nats-cluster.ts';
import { publishRaw } from './support/raw-publish.ts';

const skip = noNats();
const server = skip === false ? await startNats() : null;
after(() => server?.stop());
let streams = 0;

const UNREADABLE: Record<string, string> = {
  'a blank in a name': 'bad key: x',
  'a bare line feed in a value': 'X-A: one\ntwo',
  'a name that is not ASCII': 'X-Ä: y',
  'no name': ': y',
};

for (const [name, fields] of Object.entries(UNREADABLE)) {
  test(`${name}: the message is passed over, and reading says so`, { skip }, async () => {
    const stream = `HEADERS-${++streams}`;
    const store = await openJetStreamStore({ url: server!.url(stream) });
    const lines = sampleLines(3);
    await store.append(sampleBatch(lines.slice(0, 2)), null);
    await publishRaw(server!.nodes[0]!.port, `indelible.${stream}`, fields);
    const { seq, hash } = lines[1]!;
    assert.deepEqual(await store.head(), { seq, hash });
    await store.append(sampleBatch(lines.slice(2)), { seq, hash });
    const seen: number[] = [];
    await assert.rejects(
      async () => {
        for await (const { first_seq, ends } of store.read(0)) seen.push(first_seq, ends.length);
      },
      (error) =>
        isIndelibleError(error, 'LEDGER_DAMAGED') && /message 2 is not a ledger's/.test(error.message),
    );
    assert.deepEqual(seen, [0, 2, 2, 1], 'all records were read before that');
    await store.close();
  });

  test(`${name}: it hides no attachment`, { skip }, async () => {
    const stream = `HEADERS-${++streams}`;
    const store = openStreamAttachments({ url: server!.url(stream) });
    const first = await store.put(Buffer.from('first'));
    const hex = first.slice('sha-256:'.length);
    for (const subject of [`${hex}.part`, hex])
      await publishRaw(server!.nodes[0]!.port, `indelible.${stream}.attachments.${subject}`, fields);
    assert.equal(Buffer.from(await store.get(first)).toString(), 'first');
    const other = `sha-256:${'ab'.repeat(32)}`;
    await publishRaw(server!.nodes[0]!.port, `indelible.${stream}.attachments.${'ab'.repeat(32)}`, fields);
    await assert.rejects(store.get(other), (error) => isIndelibleError(error, 'ATTACHMENT_ALTERED'));
    await store.close();
  });
}
