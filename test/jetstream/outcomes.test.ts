/** Appends whose answer does not come: landed, lost, or landing later. */
import assert from 'node:assert/strict';
import { after, suite, type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import {
  type SampleLine,
  sampleBatch,
  sampleLines,
} from '../../packages/indelible/src/stores/conformance.ts';
import type { Head, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { noNats, startNats } from '../support/nats-cluster.ts';
import { FaultyLink, type LinkFault } from './support/faulty-link.ts';
import { readAll, withClient } from './support/streams.ts';

const skip = noNats();
const server = skip === false ? await startNats({ settings: 'max_payload: 96KB' }) : null;
after(() => server?.stop());
/** Patience for what passes; and for what does not. */
const TIMES = { patience_ms: 5000, answer_ms: 100 };
const SHORT = { patience_ms: 300, answer_ms: 100 };
let streams = 0;

interface Stage {
  /** Connected through the link. */
  readonly store: LogStore;
  readonly link: FaultyLink;
  /** Connected directly. */
  readonly witness: LogStore;
  readonly stream: string;
  /** Records 0 and 1, which are stored. */
  readonly start: readonly SampleLine[];
}

async function stage(
  t: TestContext,
  { times = TIMES, duplicate_window_ms }: { times?: typeof TIMES; duplicate_window_ms?: number } = {},
): Promise<Stage> {
  const stream = `OUTCOME-${++streams}`;
  const link = await FaultyLink.to(server!.nodes[0]!.port);
  const store = await openJetStreamStore({
    url: `nats://127.0.0.1:${link.port}/${stream}?replicas=1`,
    times,
  });
  const witness = await openJetStreamStore({ url: server!.url(stream) });
  t.after(async () => {
    link.heal();
    await store.close();
    await witness.close();
    await link.close();
  });
  if (duplicate_window_ms !== undefined) {
    await withClient(server!.hosts, ({ manager }) =>
      manager.streams.update(stream, { duplicate_window: duplicate_window_ms * 1e6 }),
    );
  }
  const start = sampleLines(2);
  await store.append(sampleBatch(start), null);
  return { store, link, witness, stream, start };
}

function headOf(lines: readonly SampleLine[]): Head {
  const { seq, hash } = lines.at(-1)!;
  return { seq, hash };
}

/** A batch of one message, or of several. */
const SIZES = { 'one message': 3, 'several messages': 600 } as const;

// Nearly all of their time is waiting.
suite('appends without an answer', { concurrency: 8 }, () => {
  for (const [size, count] of Object.entries(SIZES)) {
    for (const fault of ['requests lost', 'answers lost', 'requests held'] as LinkFault[]) {
      test(`${size}, ${fault}, then another connection: stored once`, { skip }, async (t) => {
        const { store, link, witness, start } = await stage(t);
        const more = sampleLines(count, { after: start[1] });
        link.fail(fault);
        await store.append(sampleBatch(more), headOf(start));
        assert.deepEqual(await store.head(), headOf(more));
        // What was held back arrives twice then.
        link.release();
        const last = sampleLines(1, { after: more.at(-1) });
        await store.append(sampleBatch(last), headOf(more));
        assert.deepEqual(
          await readAll(witness),
          [...start, ...more, ...last].map(({ text }) => text),
        );
      });
    }
  }

  test('landed, the answer lost, and the server has forgotten the id: found by its place', {
    skip,
  }, async (t) => {
    // The shortest that the server takes; the second try comes later.
    const { store, link, witness, start } = await stage(t, { duplicate_window_ms: 100 });
    const more = sampleLines(3, { after: start[1] });
    link.fail('answers lost');
    await store.append(sampleBatch(more), headOf(start));
    assert.deepEqual(
      await readAll(witness),
      [...start, ...more].map(({ text }) => text),
    );
  });

  test('landed, the answer lost, and another writer appended behind it', { skip }, async (t) => {
    const { store, link, witness, start } = await stage(t, { duplicate_window_ms: 100 });
    const more = sampleLines(3, { after: start[1] });
    const others = sampleLines(2, { after: more[2], note: 'other' });
    link.fail('answers lost', { also_later: true });
    const appended = store.append(sampleBatch(more), headOf(start));
    while ((await witness.head())!.seq < 4) await new Promise(setImmediate);
    await witness.append(sampleBatch(others), headOf(more));
    link.heal();
    await appended;
    assert.deepEqual(await store.head(), headOf(others));
    assert.deepEqual(
      await readAll(witness),
      [...start, ...more, ...others].map(({ text }) => text),
    );
  });

  test('another writer took the place meanwhile: HEAD_MOVED, and nothing is stored', { skip }, async (t) => {
    const { store, link, witness, start } = await stage(t);
    const more = sampleLines(3, { after: start[1] });
    const others = sampleLines(2, { after: start[1], note: 'other' });
    link.fail('requests lost', { also_later: true });
    const appended = store.append(sampleBatch(more), headOf(start));
    await witness.append(sampleBatch(others), headOf(start));
    link.heal();
    await assert.rejects(appended, (error) => {
      assert.ok(isIndelibleError(error, 'HEAD_MOVED'), String(error));
      assert.deepEqual(error.details, { head: headOf(others) });
      return true;
    });
    assert.deepEqual(
      await readAll(witness),
      [...start, ...others].map(({ text }) => text),
    );
  });

  for (const fault of ['answers lost', 'requests lost', 'requests held'] as const) {
    for (const [size, count] of Object.entries(SIZES)) {
      test(`${size}, no answer in all our patience (${fault}): unavailable, then head() goes on`, {
        skip,
      }, async (t) => {
        const { store, link, witness, start } = await stage(t, { times: SHORT });
        const more = sampleLines(count, { after: start[1] });
        const follower = sampleLines(1, { after: more.at(-1) });
        link.fail(fault, { also_later: true });
        const appended = store.append(sampleBatch(more), headOf(start));
        const followed = store.append(sampleBatch(follower), headOf(more));
        await assert.rejects(appended, isUnavailable);
        await assert.rejects(followed, (error) => isIndelibleError(error, 'HEAD_MOVED'));
        await assert.rejects(store.head(), isUnavailable);
        link.heal();
        assert.deepEqual(await store.head(), headOf(more));
        // What was held back comes late: it must not be stored again.
        link.release();
        const next = sampleLines(2, { after: more.at(-1), note: 'next' });
        await store.append(sampleBatch(next), headOf(more));
        assert.deepEqual(
          await readAll(witness),
          [...start, ...more, ...next].map(({ text }) => text),
        );
      });
    }
  }

  test('of unknown outcome, and meanwhile another writer took the place: head() says so for good', {
    skip,
  }, async (t) => {
    const { store, link, witness, start } = await stage(t, { times: SHORT });
    const more = sampleLines(3, { after: start[1] });
    const others = sampleLines(2, { after: start[1], note: 'other' });
    link.fail('requests held', { also_later: true });
    await assert.rejects(store.append(sampleBatch(more), headOf(start)), isUnavailable);
    await witness.append(sampleBatch(others), headOf(start));
    link.heal();
    assert.deepEqual(await store.head(), headOf(others));
    link.release();
    const next = sampleLines(1, { after: others[1], note: 'next' });
    await store.append(sampleBatch(next), headOf(others));
    assert.deepEqual(
      await readAll(witness),
      [...start, ...others, ...next].map(({ text }) => text),
    );
  });
});

function isUnavailable(error: unknown): boolean {
  assert.ok(isIndelibleError(error, 'STORE_UNAVAILABLE'), String(error));
  return true;
}
