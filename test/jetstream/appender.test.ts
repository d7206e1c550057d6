/** Servers that refuse a message and show no other in its place, without end: an append ends all the same. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import { Appender } from '../../packages/indelible/src/stores/jetstream/appender.ts';
import { Patience } from '../../packages/indelible/src/stores/jetstream/connection.ts';
import { PassingFault } from '../../packages/indelible/src/stores/jetstream/fault.ts';
import { MessageMap } from '../../packages/indelible/src/stores/jetstream/message-map.ts';
import type { StreamClient } from '../../packages/indelible/src/stores/jetstream/stream.ts';

const PATIENCE_MS = 50;

/** What the stand-in for a stream says of itself. */
interface Counts {
  messages: number;
  first_seq: number;
  last_seq: number;
}

/** More would be without end. */
const PUBLISHED_MAX = 20;

/** The first message gets no answer, and then the stream is another; all later ones are refused, none can be read. */
function refusing(before: Counts, then: Counts): StreamClient {
  let published = 0;
  return {
    connection: {
      place: 'nats://stand-in/S',
      generation: 1,
      patience: () => new Patience(PATIENCE_MS),
      repeat: async (ask: (link: { number: number }) => unknown) => ask({ number: 1 }),
    },
    payloadBytesMax: async (most: number) => most,
    info: async () => ({ state: published === 0 ? before : then }),
    message: async () => null,
    publish: async () => {
      if (published++ === 0) throw new PassingFault(new Error('no answer'), true);
      assert.ok(published < PUBLISHED_MAX, 'it does not end');
      return 'moved';
    },
  } as unknown as StreamClient;
}

for (const [name, end, code, words] of [
  ['as many messages as before', { messages: 5, first_seq: 1, last_seq: 5 }, 'STORE_UNAVAILABLE', /refused/],
  [
    'fewer messages',
    { messages: 3, first_seq: 1, last_seq: 3 },
    'LEDGER_DAMAGED',
    /ends with message 3; it had 5/,
  ],
  ['a gap', { messages: 5, first_seq: 1, last_seq: 6 }, 'LEDGER_DAMAGED', /1 of 6 messages are gone/],
] as const) {
  test(`${name}: ${code}`, async () => {
    const before = { messages: 5, first_seq: 1, last_seq: 5 };
    const appender = new Appender(refusing(before, end), new MessageMap());
    assert.equal((await appender.tail()).number, 5);
    const appended = appender.append(sampleBatch(sampleLines(1)), null);
    await assert.rejects(appended, (error) => {
      assert.ok(isIndelibleError(error, code), String(error));
      assert.match(error.message, words);
      return true;
    });
    await appender.idle();
  });
}
