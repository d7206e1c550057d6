/**
 * From an approved operation to its effect: everything is looked at again, the before-image taken, the intent recorded;
 * and in place of an executor that has ended, from where it stopped.
 *
 * Errors:  PLAN_HASH, OPERATION_EXPIRED, OPERATION_STALE, OPERATION_DENIED, each on record; OPERATION_STATE, OPERATION_BUSY.
 */
import { setImmediate } from 'node:timers/promises';
import { type Actor, IndelibleError, isIndelibleError } from '@indelible/core';
import type { ConnectorSnapshot } from '../connectors/contract.ts';
import { type LateBlobs, lateBlobs } from './blobs.ts';
import { type Executor, intent, run, takeSnapshots, type Unsettled } from './execution.ts';
import { inTime } from './in-time.ts';
import type { Step } from './journal.ts';
import { engineActor, failureOf, type Parts } from './parts.ts';
import { hasAgent } from './people.ts';
import { isAbandoned, isStillRunning, resolve, takeOver } from './recovery.ts';
import { settle } from './rollback.ts';
import { type Difference, recheck } from './staleness.ts';
import { earlierExecution, type TargetTable } from './targets.ts';
import type { Operation } from './types.ts';

/** What an engine has beside its parts: who it is, and what it is at. */
export interface Runtime {
  readonly parts: Parts;
  readonly holder: string;
  readonly targets: TargetTable;
  readonly unsettled: Unsettled;
}

export interface ApplyOptions {
  /** Who executes: never an agent, nor anybody through one. */
  readonly actor: Actor;
  /** Refuses (PLAN_HASH) when the operation has another one. */
  readonly plan_hash?: string;
}

/** Executes an approved operation, once. */
export async function execute(
  runtime: Runtime,
  operation: Operation,
  { actor, plan_hash }: ApplyOptions,
): Promise<Operation> {
  const { parts, holder, targets } = runtime;
  if (hasAgent(actor)) return refuseAgent(parts, operation, actor, 'executing');
  if (plan_hash !== undefined && plan_hash !== operation.plan_hash) {
    const message = `the operation has the plan hash ${operation.plan_hash}`;
    return refuse(parts, operation, actor, 'PLAN_HASH', message);
  }
  const timely = await inTime(parts, operation);
  if (timely.state === 'expired')
    return refuse(parts, timely, actor, 'OPERATION_EXPIRED', 'the time for execution is over');
  if (timely.state !== 'approved')
    throw new IndelibleError('OPERATION_STATE', `the operation is ${timely.state}, not approved`, {
      details: { state: timely.state, to: 'executing' },
    });
  return targets.with(timely, () => start(runtime, timely, { actor, holder }));
}

async function start(
  { parts, unsettled }: Runtime,
  operation: Operation,
  executor: Executor,
): Promise<Operation> {
  await parts.open.begin();
  // Side by side: before-images are on their way to the disk while policy is asked. Of a stale operation they are not
  // used; whatever keeps it from being taken counts only when nothing else differs.
  const blobs = lateBlobs(parts.options.blobs);
  const taking = takeSnapshots(parts, operation, 0, blobs);
  taking.catch(() => {});
  // So far that they wait for the disk, before policy has the processor.
  await setImmediate();
  const { differences, decision } = await recheck(parts, operation);
  if (differences.length > 0) return goStale(parts, operation, executor.actor, differences);
  let snapshots: ConnectorSnapshot[];
  try {
    snapshots = await taking;
  } catch (error) {
    if (!isIndelibleError(error, 'TARGET_CHANGED')) throw error;
    return goStale(parts, operation, executor.actor, [{ what: 'plan', detail: error.message }]);
  }
  await parts.reached('checked', operation.operation_id);
  const step = intent(parts, operation, executor, 'executor', 0, { decision, snapshots });
  const executing = await parts.journal.append(operation, [step]);
  await parts.reached('intended', operation.operation_id);
  const found = await obstacle(parts, executing, blobs);
  if (found !== null) {
    const { holder, epoch } = executing.lease!;
    const { code, message: reason } = found;
    const data = { holder, epoch, code, progress: { 0: { outcome: 'not_applied' } } };
    const failed: Step = { actor: executor.actor, by: 'executor', to: 'failed', reason, data };
    return parts.journal.append(executing, [failed]);
  }
  const ended = await run(parts, executing, executor, 0, unsettled);
  await parts.reached('received', operation.operation_id);
  return ended.state === 'indeterminate' ? resolve(parts, ended, executor, unsettled) : ended;
}

/** What keeps an operation whose intent is recorded from being executed. */
async function obstacle(
  parts: Parts,
  executing: Operation,
  blobs: LateBlobs,
): Promise<ReturnType<typeof failureOf> | null> {
  try {
    await blobs.durable();
  } catch (error) {
    return failureOf(error);
  }
  const other = await earlierExecution(parts, executing, executing.lease!.epoch);
  if (other === null) return null;
  return { code: 'OPERATION_BUSY', message: `a target is in use by operation ${other}` };
}

async function goStale(
  parts: Parts,
  operation: Operation,
  actor: Actor,
  differences: readonly Difference[],
): Promise<never> {
  const details = differences.map(({ detail }) => detail);
  const reason = details.join('; ').slice(0, 1000);
  const step: Step = {
    ...({ actor: engineActor(operation), by: 'engine', to: 'stale', reason } as const),
    data: { differences },
  };
  const stale = await settle(parts, await parts.journal.append(operation, [step]));
  return refuse(parts, stale, actor, 'OPERATION_STALE', reason);
}

/** Goes on in place of an executor that has ended; what somebody is still at is left alone. */
export async function takeOverAbandoned(runtime: Runtime, operation: Operation): Promise<Operation> {
  const { parts, holder, targets, unsettled } = runtime;
  const { operation_id } = operation;
  if (targets.has(operation) || !isAbandoned(parts, operation, holder)) return operation;
  if (isStillRunning(parts, operation, unsettled)) return operation;
  const executor = { actor: executorOf(operation), holder };
  return targets.with(operation, async () => {
    const taken = await takeOver(parts, await parts.journal.read(operation_id), executor);
    await parts.reached('taken', operation_id);
    return resolve(parts, taken, executor, unsettled);
  });
}

/** Whoever executed it, or began to. */
export function executorOf(operation: Operation): Actor {
  const begun = operation.history.findLast(({ to, by }) => to === 'executing' && by === 'executor');
  return begun?.actor ?? { type: 'service', id: 'indelible' };
}

export function refuseAgent(
  parts: Parts,
  operation: Operation,
  actor: Actor,
  attempted: string,
): Promise<never> {
  const message = 'agents ask, they do not execute';
  return refuse(parts, operation, actor, 'OPERATION_DENIED', message, attempted);
}

async function refuse(
  parts: Parts,
  operation: Operation,
  actor: Actor,
  code: 'PLAN_HASH' | 'OPERATION_EXPIRED' | 'OPERATION_STALE' | 'OPERATION_DENIED',
  message: string,
  attempted = 'executing',
): Promise<never> {
  await parts.journal.refuse(operation, actor, { attempted, code, message });
  throw new IndelibleError(code, message, { details: { state: operation.state } });
}
