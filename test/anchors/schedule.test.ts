/** When checkpoints are anchored. The clock and the timers are the test's own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import type {
  Anchor,
  AnchorReceipt,
  CheckpointToAnchor,
} from '../../packages/indelible/src/anchors/contract.ts';
import { retryPause } from '../../packages/indelible/src/anchors/schedule/decide.ts';
import {
  type AnchoringEvent,
  AnchorScheduler,
  type SchedulerOptions,
} from '../../packages/indelible/src/anchors/schedule.ts';
import { CLOCK_START } from './support.ts';

const [MINUTE, HOUR, DAY] = [60_000, 3_600_000, 86_400_000];

/** Lets everything run that can run without time passing. */
async function settle(): Promise<void> {
  for (let i = 0; i < 20; i++) await new Promise(setImmediate);
}

/** A clock that moves when told, and timers that go off as it does. */
class Time {
  now = CLOCK_START;
  #timers = new Map<number, { at: number; run: () => void }>();
  #next = 0;
  readonly clock = () => this.now;
  readonly timers = {
    set: (ms: number, run: () => void) => {
      assert.ok(ms >= 0 && ms < 2 ** 31, `setTimeout cannot wait ${ms} ms`);
      this.#timers.set(++this.#next, { at: this.now + ms, run });
      return this.#next;
    },
    clear: (timer: unknown) => void this.#timers.delete(timer as number),
  };
  get waiting(): number {
    return this.#timers.size;
  }
  async pass(ms: number): Promise<void> {
    const end = this.now + ms;
    for (;;) {
      await settle();
      const due = [...this.#timers].filter(([, { at }]) => at <= end).sort(([, a], [, b]) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#timers.delete(due[0]);
      this.now = due[1].at;
      due[1].run();
    }
    this.now = end;
    await settle();
  }
}

/** A ledger as far as the scheduler knows one: records, each in a checkpoint at once. */
class Ledger {
  records: ((AnchoringEvent & { at: number }) | { action: string; at: number })[] = [];
  branch = 'main';
  readonly #time: Time;
  constructor(time: Time, records = 1) {
    this.#time = time;
    this.add(records);
  }
  add(count = 1): void {
    for (let i = 0; i < count; i++) this.records.push({ action: 'x', at: this.#time.now });
  }
  get anchoring(): (AnchoringEvent & { at: number })[] {
    return this.records.filter(({ action }) => action.startsWith('ledger.anchor')) as never;
  }
  readonly source: SchedulerOptions['source'] = {
    latest: async (): Promise<CheckpointToAnchor | null> =>
      this.records.length === 0 ? null : sampleCheckpoint(this.records.length, { branch: this.branch }),
    record: async (event) => {
      this.records.push({ ...event, at: this.#time.now });
    },
    history: async (anchor) => {
      const mine = this.anchoring.filter(({ data }) => data.anchor === anchor).reverse();
      const anchored = mine.find((one) => one.action === 'ledger.anchored');
      const newest = mine[0];
      return {
        anchored: anchored === undefined ? null : { ...anchored.data, at: anchored.at },
        failed: newest?.action === 'ledger.anchor_failed' ? { ...newest.data, at: newest.at } : null,
      };
    },
    anchoringRecords: async (from, to) =>
      this.records.slice(from, to).filter(({ action }) => action.startsWith('ledger.anchor')).length,
  };
}

class FakeAnchor implements Anchor {
  readonly name: string;
  readonly kind = 'file';
  published: number[] = [];
  fault: unknown = null;
  hold: Promise<void> | null = null;
  attempts = 0;
  constructor(name = 'file:a') {
    this.name = name;
  }
  async publish({ size }: CheckpointToAnchor): Promise<AnchorReceipt> {
    this.attempts++;
    if (this.hold !== null) await this.hold;
    if (this.fault !== null) throw this.fault;
    this.published.push(size);
    return { anchored_at: null, evidence: { size } };
  }
  async check() {
    return { ok: true, time: 'asserted', anchored_at: null, detail: '' } as const;
  }
  async close() {}
}

function setUp(options: Partial<SchedulerOptions> = {}, records = 10) {
  const time = new Time();
  const ledger = new Ledger(time, records);
  const anchor = new FakeAnchor();
  const make = () =>
    new AnchorScheduler({
      source: ledger.source,
      anchors: [anchor],
      clock: time.clock,
      timers: time.timers,
      ...options,
    });
  return { time, ledger, anchor, make, scheduler: make() };
}

const away = () => new IndelibleError('ANCHOR_UNAVAILABLE', 'file:a is away');

test('each anchoring is a record: anchor, kind, size, root and receipt', async () => {
  const { ledger, scheduler } = setUp();
  const [outcome] = await scheduler.anchorNow();
  const data = {
    anchor: 'file:a',
    kind: 'file',
    size: 10,
    root: sampleCheckpoint(10).root,
    receipt: { anchored_at: null, evidence: { size: 10 } },
  };
  assert.deepEqual(ledger.anchoring, [{ action: 'ledger.anchored', outcome: 'ok', data, at: CLOCK_START }]);
  assert.deepEqual(outcome, { result: 'anchored', ...data });
  assert.deepEqual(scheduler.status, [
    {
      anchor: 'file:a',
      kind: 'file',
      last_anchored_size: 10,
      last_anchored_at: CLOCK_START,
      failing_since: null,
      error: null,
      next_at: null,
    },
  ]);
});

test('a new anchor goes at once, then daily while something is recorded', async () => {
  const { time, ledger, anchor, scheduler } = setUp();
  await scheduler.start();
  await time.pass(0);
  assert.deepEqual(anchor.published, [10]);
  for (let day = 1; day <= 3; day++) {
    ledger.add(5);
    await time.pass(DAY - 1);
    assert.equal(anchor.published.length, day);
    await time.pass(1);
    assert.equal(anchor.published.length, day + 1);
  }
  assert.deepEqual(anchor.published, [10, 16, 22, 28]);
  assert.equal(scheduler.status[0]?.next_at, time.now + DAY);
  await scheduler.close();
  assert.equal(time.waiting, 0, 'no timer is left');
});

test('records of anchoring are no news: an idle ledger does not feed itself', async () => {
  const second = new FakeAnchor('file:b');
  const { time, ledger, anchor, make } = setUp();
  const anchors = [anchor, second];
  const scheduler = make();
  await scheduler.close();
  const both = new AnchorScheduler({
    source: ledger.source,
    anchors,
    clock: time.clock,
    timers: time.timers,
  });
  await both.start();
  await time.pass(100 * DAY);
  assert.deepEqual([anchor.published.length, second.published.length, ledger.records.length], [1, 1, 12]);
  assert.deepEqual(
    (await both.anchorNow()).map(({ result }) => result),
    ['nothing_new', 'nothing_new'],
  );
  ledger.add();
  await time.pass(DAY);
  assert.deepEqual([anchor.published.at(-1), ledger.records.length], [13, 15]);
  await both.close();
});

test('an outage is retried with growing pauses, recorded once, and seen in the status until it ends', async () => {
  const { time, ledger, anchor, scheduler } = setUp();
  anchor.fault = away();
  await scheduler.start();
  await time.pass(0);
  const times = [time.now];
  for (let attempts = 1; attempts < 10; ) {
    await time.pass(MINUTE);
    if (anchor.attempts > attempts) {
      attempts = anchor.attempts;
      times.push(time.now);
    }
  }
  const pauses = times.slice(1).map((at, i) => (at - times[i]!) / MINUTE);
  assert.deepEqual(pauses, [1, 2, 4, 8, 16, 32, 60, 60, 60]);
  assert.deepEqual(ledger.anchoring, [
    {
      action: 'ledger.anchor_failed',
      outcome: 'error',
      data: { anchor: 'file:a', size: 10, code: 'ANCHOR_UNAVAILABLE', message: 'file:a is away' },
      at: CLOCK_START,
    },
  ]);
  const [status] = scheduler.status;
  assert.equal(status?.failing_since, CLOCK_START);
  assert.deepEqual(status?.error, { code: 'ANCHOR_UNAVAILABLE', message: 'file:a is away' });
  anchor.fault = null;
  await time.pass(HOUR);
  assert.deepEqual([anchor.published, scheduler.status[0]?.failing_since], [[11], null]);
  // The next outage is another one, and starts with short pauses again.
  anchor.fault = away();
  ledger.add();
  const attempts = anchor.attempts;
  await time.pass(DAY + MINUTE);
  assert.equal(ledger.anchoring.filter(({ action }) => action === 'ledger.anchor_failed').length, 2);
  assert.ok(anchor.attempts >= attempts + 2);
  await scheduler.close();
});

test('a conflict within an outage is a record of its own', async () => {
  const { time, ledger, anchor, scheduler } = setUp();
  anchor.fault = away();
  await scheduler.start();
  await time.pass(HOUR);
  anchor.fault = new IndelibleError('ANCHOR_CONFLICT', 'file:a holds another root');
  await time.pass(DAY);
  assert.deepEqual(
    ledger.anchoring.map(({ data }) => 'code' in data && data.code),
    ['ANCHOR_UNAVAILABLE', 'ANCHOR_CONFLICT'],
  );
  await scheduler.close();
});

test('after a restart it goes on where the records say that it was', async () => {
  const { time, ledger, anchor, scheduler, make } = setUp();
  await scheduler.start();
  await time.pass(HOUR);
  await scheduler.close();
  ledger.add();
  const again = make();
  await again.start();
  await time.pass(0);
  assert.deepEqual([anchor.published, again.status[0]?.last_anchored_size], [[10], 10]);
  assert.equal(again.status[0]?.next_at, CLOCK_START + DAY);
  await time.pass(23 * HOUR);
  assert.deepEqual(anchor.published, [10, 12]);
  // In an outage: one record, however often the process restarts.
  ledger.add();
  anchor.fault = away();
  await again.anchorNow();
  await again.close();
  for (let i = 0; i < 3; i++) {
    const one = make();
    await one.start();
    assert.equal(one.status[0]?.failing_since, time.now - i * MINUTE);
    await time.pass(MINUTE);
    await one.close();
  }
  assert.equal(ledger.anchoring.filter(({ action }) => action === 'ledger.anchor_failed').length, 1);
});

test('pitfall 11: a log that is shorter than what was anchored, or has another root, is a conflict', async () => {
  for (const tamper of [
    (ledger: Ledger) => ledger.records.splice(9),
    (ledger: Ledger) => {
      ledger.records.splice(10);
      ledger.branch = 'rewritten';
    },
  ]) {
    const { ledger, anchor, scheduler } = setUp();
    await scheduler.anchorNow();
    tamper(ledger);
    const [outcome] = await scheduler.anchorNow();
    assert.ok(outcome?.result === 'failed' && outcome.code === 'ANCHOR_CONFLICT', JSON.stringify(outcome));
    assert.match(outcome.message, /rewound or rewritten/);
    assert.equal(anchor.published.length, 1, 'nothing is published');
    assert.equal(ledger.anchoring.at(-1)?.action, 'ledger.anchor_failed');
  }
});

test('one anchor does not hold up another, nor whoever records', async () => {
  const { time, ledger } = setUp();
  const [slow, quick] = [new FakeAnchor('file:slow'), new FakeAnchor('file:quick')];
  const { promise, resolve } = Promise.withResolvers<void>();
  slow.hold = promise;
  const anchors = [slow, quick];
  const scheduler = new AnchorScheduler({
    source: ledger.source,
    anchors,
    clock: time.clock,
    timers: time.timers,
  });
  await scheduler.start();
  await time.pass(MINUTE);
  assert.deepEqual([quick.published, slow.published], [[10], []]);
  resolve();
  await time.pass(0);
  assert.deepEqual(slow.published, [10], 'it publishes what it was given');
  await scheduler.close();
});

test('an anchor that never answers is given up on, even if it does not heed the signal', async () => {
  const { time, anchor, scheduler } = setUp({ publish_ms_max: 5 * MINUTE });
  anchor.hold = new Promise(() => {});
  await scheduler.start();
  await time.pass(5 * MINUTE);
  assert.deepEqual(scheduler.status[0]?.error, {
    code: 'ANCHOR_UNAVAILABLE',
    message: 'file:a took more than 300000 ms',
  });
  await scheduler.close();
});

test('ending it ends what is under way, and records nothing', async () => {
  const { ledger, anchor, scheduler, time } = setUp();
  anchor.hold = new Promise(() => {});
  const outcome = scheduler.anchorNow();
  await settle();
  await scheduler.close();
  assert.equal((await outcome)[0]?.result, 'failed');
  assert.deepEqual([ledger.anchoring, time.waiting, scheduler.status[0]?.failing_since], [[], 0, null]);
  assert.equal((await scheduler.anchorNow())[0]?.result, 'failed');
  assert.equal(anchor.attempts, 1);
});

test('a ledger that cannot record the anchoring has not anchored: it is tried again', async () => {
  const { time, ledger, anchor, scheduler } = setUp();
  const { record } = ledger.source;
  const full = new IndelibleError('STORE_FULL', 'no space');
  (ledger.source as { record: unknown }).record = async () => Promise.reject(full);
  await scheduler.start();
  await time.pass(0);
  assert.equal(scheduler.status[0]?.error?.code, 'STORE_FULL');
  (ledger.source as { record: unknown }).record = record;
  await time.pass(MINUTE);
  assert.deepEqual([anchor.published, ledger.anchoring.length], [[10, 10], 1]);
  assert.equal(scheduler.status[0]?.error, null);
  await scheduler.close();
});

test('a source that failed once is no outage for ever', async () => {
  const { time, ledger, scheduler } = setUp();
  await scheduler.anchorNow();
  const { latest } = ledger.source;
  (ledger.source as { latest: unknown }).latest = async () => Promise.reject(away());
  await scheduler.anchorNow();
  assert.equal(scheduler.status[0]?.failing_since, time.now);
  (ledger.source as { latest: unknown }).latest = latest;
  assert.equal((await scheduler.anchorNow())[0]?.result, 'nothing_new');
  assert.equal(scheduler.status[0]?.failing_since, null);
});

test('before the first checkpoint it waits, and looks again soon', async () => {
  const { time, ledger, anchor, scheduler } = setUp({}, 0);
  await scheduler.start();
  await time.pass(0);
  assert.deepEqual(await scheduler.anchorNow(), [{ result: 'nothing_new', anchor: 'file:a', size: null }]);
  ledger.add();
  await time.pass(MINUTE);
  assert.deepEqual(anchor.published, [1]);
  await scheduler.close();
});

test('errors of strangers are not repeated in records, and receipts that are too large are not kept', async () => {
  const { ledger, anchor, scheduler } = setUp();
  anchor.fault = new TypeError('password hunter2');
  await scheduler.anchorNow();
  assert.ok(!JSON.stringify(ledger.records).includes('hunter2'));
  anchor.fault = null;
  anchor.publish = async () => ({ anchored_at: null, evidence: 'x'.repeat(33_000) });
  const [outcome] = await scheduler.anchorNow();
  assert.ok(outcome?.result === 'failed' && outcome.code === 'ANCHOR_REFUSED');
  assert.deepEqual(
    ledger.anchoring.map(({ data }) => 'code' in data && data.code),
    ['INTERNAL', 'ANCHOR_REFUSED'],
  );
});

test('calls that overlap anchor once', async () => {
  const { anchor, scheduler } = setUp();
  const outcomes = (await Promise.all([1, 2, 3].map(() => scheduler.anchorNow()))).flat();
  assert.deepEqual(
    [outcomes.map(({ result }) => result), anchor.published],
    [['anchored', 'nothing_new', 'nothing_new'], [10]],
  );
  assert.deepEqual(await scheduler.anchorNow(['file:other']), []);
});

test('intervals longer than a timer can wait', async () => {
  const { time, ledger, anchor, scheduler } = setUp({ interval_ms: 60 * DAY });
  await scheduler.start();
  await time.pass(0);
  ledger.add();
  await time.pass(60 * DAY - 1);
  assert.equal(anchor.published.length, 1);
  await time.pass(1);
  assert.equal(anchor.published.length, 2);
  await scheduler.close();
});

test('two anchors of one name are refused, and pauses have a bound', () => {
  const { ledger } = setUp();
  assert.throws(
    () => new AnchorScheduler({ source: ledger.source, anchors: [new FakeAnchor(), new FakeAnchor()] }),
    (error) => isIndelibleError(error, 'ANCHOR_CONFIG'),
  );
  assert.equal(retryPause(100_000, { first_ms: 1000, max_ms: HOUR }), HOUR);
});
