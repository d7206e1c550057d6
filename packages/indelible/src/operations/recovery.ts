/**
 * After a crash, a time-out or a lost connection, which are one case: nobody knows whether the effect happened.
 *
 * Whoever takes over records it, which raises the fencing epoch; has the connector keep older executors out; and asks
 * it what became of the effect. Only what the probe says counts. An effect is tried again only where that cannot make
 * it happen twice, and only while the operation may still be executed.
 */
import type { Guarantee, Probe } from '../connectors/contract.ts';
import { type Executor, endOf, intent, leaseFor, run, takeSnapshots, type Unsettled } from './execution.ts';
import type { Step } from './journal.ts';
import { failureOf, type Parts, timeoutOf } from './parts.ts';
import { compareStates } from './prediction.ts';
import { recheck } from './staleness.ts';
import type { Operation } from './types.ts';

/** Where a second try finds the first. `none` is never tried again. */
const SAFE_TO_REPEAT: readonly Guarantee[] = ['atomic-marker', 'idempotency-key', 'cas'];
const ATTEMPTS_MAX = 3;

/** True when nobody may be working on it any more: the lease ran out, or its process has ended. */
export function isAbandoned(parts: Parts, operation: Operation, holder: string): boolean {
  const { lease } = operation;
  if (lease === null || lease.holder === holder) return true;
  return lease.expires_at < parts.now || !(parts.options.mayBeAlive?.(lease.holder) ?? true);
}

/** True while an older call of this very process has not ended, and nothing keeps it out. */
export function isStillRunning(parts: Parts, operation: Operation, unsettled: Unsettled): boolean {
  const { connector } = operation.members[memberUnderWay(operation)]!;
  return unsettled.has(operation.operation_id) && parts.connector(connector).fence === undefined;
}

/** Records that this process takes the operation over. It is `executing` or `indeterminate`, and abandoned. */
export function takeOver(parts: Parts, operation: Operation, executor: Executor): Promise<Operation> {
  const member = memberUnderWay(operation);
  const step: Step = {
    actor: executor.actor,
    by: 'recovery',
    to: 'indeterminate',
    data: {
      taken_from: operation.lease?.holder ?? null,
      lease: leaseFor(parts, operation, member, executor),
      progress: { [member]: { outcome: 'unknown' } },
    },
    reason: 'its executor left no answer',
  };
  return parts.journal.append(operation, [step]);
}

/** Finds out, and goes on from there. The operation is `indeterminate`, and this process holds the lease. */
export async function resolve(
  parts: Parts,
  operation: Operation,
  executor: Executor,
  unsettled: Unsettled,
): Promise<Operation> {
  const member = memberUnderWay(operation);
  const plan = operation.members[member]!;
  let probe: Probe;
  try {
    const found = await probeMember(parts, operation, member, unsettled);
    if (found === null) return operation;
    probe = found;
  } catch (error) {
    parts.log.warn(
      { operation_id: operation.operation_id, ...failureOf(error) },
      'the probe failed; it is repeated',
    );
    return operation;
  }
  await parts.reached('probed', operation.operation_id);
  const { outcome, execution, evidence } = probe;
  const common = { actor: executor.actor, by: 'recovery' } as const;
  const held = { holder: operation.lease!.holder, epoch: operation.lease!.epoch };
  const prediction = execution === null ? null : compareStates(plan, execution);
  const progress = { [member]: { outcome, ...(execution === null ? {} : { execution }) } };
  const data = { ...held, member, probe: { outcome, evidence }, prediction, progress };
  if (outcome === 'unknown' || (outcome !== 'not_applied' && execution === null))
    return parts.journal.append(operation, [
      { ...common, to: 'needs_operator', data, reason: 'the connector cannot tell whether it happened' },
    ]);

  const next = outcome === 'applied' ? member + 1 : member;
  const more = outcome !== 'partial' && next < operation.members.length;
  if (more && (outcome === 'applied' || maySafelyRepeat(operation, member))) {
    const again = await startAgain(parts, operation, executor, next, progress);
    if (again !== null) return run(parts, again, executor, next, unsettled);
  }
  const end = endOf(parts, operation, member, outcome, data);
  return parts.journal.append(operation, [{ ...common, ...end, reason: `the probe says: ${outcome}` }]);
}

/** The first member whose answer is missing. */
function memberUnderWay({ progress }: Operation): number {
  const found = progress.findIndex(({ outcome }) => outcome === 'started' || outcome === 'unknown');
  return found < 0 ? 0 : found;
}

/** Null while an older call of this very process is still running, and nothing keeps it out. */
async function probeMember(
  parts: Parts,
  operation: Operation,
  member: number,
  unsettled: Unsettled,
): Promise<Probe | null> {
  const plan = operation.members[member]!;
  const connector = parts.connector(plan.connector);
  const { operation_id, plan_hash, lease } = operation;
  if (isStillRunning(parts, operation, unsettled)) return null;
  return parts.within(timeoutOf(plan), async (context) => {
    const effect = { operation_id, plan_hash: plan_hash!, member, epoch: lease!.epoch };
    const effectContext = parts.effect(context, effect);
    await connector.fence?.(plan, effectContext);
    return connector.probe(plan, operation.snapshots[member]!, effectContext);
  });
}

function maySafelyRepeat({ members, attempts }: Operation, member: number): boolean {
  return attempts < ATTEMPTS_MAX && SAFE_TO_REPEAT.includes(members[member]!.capabilities.guarantee);
}

/** Null when it may not go on: its time is over, or something is no longer what was approved. */
async function startAgain(
  parts: Parts,
  operation: Operation,
  executor: Executor,
  from: number,
  progress: object,
): Promise<Operation | null> {
  if (operation.deadlines!.execute_before < parts.now) return null;
  try {
    const { differences, decision } = await recheck(parts, operation, from);
    if (differences.length > 0) return null;
    const snapshots = await takeSnapshots(parts, operation, from);
    const step = intent(parts, operation, executor, 'recovery', from, { decision, snapshots });
    const merged = { ...progress, [from]: { outcome: 'started' } };
    return await parts.journal.append(operation, [{ ...step, data: { ...step.data, progress: merged } }]);
  } catch (error) {
    const { code } = failureOf(error);
    if (code === 'IDEMPOTENCY_CONFLICT' || code === 'OPERATION_STATE') throw error;
    parts.log.warn({ operation_id: operation.operation_id, ...failureOf(error) }, 'it cannot go on');
    return null;
  }
}
