/**
 * Running an approved operation: the intent first, then the effect, then its receipt.
 *
 * 1. One record consumes the approval, takes the lease, and names effect key, snapshot and decision. If it cannot be
 *    written, or the before-image not be kept, nothing runs.
 * 2. The connector does it, member by member; between two members one record holds the receipt of the first and the
 *    intent of the second.
 * 3. One record holds the last receipt, and if that took no longer, the next one what was read back.
 *
 * An answer that does not come, or does not say that nothing happened, makes it `indeterminate` (recovery.ts).
 */
import { type Actor, type ErrorCode, isIndelibleError } from '@indelible/core';
import type { Blobs, ConnectorContext, ConnectorSnapshot, Execution } from '../connectors/contract.ts';
import type { Step } from './journal.ts';
import { failureOf, type Parts, timeoutOf } from './parts.ts';
import { effectKey } from './plan-hash.ts';
import { compareStates } from './prediction.ts';
import type { Decision, Operation } from './types.ts';
import { undoUntil } from './undo-window.ts';
import { readBack, verified } from './verification.ts';

/** Errors of `execute` after which it is certain that nothing happened (connectors/contract.ts). */
const NOTHING_HAPPENED: readonly ErrorCode[] = [
  'CONNECTOR_PARAMS',
  'CONNECTOR_LIMIT',
  'CONNECTOR_CONFIG',
  'TARGET_CHANGED',
  'TARGET_NOT_FOUND',
  'TARGET_REFUSED',
  'EFFECT_FENCED',
  'ROLLBACK_REFUSED',
  'ROLLBACK_IMPOSSIBLE',
];

const READ_BACK_MS = 5;

/** Who executes, and whether as the first one or in place of one that ended. */
export interface Executor {
  readonly actor: Actor;
  readonly holder: string;
}

/** What became of one member. */
type Answer =
  | { readonly kind: 'done'; readonly execution: Execution }
  | { readonly kind: 'nothing'; readonly failure: ReturnType<typeof failureOf> }
  | { readonly kind: 'unclear'; readonly failure: ReturnType<typeof failureOf> };

/** Calls of `execute` that were given up while they still ran, by operation. */
export type Unsettled = Map<string, Promise<unknown>>;

/** Takes the before-images of the members from `from` on. */
export async function takeSnapshots(
  parts: Parts,
  operation: Operation,
  from: number,
  blobs: Blobs = parts.options.blobs,
): Promise<ConnectorSnapshot[]> {
  const snapshots = operation.snapshots.slice(0, from);
  for (const plan of operation.members.slice(from)) {
    const connector = parts.connector(plan.connector);
    const take = (context: ConnectorContext) => connector.snapshot(plan, context);
    snapshots.push(await parts.within(timeoutOf(plan), take, blobs));
  }
  return snapshots;
}

/** The record by which execution begins, or begins again, at member `from`. */
export function intent(
  parts: Parts,
  operation: Operation,
  executor: Executor,
  by: 'executor' | 'recovery',
  from: number,
  facts: { readonly decision: Decision; readonly snapshots: readonly ConnectorSnapshot[] },
): Step {
  const { plan_hash, members, lease, operation_id } = operation;
  const held = lease === null ? {} : { holder: lease.holder, epoch: lease.epoch };
  const votes = operation.votes.filter(({ purpose, counts }) => purpose === 'approval' && counts);
  return {
    actor: executor.actor,
    by,
    to: 'executing',
    data: {
      ...held,
      plan_hash,
      policy: facts.decision,
      approval: { votes: votes.map(({ seq }) => seq) },
      attempt: operation.attempts + 1,
      member: from,
      effect_key: effectKey(operation_id, plan_hash!, from),
      guarantee: members[from]!.capabilities.guarantee,
      lease: leaseFor(parts, operation, from, executor),
      snapshots: facts.snapshots,
      progress: { [from]: { outcome: 'started' } },
    },
  };
}

/** Long enough for the member under way; nobody else may touch it before. */
export function leaseFor(parts: Parts, operation: Operation, member: number, { holder }: Executor) {
  const timeout_ms = timeoutOf(operation.members[member]!);
  return { holder, expires_at: parts.after(timeout_ms + parts.lease_grace_ms) };
}

/** Runs the members from `from` on. The operation is `executing`, and this process holds the lease. */
export async function run(
  parts: Parts,
  operation: Operation,
  executor: Executor,
  from: number,
  unsettled: Unsettled,
): Promise<Operation> {
  let current = operation;
  for (let member = from; ; member++) {
    const answer = await runMember(parts, current, member, unsettled);
    await parts.reached('answered', current.operation_id);
    const step = stepAfter(parts, current, executor, member, answer);
    const more = step.to === 'executed' ? await verifiedAtOnce(parts, current, answer) : [];
    current = await parts.journal.append(current, [step, ...more]);
    if (step.action !== 'operation.step') return current;
    await parts.reached('stepped', current.operation_id);
  }
}

/**
 * The read-back, when it takes no longer than a record would: then it goes into one group with the receipt. Nothing
 * happens outside between the two. When it takes longer, the receipt does not wait for it.
 */
async function verifiedAtOnce(parts: Parts, operation: Operation, answer: Answer): Promise<Step[]> {
  if (answer.kind !== 'done') return [];
  const before = operation.progress.slice(0, -1).map(({ execution }) => execution);
  const found = await orGiveUp(readBack(parts, operation, [...before, answer.execution]), READ_BACK_MS);
  if (found === null || found === 'given up') return [];
  return verified(operation, found, undoUntil(parts, operation));
}

async function runMember(
  parts: Parts,
  operation: Operation,
  member: number,
  unsettled: Unsettled,
): Promise<Answer> {
  const plan = operation.members[member]!;
  const { operation_id, plan_hash, lease } = operation;
  const effect = { operation_id, plan_hash: plan_hash!, member, epoch: lease!.epoch };
  const snapshot = operation.snapshots[member]!;
  const connector = parts.connector(plan.connector);
  const running = parts.within(timeoutOf(plan), (context) =>
    connector.execute(plan, snapshot, parts.effect(context, effect), { commit: true }),
  );
  try {
    const execution = await orGiveUp(running, timeoutOf(plan) + parts.lease_grace_ms / 2);
    if (execution === 'given up') {
      const settled = running.catch(() => {}).finally(() => unsettled.delete(operation_id));
      unsettled.set(operation_id, settled);
      return {
        kind: 'unclear',
        failure: { code: 'CONNECTOR_UNAVAILABLE', message: 'it did not answer in time' },
      };
    }
    return { kind: 'done', execution };
  } catch (error) {
    const certain = isIndelibleError(error) && NOTHING_HAPPENED.includes(error.code);
    return { kind: certain ? 'nothing' : 'unclear', failure: failureOf(error) };
  }
}

/** A connector that ignores its signal must not hold the engine up for ever. */
async function orGiveUp<T>(running: Promise<T>, ms: number): Promise<T | 'given up'> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'given up'>((resolve) => {
    timer = setTimeout(resolve, ms, 'given up');
  });
  try {
    return await Promise.race([running, late]);
  } finally {
    clearTimeout(timer);
  }
}

function stepAfter(
  parts: Parts,
  operation: Operation,
  executor: Executor,
  member: number,
  answer: Answer,
): Step {
  const { holder, epoch } = operation.lease!;
  const common = { actor: executor.actor, by: 'executor' } as const;
  if (answer.kind === 'unclear') {
    const lease = leaseFor(parts, operation, member, executor);
    const data = { holder, epoch, lease, ...answer.failure, progress: { [member]: { outcome: 'unknown' } } };
    return { ...common, to: 'indeterminate', data, reason: answer.failure.message };
  }
  if (answer.kind === 'nothing') {
    const data = {
      holder,
      epoch,
      member,
      ...answer.failure,
      progress: { [member]: { outcome: 'not_applied' } },
    };
    return {
      ...common,
      ...endOf(parts, operation, member, 'not_applied', data),
      reason: answer.failure.message,
    };
  }
  const { execution } = answer;
  const { outcome } = execution;
  const progress = { [member]: { outcome, execution } };
  const prediction = compareStates(operation.members[member]!, execution);
  const last = member === operation.members.length - 1;
  if (outcome === 'applied' && !last) {
    const lease = leaseFor(parts, operation, member + 1, executor);
    const effect_key = effectKey(operation.operation_id, operation.plan_hash!, member + 1);
    const next = { ...progress, [member + 1]: { outcome: 'started' } };
    const data = { holder, epoch, lease, member, prediction, effect_key, progress: next };
    return { ...common, action: 'operation.step', to: 'executing', data };
  }
  return {
    ...common,
    ...endOf(parts, operation, member, outcome, { holder, epoch, member, prediction, progress }),
  };
}

/** Where an operation ends whose member came out like this, those before it having been applied. */
export function endOf(
  parts: Parts,
  operation: Operation,
  member: number,
  outcome: 'applied' | 'not_applied' | 'partial',
  data: object,
): Pick<Step, 'to' | 'data'> {
  const last = member === operation.members.length - 1;
  if (outcome === 'applied' && last)
    return { to: 'executed', data: { ...data, rollback_until: undoUntil(parts, operation) } };
  if (outcome === 'not_applied' && member === 0) return { to: 'failed', data };
  return { to: 'partially_executed', data: { ...data, rollback_until: undoUntil(parts, operation) } };
}
