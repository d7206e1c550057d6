/** Cases about putting back, and the properties over random operations. */
import assert from 'node:assert/strict';
import { isIndelibleError } from '@indelible/core';
import type { Connector, Execution } from '../contract.ts';
import {
  assertDigest,
  assertPredicted,
  assertRefused,
  type CasePlace,
  type Choose,
  type ConnectorCase,
  carryOut,
  freshSamples,
  prepare,
  type Ran,
  throughJson,
  undo,
} from './case.ts';

const RANDOM_SEQUENCES = 12;
/** Fewer random operations may all be refused. */
const ENOUGH = 20;
const OPERATIONS_MAX = 6;

export const UNDO_CASES: readonly ConnectorCase[] = [
  {
    name: 'carried out, verified and rolled back, everything is as it was; and the rollback can be rolled back',
    run: async (place) => {
      for await (const { fresh, operation } of freshSamples(place)) {
        const connector = await fresh.open();
        const before = await fresh.digest();
        const ran = await carryOut(fresh, connector, operation, 'effect');
        const after = await fresh.digest();
        const { rollback } = ran.plan.capabilities;
        if (!rollback.can_rollback) {
          await assertRefused(fresh, ['ROLLBACK_IMPOSSIBLE'], operation.action, () =>
            undo(fresh, connector, ran, 'undo'),
          );
          continue;
        }
        const undone = await undo(fresh, await fresh.open(), ran, 'undo');
        assertPredicted(undone.plan, undone.execution, `undo of ${operation.action}`);
        const { differences } = await connector.verify(
          undone.plan,
          undone.execution,
          fresh.context('verify'),
        );
        assert.deepEqual(differences, []);
        if (rollback.method === 'partial-compensate') continue;
        await assertDigest(fresh, before, `${operation.action}: rolled back`);
        if (!undone.plan.capabilities.rollback.can_rollback) continue;
        await undo(fresh, connector, undone, 'redo');
        await assertDigest(fresh, after, `${operation.action}: the rollback rolled back`);
      }
    },
  },
  {
    name: 'pitfall 30: an undo amid later changes is refused; with an override it restores',
    run: async (place) => {
      for await (const { fresh, operation } of freshSamples(place)) {
        const connector = await fresh.open();
        const before = await fresh.digest();
        const ran = await carryOut(fresh, connector, operation, 'effect');
        const { rollback } = ran.plan.capabilities;
        if (!rollback.can_rollback) continue;
        await fresh.disturb(ran.plan);
        const verified = await connector.verify(ran.plan, ran.execution, fresh.context('verify'));
        assert.equal(verified.matches, false, `${operation.action}: the foreign change is seen`);
        assert.ok(verified.differences.length > 0);
        await assertRefused(fresh, ['ROLLBACK_REFUSED'], operation.action, () =>
          undo(fresh, connector, ran, 'undo'),
        );
        const overridden = await undo(fresh, connector, ran, 'undo', { override: true });
        assertPredicted(overridden.plan, overridden.execution, `override of ${operation.action}`);
        if (rollback.method !== 'partial-compensate')
          await assertDigest(fresh, before, `${operation.action}: restored over a foreign change`);
      }
    },
  },
  {
    name: 'a change between the plan of an undo and the undo is not written over',
    run: async (place) => {
      for await (const { fresh, operation } of freshSamples(place)) {
        const connector = await fresh.open();
        const ran = await carryOut(fresh, connector, operation, 'effect');
        if (!ran.plan.capabilities.rollback.can_rollback) continue;
        const ctx = fresh.context('plan');
        const plan = throughJson(await connector.planRollback(ran.plan, ran.execution, ran.snapshot, ctx));
        const snapshot = await connector.snapshot(plan, ctx);
        await fresh.disturb(ran.plan);
        await assertRefused(fresh, ['TARGET_CHANGED'], operation.action, () =>
          connector.execute(plan, snapshot, fresh.context('undo'), { commit: true }),
        );
      }
    },
  },
  {
    name: 'random operations do what was predicted, and undone in reverse leave everything as it was',
    run: async (place) => {
      let tried = 0;
      let carriedOut = 0;
      await place.property(RANDOM_SEQUENCES, async (choose, fresh) => {
        const connector = await fresh.open();
        const done: { readonly ran: Ran; readonly before: string }[] = [];
        const length = 1 + choose(OPERATIONS_MAX);
        for (let i = 0; i < length; i++) {
          const before = await fresh.digest();
          const ran = await tryRandom(fresh, connector, choose, i);
          if (ran === null) await assertDigest(fresh, before, 'what was refused changed nothing');
          else done.push({ ran, before });
        }
        tried += length;
        carriedOut += done.length;
        for (const [i, { ran, before }] of [...done.entries()].reverse()) {
          if (ran.plan.capabilities.rollback.method === 'partial-compensate') return;
          if (!ran.plan.capabilities.rollback.can_rollback) return;
          await undo(fresh, connector, ran, `undo ${i}`);
          await assertDigest(fresh, before, `undone: ${i}. ${ran.plan.action}`);
        }
      });
      assert.ok(carriedOut > 0 || tried < ENOUGH, 'some of the random operations were carried out');
    },
  },
];

/** null: it was refused, when planned or, by the target itself, when carried out. */
async function tryRandom(
  place: CasePlace,
  connector: Connector,
  choose: Choose,
  nth: number,
): Promise<Ran | null> {
  const operation = place.random(choose);
  const before = await place.digest();
  let prepared: Awaited<ReturnType<typeof prepare>>;
  try {
    prepared = await prepare(place, connector, operation);
  } catch (error) {
    const refusals = ['TARGET_NOT_FOUND', 'TARGET_REFUSED', 'CONNECTOR_PARAMS', 'CONNECTOR_LIMIT'];
    if (isIndelibleError(error) && refusals.includes(error.code)) return null;
    throw error;
  }
  const { plan, snapshot } = prepared;
  const effect = `effect ${nth}`;
  const dry = await connector.execute(plan, snapshot, place.context(effect), { commit: false });
  assertPredicted(plan, dry, `dry ${plan.action}`);
  await assertDigest(place, before, `dry ${plan.action}`);
  let execution: Execution;
  try {
    execution = throughJson(await connector.execute(plan, snapshot, place.context(effect), { commit: true }));
  } catch (error) {
    // A rule of the target's own, of which no plan can know: by the contract nothing happened.
    if (isIndelibleError(error, 'TARGET_REFUSED')) return null;
    throw error;
  }
  assertPredicted(plan, execution, plan.action);
  const { differences } = await connector.verify(plan, execution, place.context('verify'));
  assert.deepEqual(differences, [], plan.action);
  return { plan, snapshot, execution };
}
