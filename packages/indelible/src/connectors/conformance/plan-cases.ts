/** Cases about plans, dry runs, limits and evidence: everything before an effect. */
import assert from 'node:assert/strict';
import { canonicalize, isIndelibleError } from '@indelible/core';
import type { Connector, ConnectorPlan, TargetState } from '../contract.ts';
import { digestOf } from '../shared/state.ts';
import {
  assertDigest,
  assertPredicted,
  assertRefused,
  type CasePlace,
  type ConnectorCase,
  carryOut,
  freshSamples,
  prepare,
  undo,
} from './case.ts';

/** Every action has a sample: otherwise the cases would say nothing about it. */
function assertSamples(place: CasePlace, connector: Connector): void {
  const sampled = new Set(place.samples.map(({ action }) => action));
  assert.deepEqual([...sampled].sort(), Object.keys(connector.actions).sort(), 'each action has a sample');
}

function assertState(state: TargetState | null, what: string): void {
  if (state === null) return;
  assert.equal(state.digest, digestOf(state.facts), `${what}: the digest is of the facts`);
}

function assertPlan(connector: Connector, plan: ConnectorPlan): void {
  assert.equal(plan.connector, connector.id);
  assert.equal(plan.connector_version, connector.version);
  assert.ok(plan.targets.length > 0, 'a plan has targets');
  assert.ok(plan.steps.length > 0, 'a plan says its steps');
  const ids = plan.targets.map(({ resource }) => resource.id);
  assert.deepEqual(ids, [...new Set(ids)].sort(), 'targets are sorted, each named once');
  for (const { resource, before, after, version } of plan.targets) {
    assert.ok(resource.id.startsWith(`${connector.id}:`), `${resource.id} begins with the connector's id`);
    assertState(before, `${resource.id} before`);
    assertState(after, `${resource.id} after`);
    assert.equal(version === null, before === null, `${resource.id} has a version when it exists`);
  }
  const { rollback } = plan.capabilities;
  assert.equal(rollback.can_rollback, rollback.method !== 'none', 'a rollback has a method');
  assert.equal(rollback.can_rollback, plan.rollback_steps.length > 0, 'an undo says its steps');
  for (const code of rollback.limitations) {
    assert.ok(code in connector.limitations, `the limitation ${code} is explained`);
  }
}

export const PLAN_CASES: readonly ConnectorCase[] = [
  {
    name: 'a plan only reads, is whole, and is the same when made again',
    run: async (place) => {
      const connector = await place.open();
      assertSamples(place, connector);
      const digest = await place.digest();
      for (const operation of place.samples) {
        const { plan, snapshot } = await prepare(place, connector, operation);
        assertPlan(connector, plan);
        assert.equal(plan.action, operation.action);
        assert.deepEqual(plan.params, operation.params);
        assert.deepEqual(plan.capabilities, connector.capabilities(operation.action, operation.params));
        assert.deepEqual(
          snapshot.targets.map(({ resource, before }) => [resource.id, before?.digest ?? null]),
          plan.targets.map(({ resource, before }) => [resource.id, before?.digest ?? null]),
          'the snapshot is of the plan',
        );
        const again = await prepare(place, await place.open(), operation);
        assert.equal(canonicalize(again.plan), canonicalize(plan), `${operation.action}: planned again`);
        await assertDigest(place, digest, `${operation.action}: planning changes nothing`);
      }
    },
  },
  {
    name: 'pitfall 29: a dry run changes nothing, and foretells what the real run does',
    run: async (place) => {
      for await (const { fresh, operation } of freshSamples(place)) {
        const connector = await fresh.open();
        const digest = await fresh.digest();
        const { plan, snapshot } = await prepare(fresh, connector, operation);
        const points: string[][] = [[], []];
        const contextFor = (i: number) =>
          fresh.context('effect', { reached: async (point) => void points[i]!.push(point) });
        const dry = await connector.execute(plan, snapshot, contextFor(0), { commit: false });
        assert.equal(dry.committed, false);
        assert.equal(dry.outcome, 'not_applied');
        await assertDigest(fresh, digest, `${operation.action}: a dry run changes nothing`);
        const before = await fresh.effects?.();
        const real = await connector.execute(plan, snapshot, contextFor(1), { commit: true });
        assert.equal(real.committed, true);
        assert.equal(real.outcome, 'applied');
        assert.equal(real.repeated, false);
        if (before !== undefined) assert.equal(await fresh.effects?.(), before + 1, 'one effect');
        assert.deepEqual(points[1]!.slice(0, points[0]!.length), points[0], 'both take the same path');
        assert.ok(points[1]!.length >= 2, 'there is a point before the effect and one after it');
        assertPredicted(plan, dry, `dry ${operation.action}`);
        assertPredicted(plan, real, operation.action);
      }
    },
  },
  {
    name: 'pitfall 25: what was planned upon and has changed is not written over',
    run: async (place) => {
      for await (const { fresh, operation } of freshSamples(place)) {
        const connector = await fresh.open();
        const { plan, snapshot } = await prepare(fresh, connector, operation);
        await fresh.disturb(plan);
        const ctx = fresh.context('effect');
        for (const commit of [false, true]) {
          await assertRefused(fresh, ['TARGET_CHANGED'], `${operation.action}, commit: ${commit}`, () =>
            connector.execute(plan, snapshot, ctx, { commit }),
          );
        }
        await assertRefused(fresh, ['TARGET_CHANGED'], `snapshot of ${operation.action}`, () =>
          connector.snapshot(plan, ctx),
        );
      }
    },
  },
  {
    name: 'a plan of another connector, another version or with another snapshot is not carried out',
    run: async (place) => {
      const connector = await place.open();
      const { plan, snapshot } = await prepare(place, connector, place.samples[0]!);
      const ctx = place.context('effect');
      for (const change of [{ connector_version: `${plan.connector_version}x` }, { connector: 'another' }]) {
        await assertRefused(place, ['TARGET_CHANGED'], Object.keys(change).join(), () =>
          connector.execute({ ...plan, ...change }, snapshot, ctx, { commit: true }),
        );
      }
      await assertRefused(place, ['TARGET_CHANGED'], 'snapshot of nothing', () =>
        connector.execute(plan, { targets: [] }, ctx, { commit: true }),
      );
    },
  },
  {
    name: 'limits are enforced when planning',
    run: async (place) => {
      const connector = await place.open();
      assert.ok(place.too_large.length > 0, 'there is something too large to ask for');
      for (const { action, params } of place.too_large) {
        await assertRefused(place, ['CONNECTOR_LIMIT'], action, () =>
          connector.plan(action, params, place.context('plan')),
        );
      }
      for (const { capabilities } of Object.values(connector.actions)) {
        for (const limit of Object.values(capabilities.limits))
          assert.ok(limit > 0 && Number.isSafeInteger(limit));
      }
    },
  },
  {
    name: 'unknown actions and parameters are refused',
    run: async (place) => {
      const connector = await place.open();
      const ctx = place.context('plan');
      for (const { action, params } of place.samples) {
        const { required } = connector.actions[action]!.params;
        for (const [name, wrong] of [
          [`${action}-`, params],
          ['constructor', params],
          [action, { ...params, no_such_parameter: 1 }],
          ...(Array.isArray(required) && required.length > 0 ? ([[action, {}]] as const) : []),
        ] as const) {
          await assertRefused(place, ['CONNECTOR_PARAMS'], `${name} ${canonicalize(wrong)}`, () =>
            connector.plan(name, wrong, ctx),
          );
          assert.throws(
            () => connector.capabilities(name, wrong),
            (error) => isIndelibleError(error, 'CONNECTOR_PARAMS'),
          );
        }
      }
    },
  },
  {
    name: 'once the deadline has passed, nothing is begun',
    run: async (place) => {
      const connector = await place.open();
      const { plan, snapshot } = await prepare(place, connector, place.samples[0]!);
      const ctx = place.context('effect', { signal: AbortSignal.abort() });
      await assertRefused(place, ['CONNECTOR_UNAVAILABLE'], 'execute', () =>
        connector.execute(plan, snapshot, ctx, { commit: true }),
      );
      const { outcome } = await connector.probe(plan, snapshot, place.context('effect'));
      if (plan.capabilities.probe) assert.equal(outcome, 'not_applied');
    },
  },
  {
    name: 'evidence is complete, and holds no secret',
    run: async (place) => {
      const shown: unknown[] = [];
      for await (const { fresh, operation } of freshSamples(place)) {
        const connector = await fresh.open();
        shown.push(connector.actions, connector.limitations, connector.version);
        const ran = await carryOut(fresh, connector, operation, 'effect');
        shown.push(ran);
        for (const target of ran.execution.targets) {
          assertState(target.before, target.resource.id);
          assertState(target.after, target.resource.id);
          assert.equal(target.version === null, target.after === null, 'what exists has a version');
        }
        const probed = await connector.probe(ran.plan, ran.snapshot, fresh.context('effect'));
        const verified = await connector.verify(ran.plan, ran.execution, fresh.context('verify'));
        shown.push(probed, verified);
        assert.equal(verified.targets.length, ran.plan.targets.length);
        assert.deepEqual(verified.differences, []);
        assert.equal(verified.matches, true, `${operation.action}: what was read back is what was left`);
        if (ran.plan.capabilities.rollback.can_rollback)
          shown.push(await undo(fresh, connector, ran, 'undo'));
      }
      const text = canonicalize(JSON.parse(JSON.stringify(shown)));
      for (const secret of place.secrets ?? []) assert.ok(!text.includes(secret), 'a secret is shown');
    },
  },
];
