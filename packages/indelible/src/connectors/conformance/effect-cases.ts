/** Cases about effects: how often they happen, what a crash leaves, and who may still cause them. */
import assert from 'node:assert/strict';
import { isIndelibleError } from '@indelible/core';
import type { Connector, Execution } from '../contract.ts';
import {
  assertDigest,
  assertPredicted,
  assertRefused,
  type CasePlace,
  type ConnectorCase,
  carryOut,
  freshSamples,
  prepare,
  type SampleOperation,
  throughJson,
} from './case.ts';

/** The points that an operation passes, and the digest that it leaves. */
async function pathOf(place: CasePlace, sample: number) {
  const fresh = await place.another();
  const connector = await fresh.open();
  const { plan, snapshot } = await prepare(fresh, connector, fresh.samples[sample]!);
  const points: string[] = [];
  const ctx = fresh.context('effect', { reached: async (point) => void points.push(point) });
  await connector.execute(plan, snapshot, ctx, { commit: true });
  return { points, after: await fresh.digest() };
}

/** Runs it up to the point, and goes no further: as far as others can see, the process has ended there. */
async function crashAt(place: CasePlace, connector: Connector, operation: SampleOperation, nth: number) {
  const { plan, snapshot } = await prepare(place, connector, operation);
  let seen = 0;
  await new Promise<void>((resolve, reject) => {
    const reached = async () => {
      if (seen++ !== nth) return;
      resolve();
      await new Promise<never>(() => {});
    };
    connector
      .execute(plan, snapshot, place.context('effect', { reached }), { commit: true })
      .then(() => reject(new Error('it came to its end')), reject);
  });
  await connector.close();
  return { plan, snapshot };
}

export const EFFECT_CASES: readonly ConnectorCase[] = [
  {
    name: 'after a crash at any point, the probe tells what happened, and trying again makes one effect',
    run: async (place) => {
      for (const sample of place.samples.keys()) {
        const { points, after } = await pathOf(place, sample);
        for (const [nth, point] of points.entries()) {
          const fresh = await place.another();
          const operation = fresh.samples[sample]!;
          const what = `${operation.action}, crashed at "${point}"`;
          const before = await fresh.digest();
          const count = await fresh.effects?.();
          const { plan, snapshot } = await crashAt(fresh, await fresh.open(), operation, nth);
          const restarted = await fresh.open();
          const ctx = fresh.context('effect', { epoch: 2 });
          await restarted.fence?.(plan, ctx);
          const left = await fresh.digest();
          const { outcome, execution } = throughJson(await restarted.probe(plan, snapshot, ctx));
          await assertDigest(fresh, left, `${what}: the probe only reads`);
          const { guarantee, probe } = plan.capabilities;
          if (!probe) {
            assert.equal(outcome, 'unknown', `${what}: without a probe nothing is known`);
            continue;
          }
          if (outcome === 'unknown') {
            assert.equal(guarantee, 'none', `${what}: the guarantee ${guarantee} leaves nothing unknown`);
            continue;
          }
          if (outcome === 'applied') {
            assert.equal(left, after, `${what}: it was applied`);
            assertPredicted(plan, execution!, what);
          } else {
            assert.equal(outcome, 'not_applied', what);
            assert.equal(left, before, `${what}: it was not applied`);
            assert.equal(execution, null);
          }
          if (guarantee === 'none') continue;
          const again = await restarted.execute(plan, snapshot, ctx, { commit: true });
          assert.equal(again.repeated, outcome === 'applied', `${what}: tried again`);
          assertPredicted(plan, again, `${what}, tried again`);
          await assertDigest(fresh, after, `${what}: tried again, there is the one effect`);
          if (count !== undefined) assert.equal(await fresh.effects?.(), count + 1, `${what}: one effect`);
          const { outcome: last } = await restarted.probe(plan, snapshot, ctx);
          assert.equal(last, 'applied', `${what}: the probe tells that it happened`);
        }
      }
    },
  },
  {
    name: 'pitfall 26: one effect key has one effect, however often it is carried out',
    run: async (place) => {
      for await (const { fresh, operation } of freshSamples(place)) {
        const connector = await fresh.open();
        const first = await carryOut(fresh, connector, operation, 'effect');
        if (first.plan.capabilities.guarantee === 'none') continue;
        const digest = await fresh.digest();
        const count = await fresh.effects?.();
        for (const other of [connector, await fresh.open()]) {
          const again = await other.execute(
            first.plan,
            first.snapshot,
            fresh.context('effect', { epoch: 3 }),
            {
              commit: true,
            },
          );
          assert.equal(again.repeated, true);
          assert.deepEqual(again.targets, first.execution.targets);
        }
        await assertDigest(fresh, digest, `${operation.action}: nothing happened again`);
        assert.equal(await fresh.effects?.(), count);
      }
    },
  },
  {
    name: 'of two executors of one effect at once, one has the effect',
    run: (place) => race(place, ['effect', 'effect']),
  },
  {
    name: 'of two operations planned upon one state and carried out at once, one takes effect',
    run: (place) => race(place, ['one', 'other']),
  },
  {
    name: 'pitfall 31: a fenced executor has no effect, and its successor has',
    run: async (place) => {
      for await (const { fresh, operation } of freshSamples(place)) {
        const [old, successor] = [await fresh.open(), await fresh.open()];
        if (successor.fence === undefined) return;
        const { plan, snapshot } = await prepare(fresh, old, operation);
        await successor.fence(plan, fresh.context('effect', { epoch: 2 }));
        await assertRefused(fresh, ['EFFECT_FENCED'], operation.action, () =>
          old.execute(plan, snapshot, fresh.context('effect', { epoch: 1 }), { commit: true }),
        );
        const ctx = fresh.context('effect', { epoch: 2 });
        assert.equal((await successor.probe(plan, snapshot, ctx)).outcome, 'not_applied');
        const done = await successor.execute(plan, snapshot, ctx, { commit: true });
        assert.equal(done.repeated, false);
        await successor.fence(plan, fresh.context('effect', { epoch: 3 }));
        assert.equal(
          (await successor.probe(plan, snapshot, ctx)).outcome,
          'applied',
          'a fence hides no effect',
        );
      }
    },
  },
];

async function race(place: CasePlace, effects: readonly [string, string]): Promise<void> {
  for await (const { fresh, operation, sample } of freshSamples(place)) {
    const { plan, snapshot } = await prepare(fresh, await fresh.open(), operation);
    const { guarantee } = plan.capabilities;
    if (guarantee === 'none') continue;
    // A key tells nothing of an effect with another key.
    if (guarantee === 'idempotency-key' && effects[0] !== effects[1]) continue;
    const count = await fresh.effects?.();
    const { after } = await pathOf(place, sample);
    const tries = await Promise.allSettled(
      effects.map(async (effect) =>
        (await fresh.open()).execute(plan, snapshot, fresh.context(effect), { commit: true }),
      ),
    );
    const done = tries.flatMap((one): Execution[] => (one.status === 'fulfilled' ? [one.value] : []));
    assert.equal(
      done.filter(({ repeated }) => !repeated).length,
      1,
      `${operation.action}: one has the effect`,
    );
    for (const one of tries) {
      if (one.status === 'fulfilled') continue;
      const known = ['TARGET_CHANGED', 'EFFECT_FENCED', 'CONNECTOR_UNAVAILABLE', 'TARGET_REFUSED'];
      assert.ok(isIndelibleError(one.reason) && known.includes(one.reason.code), String(one.reason));
    }
    await assertDigest(fresh, after, `${operation.action}: the one effect`);
    if (count !== undefined) assert.equal(await fresh.effects?.(), count + 1);
  }
}
