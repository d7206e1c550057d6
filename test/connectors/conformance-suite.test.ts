/** The suite itself: it catches broken connectors, by the case that is named for the fault, and stale exceptions. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  CONNECTOR_CASES,
  type ConnectorPlace,
  connectorConformance,
} from '../../packages/indelible/src/connectors/conformance.ts';
import type { Connector } from '../../packages/indelible/src/connectors/contract.ts';
import { sqlitePlace } from './sqlite-place.ts';

/** The SQLite connector with some functions replaced. */
async function brokenPlace(replace: (sound: Connector) => Partial<Connector>): Promise<ConnectorPlace> {
  const place = await sqlitePlace();
  return {
    ...place,
    open: async () => {
      const sound = await place.open();
      const bound: Connector = {
        id: sound.id,
        kind: sound.kind,
        version: sound.version,
        actions: sound.actions,
        limitations: sound.limitations,
        capabilities: (action, params) => sound.capabilities(action, params),
        plan: (action, params, ctx) => sound.plan(action, params, ctx),
        snapshot: (plan, ctx) => sound.snapshot(plan, ctx),
        execute: (plan, snapshot, ctx, options) => sound.execute(plan, snapshot, ctx, options),
        probe: (plan, snapshot, ctx) => sound.probe(plan, snapshot, ctx),
        fence: (plan, ctx) => sound.fence!(plan, ctx),
        verify: (plan, execution, ctx) => sound.verify(plan, execution, ctx),
        planRollback: (plan, execution, snapshot, ctx, options) =>
          sound.planRollback(plan, execution, snapshot, ctx, options),
        close: () => sound.close(),
      };
      return { ...bound, ...replace(sound) };
    },
  };
}

const FAULTS: readonly {
  readonly fault: string;
  readonly caught_by: string;
  readonly replace: (sound: Connector) => Partial<Connector>;
}[] = [
  {
    fault: 'a dry run that does it',
    caught_by: 'pitfall 29: a dry run changes nothing, and foretells what the real run does',
    replace: (sound) => ({
      execute: (plan, snapshot, ctx) => sound.execute(plan, snapshot, ctx, { commit: true }),
    }),
  },
  {
    fault: 'a plan that does it',
    caught_by: 'a plan only reads, is whole, and is the same when made again',
    replace: (sound) => ({
      plan: async (action, params, ctx) => {
        const plan = await sound.plan(action, params, ctx);
        const effect = {
          ...ctx,
          operation_id: 'o',
          effect_key: '1'.repeat(64),
          fencing_epoch: 1,
          reached: async () => {},
        };
        await sound.execute(plan, await sound.snapshot(plan, ctx), effect, { commit: true });
        return plan;
      },
    }),
  },
  {
    fault: 'an effect that happens again under its key',
    caught_by: 'pitfall 26: one effect key has one effect, however often it is carried out',
    replace: (sound) => ({
      execute: async (plan, snapshot, ctx, options) => ({
        ...(await sound.execute(plan, snapshot, ctx, options)),
        repeated: false,
      }),
    }),
  },
  {
    fault: 'a probe that has seen nothing',
    caught_by: 'after a crash at any point, the probe tells what happened, and trying again makes one effect',
    replace: () => ({ probe: async () => ({ outcome: 'not_applied', execution: null, evidence: {} }) }),
  },
  {
    fault: 'a probe that never knows',
    caught_by: 'after a crash at any point, the probe tells what happened, and trying again makes one effect',
    replace: () => ({ probe: async () => ({ outcome: 'unknown', execution: null, evidence: {} }) }),
  },
  {
    fault: 'a fence that stops nobody',
    caught_by: 'pitfall 31: a fenced executor has no effect, and its successor has',
    replace: () => ({ fence: async () => {} }),
  },
  {
    fault: 'an undo amid later changes',
    caught_by: 'pitfall 30: an undo amid later changes is refused; with an override it restores',
    replace: (sound) => ({
      planRollback: (plan, execution, snapshot, ctx) =>
        sound.planRollback(plan, execution, snapshot, ctx, { override: true }),
    }),
  },
  {
    fault: 'an undo of nothing',
    caught_by:
      'carried out, verified and rolled back, everything is as it was; and the rollback can be rolled back',
    replace: (sound) => ({
      planRollback: (plan, execution, snapshot, ctx, options) =>
        sound.planRollback(
          plan,
          execution,
          {
            targets: snapshot.targets.map((target, i) => ({
              ...target,
              before: execution.targets[i]!.after,
            })),
          },
          ctx,
          options,
        ),
    }),
  },
  {
    fault: 'a verification that is always content',
    caught_by: 'pitfall 30: an undo amid later changes is refused; with an override it restores',
    replace: () => ({ verify: async () => ({ matches: true, targets: [], differences: [] }) }),
  },
  {
    fault: 'a digest of something else',
    caught_by: 'a plan only reads, is whole, and is the same when made again',
    replace: (sound) => ({
      plan: async (...given) => {
        const plan = await sound.plan(...given);
        const wrong = { digest: '0'.repeat(64), facts: {} };
        return { ...plan, targets: plan.targets.map((target) => ({ ...target, after: wrong })) };
      },
    }),
  },
];

for (const { fault, caught_by, replace } of FAULTS) {
  test(`caught: ${fault}`, async () => {
    const one = connectorConformance('broken', () => brokenPlace(replace)).find(
      ({ name }) => name === `broken: ${caught_by}`,
    );
    await assert.rejects(one!.run());
  });
}

test('an exception that nothing needs is a failure, and so is one that names no case', async () => {
  const { name } = CONNECTOR_CASES.find((one) => one.name.startsWith('limits'))!;
  const cases = connectorConformance('sound', sqlitePlace, { exceptions: { [name]: 'no reason' } });
  await assert.rejects(cases.find((one) => one.name.includes('deviates'))!.run());
  assert.throws(() => connectorConformance('sound', sqlitePlace, { exceptions: { 'no case': 'x' } }));
});
