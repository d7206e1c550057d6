/**
 * Undoing an operation: a child operation with its own plan, decision, approval, execution and verification.
 *
 * The parent only shows how it goes: `rollback_requested` while the child is under way, then what became of it. A
 * rollback is an operation like any other, so it can itself be undone.
 *
 * Errors:  ROLLBACK_REFUSED when a target is no longer what was left, with who touched it in `details.touched`, and when
 *          the window is over; ROLLBACK_IMPOSSIBLE; OPERATION_STATE. Each is recorded on the parent.
 */
import { type Actor, IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import type { ConnectorPlan } from '../connectors/contract.ts';
import type { Step } from './journal.ts';
import type { State } from './lifecycle.ts';
import { engineActor, failureOf, type Parts, timeoutOf } from './parts.ts';
import { dryRun, type NewId, propose, rollbackEnvelope } from './planning.ts';
import { touchesSince } from './targets.ts';
import type { MemberProgress, Operation, Parent } from './types.ts';

export interface RollbackRequest {
  readonly requester: Actor;
  readonly reason: string;
  /** Goes over what others did since; needs the approval of at least one person. */
  readonly override?: boolean;
}

const UNDOABLE: readonly State[] = ['verified', 'verify_failed', 'partially_executed', 'needs_operator'];

/** What would be done, newest member first. */
export interface RollbackPlan {
  /** Indexes of the parent's members, in the order in which they are undone. */
  readonly members: readonly number[];
  readonly plans: readonly ConnectorPlan[];
  /** The member that stops it: it, and those before it, stay as they are. */
  readonly stopped_at: { readonly member: number; readonly code: string; readonly message: string } | null;
}

/** Plans the undo of everything that happened. With `partial`, as far as it goes. */
export async function planUndo(
  parts: Parts,
  operation: Operation,
  options: { readonly override: boolean; readonly partial: boolean },
): Promise<RollbackPlan> {
  const members: number[] = [];
  const plans: ConnectorPlan[] = [];
  for (let i = operation.members.length - 1; i >= 0; i--) {
    if (!happened(operation.progress[i]!)) continue;
    try {
      plans.push(await planMemberUndo(parts, operation, i, options.override));
      members.push(i);
    } catch (error) {
      const failure = failureOf(error);
      if (!options.partial || !isIndelibleError(error)) throw error;
      return { members, plans, stopped_at: { member: i, ...failure } };
    }
  }
  return { members, plans, stopped_at: null };
}

function happened({ outcome, execution }: MemberProgress): boolean {
  return execution !== null && (outcome === 'applied' || outcome === 'partial');
}

async function planMemberUndo(
  parts: Parts,
  operation: Operation,
  member: number,
  override: boolean,
): Promise<ConnectorPlan> {
  const plan = operation.members[member]!;
  const connector = parts.connector(plan.connector);
  const { execution } = operation.progress[member]!;
  const snapshot = operation.snapshots[member]!;
  return parts.within(timeoutOf(plan), (context) =>
    connector.planRollback(plan, execution!, snapshot, context, { override }),
  );
}

/** Raises unless the operation can be undone now; what it raises is recorded, but for OPERATION_STATE. */
export async function checkUndoable(parts: Parts, operation: Operation, by: Actor): Promise<void> {
  const { state, rollback_until, progress } = operation;
  if (!UNDOABLE.includes(state)) {
    const details = { state, to: 'rollback_requested' };
    throw new IndelibleError('OPERATION_STATE', `it is ${state}: nothing to undo`, { details });
  }
  const problem = undoProblem();
  if (problem !== null) await refuse(parts, operation, by, problem);

  function undoProblem(): IndelibleError | null {
    if (!progress.some(happened))
      return new IndelibleError('ROLLBACK_IMPOSSIBLE', 'nothing is known to have happened');
    if (rollback_until === null)
      return new IndelibleError('ROLLBACK_IMPOSSIBLE', 'it has no undo, as its plan said');
    if (rollback_until >= parts.now) return null;
    const details = { rule: 'window', rollback_until };
    return new IndelibleError('ROLLBACK_REFUSED', `its undo window ended at ${rollback_until}`, { details });
  }
}

async function refuse(parts: Parts, operation: Operation, by: Actor, error: IndelibleError): Promise<never> {
  await parts.journal.refuse(operation, by, {
    attempted: 'rollback',
    ...failureOf(error),
    details: error.details as JsonObject,
  });
  throw error;
}

/** What a rollback would do, without recording anything or changing anything outside. */
export async function dryRunRollback(parts: Parts, operation: Operation, override: boolean) {
  const { members, plans } = await planUndo(parts, operation, { override, partial: false });
  const report = await dryRun(parts, operation.operation_id, operation.plan_hash!, plans);
  return { members, plans, dry_run: report };
}

/** Proposes the rollback. The child then goes the way of every operation. */
export async function requestRollback(
  parts: Parts,
  operation: Operation,
  request: RollbackRequest,
  newId: NewId,
): Promise<Operation> {
  await checkUndoable(parts, operation, request.requester);
  const override = request.override ?? false;
  let undo: RollbackPlan;
  try {
    undo = await planUndo(parts, operation, { override, partial: false });
  } catch (error) {
    if (!isIndelibleError(error, 'ROLLBACK_REFUSED') && !isIndelibleError(error, 'ROLLBACK_IMPOSSIBLE'))
      throw error;
    const touched = await touchesSince(parts, operation, lastSeq(operation));
    const details = { ...error.details, rule: 'foreign_change', touched };
    return refuse(
      parts,
      operation,
      request.requester,
      new IndelibleError(error.code, error.message, { details }),
    );
  }
  return proposeUndo(parts, operation, request, undo, { override, compensation: false }, newId);
}

/**
 * Undoes, newest first, what a change set did before one of its members failed. Its approval covered that. Null when
 * nothing can be undone.
 */
export async function requestCompensation(
  parts: Parts,
  operation: Operation,
  newId: NewId,
): Promise<Operation | null> {
  const undo = await planUndo(parts, operation, { override: false, partial: true });
  const requester = engineActor(operation);
  if (undo.plans.length === 0) {
    const why = undo.stopped_at;
    const reason =
      why === null ? 'nothing happened' : `member ${why.member} cannot be compensated: ${why.message}`;
    const data = { stopped_at: why };
    await parts.journal.append(operation, [
      { actor: requester, by: 'engine', to: 'needs_operator', reason: reason.slice(0, 500), data },
    ]);
    return null;
  }
  const request = { requester, reason: 'a later member of the change set failed' };
  return proposeUndo(parts, operation, request, undo, { override: false, compensation: true }, newId);
}

async function proposeUndo(
  parts: Parts,
  operation: Operation,
  request: { readonly requester: Actor; readonly reason: string },
  undo: RollbackPlan,
  how: { readonly override: boolean; readonly compensation: boolean },
  newId: NewId,
): Promise<Operation> {
  const { operation_id, plan_hash } = operation;
  const parent: Parent = { operation_id, plan_hash: plan_hash!, members: undo.members, ...how };
  const envelope = rollbackEnvelope(parts, operation, request, parent, newId);
  const child = await propose(parts, {
    envelope,
    members: undo.plans,
    secrets: [],
    execute_before_at_most: operation.rollback_until,
  });
  if (child.state === 'denied' || child.state === 'rejected') return child;
  const step: Step = {
    actor: request.requester,
    by: 'engine',
    to: 'rollback_requested',
    reason: request.reason,
    data: { rollback: child.operation_id, ...how, members: undo.members, stopped_at: undo.stopped_at },
  };
  try {
    await parts.journal.append(operation, [step]);
  } catch (error) {
    // Another rollback was first; this one must not wait for approval for ever.
    const cancelled: Step = {
      actor: engineActor(child),
      by: 'requester',
      to: 'cancelled',
      reason: 'superseded',
    };
    await parts.journal.append(child, [cancelled]);
    throw error;
  }
  return child;
}

/** Has the parent of a rollback show what became of it. */
export async function settle(parts: Parts, operation: Operation): Promise<Operation> {
  const { parent } = operation.envelope;
  if (parent === null) return operation;
  await settleParent(parts, await parts.journal.read(parent.operation_id), operation);
  return operation;
}

/** States of a child in which nothing was undone, and nothing will be. */
const NOT_MADE: readonly State[] = ['rejected', 'denied', 'expired', 'stale', 'cancelled', 'failed'];
const UNDONE: readonly State[] = [
  'verified',
  'closed',
  'accepted_with_exception',
  'rollback_requested',
  'rolled_back',
];
const UNDONE_BADLY: readonly State[] = [
  'verify_failed',
  'partially_executed',
  'needs_operator',
  'partially_compensated',
];

/** Has the parent show what became of its newest rollback; the parent as it is then. */
export async function settleParent(parts: Parts, parent: Operation, child: Operation): Promise<Operation> {
  if (parent.state !== 'rollback_requested' || parent.rollbacks.at(-1) !== child.operation_id) return parent;
  const actor = engineActor(parent);
  const step = (to: State, reason: string): Step => ({
    ...({ actor, by: 'engine', to, reason } as const),
    data: { rollback: child.operation_id, rollback_state: child.state },
  });
  if (UNDONE.includes(child.state)) {
    const covered = new Set(child.envelope.parent!.members);
    const left = parent.progress.flatMap((one, i) => (happened(one) && !covered.has(i) ? [i] : []));
    const partly = child.members.some(
      ({ capabilities }) => capabilities.rollback.method === 'partial-compensate',
    );
    if (left.length === 0 && !partly)
      return parts.journal.append(parent, [step('rolled_back', 'it was undone')]);
    const reason =
      left.length > 0 ? `members ${left.join(', ')} cannot be undone` : 'only part of it can be undone';
    return parts.journal.append(parent, [
      step('partially_compensated', reason),
      step('needs_operator', reason),
    ]);
  }
  if (UNDONE_BADLY.includes(child.state)) {
    const reason = `its rollback is ${child.state}`;
    return parts.journal.append(parent, [step('rollback_failed', reason), step('needs_operator', reason)]);
  }
  if (!NOT_MADE.includes(child.state)) return parent;
  const back = parent.before_rollback ?? 'needs_operator';
  const reason = `its rollback is ${child.state}`;
  // What a compensation leaves undone needs a person; trying the same again would end the same.
  const stuck = child.envelope.parent!.compensation && back === 'partially_executed';
  const returned = step(back, reason);
  return parts.journal.append(parent, stuck ? [returned, step('needs_operator', reason)] : [returned]);
}

/** The record of the execution itself. */
function lastSeq({ history }: Operation): number {
  const ends: State[] = ['executed', 'partially_executed'];
  return history.findLast(({ to, from }) => ends.includes(to) && to !== from)?.seq ?? history.at(-1)!.seq;
}
