/** Random sequences of operations under the engine: foretold, carried out, undone in reverse. */
import assert from 'node:assert/strict';
import { isIndelibleError, type JsonObject } from '@indelible/core';
import type { Choose } from '../../../packages/indelible/src/connectors/conformance.ts';
import {
  compareStates,
  type PredictionReport,
} from '../../../packages/indelible/src/operations/prediction.ts';
import type { Operation } from '../../../packages/indelible/src/operations/types.ts';
import type { ConfiguredPlace } from '../../connectors/support.ts';
import { ALICE, RUNNER, type World } from '../world.ts';

const OPERATIONS_MAX = 5;

/** What came of the sequences so far. */
export interface Tally {
  operations: number;
  refused: number;
  undone: number;
  /** Predictions that were wrong, by the cause that was recorded. */
  readonly differences: Record<string, number>;
}

/** Connectors whose dry run does not ask for the schema, as their limitations say. */
const KNOW_NO_SCHEMA: readonly string[] = ['ldap'];

/** One sequence. */
export async function runSequence(
  world: World,
  place: ConfiguredPlace,
  choose: Choose,
  tally: Tally,
): Promise<void> {
  const first = await place.digest();
  const done: { operation: Operation; before: string }[] = [];
  for (let i = 1 + choose(OPERATIONS_MAX); i > 0; i--) {
    const before = await place.digest();
    const operation = await runOne(world, place, choose);
    if (operation === null) {
      tally.refused++;
      assert.equal(await place.digest(), before, 'what is refused changes nothing');
      continue;
    }
    tally.operations++;
    await checkPrediction(world, operation, tally);
    done.unshift({ operation, before });
  }
  for (const { operation, before } of done) {
    // What has no undo says so, and everything before it stays as well.
    if (!(await undo(world, operation))) return;
    tally.undone++;
    assert.equal(await place.digest(), before, 'undone, it is what it was before');
  }
  assert.equal(await place.digest(), first);
}

/** Null when it was refused: by the connector, or by the system in the dry run. */
async function runOne(world: World, place: ConfiguredPlace, choose: Choose): Promise<Operation | null> {
  const { action, params } = place.random(choose);
  const before = await place.digest();
  const members = [{ connector: place.id, action, params }];
  const planned = await world.engine
    .plan({ members, requester: ALICE, reason: 'a test' })
    .catch((error: unknown) => {
      if (isIndelibleError(error) && /^(?:CONNECTOR_|TARGET_)/.test(error.code)) return null;
      throw error;
    });
  assert.equal(await place.digest(), before, 'a plan and its dry run change nothing');
  if (planned === null || planned.state === 'rejected') return null;
  return approveAndApply(world, planned);
}

/** Null when the system refused it by a rule of which the dry run knows nothing. */
async function approveAndApply(world: World, planned: Operation): Promise<Operation | null> {
  if (planned.state === 'pending_approval') await world.vote(planned, 'bob');
  const operation = await world.engine.apply(planned.operation_id, { actor: RUNNER });
  const last = operation.history.at(-1)!;
  assert.deepEqual(operation.illegal, []);
  if (
    operation.state === 'failed' &&
    KNOW_NO_SCHEMA.includes(world.connectors.get(planned.members[0]!.connector)!.kind)
  ) {
    assert.match(last.reason ?? '', /^the directory refuses: /);
    return null;
  }
  assert.match(operation.state, /^(?:verified|closed)$/, JSON.stringify(last));
  return operation;
}

/** The record says whether the prediction was right, and why not; the target, read back, agrees. */
async function checkPrediction(world: World, operation: Operation, tally: Tally): Promise<void> {
  const { seq } = operation.history.find(({ to }) => to === 'executed')!;
  const [stored] = await world.ledger.get([seq]);
  const { prediction } = (await world.ledger.dataOf(stored!.record)) as JsonObject & {
    prediction: PredictionReport;
  };
  const execution = operation.progress[0]!.execution!;
  assert.deepEqual(prediction, compareStates(operation.members[0]!, execution));
  const found = new Map(
    operation.verifications[0]!.targets.map((one) => [one.resource.id, one.found?.digest ?? null]),
  );
  for (const { resource, after } of operation.members[0]!.targets) {
    const difference = prediction.differences.find((one) => one.resource === resource.id);
    const right = found.get(resource.id) === (after?.digest ?? null);
    assert.equal(right, difference === undefined, `${resource.id}: what was predicted is what is there`);
    if (difference === undefined) continue;
    assert.equal(difference.cause, 'inexact');
    assert.equal(
      operation.members[0]!.capabilities.dry_run,
      'none',
      'with a dry run the prediction is right',
    );
    const cause = `${difference.cause}, dry run none`;
    tally.differences[cause] = (tally.differences[cause] ?? 0) + 1;
  }
}

async function undo(world: World, operation: Operation): Promise<boolean> {
  const request = { requester: ALICE, reason: 'a test' };
  const { can_rollback } = operation.members[0]!.capabilities.rollback;
  const asked = world.engine.rollback(operation.operation_id, request);
  if (!can_rollback) {
    await assert.rejects(asked, { code: 'OPERATION_STATE' });
    return false;
  }
  await approveAndApply(world, await asked);
  assert.equal((await world.engine.read(operation.operation_id)).state, 'rolled_back');
  return true;
}
