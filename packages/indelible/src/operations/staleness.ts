/**
 * Whether an approved operation is still what was approved: everything is looked at again right before it runs.
 *
 * Planning again, with the same parameters, gives the same text as long as targets, their versions, the connector and
 * the rollback plan are the same. Policy is asked again with the time of now.
 */
import { canonicalize, isIndelibleError } from '@indelible/core';
import type { ConnectorPlan } from '../connectors/contract.ts';
import { isOver } from './lifecycle.ts';
import { failureOf, type Parts, timeoutOf } from './parts.ts';
import { decideAll } from './planning.ts';
import { isSameSecret } from './secrets.ts';
import type { Decision, Operation } from './types.ts';

export interface Difference {
  readonly what: 'connector' | 'connector_version' | 'plan' | 'secret' | 'policy' | 'parent';
  readonly detail: string;
}

export interface Recheck {
  readonly differences: readonly Difference[];
  readonly decision: Decision;
}

/** `from`: the first member that has not been executed. */
export async function recheck(parts: Parts, operation: Operation, from = 0): Promise<Recheck> {
  const gone = operation.members.filter(({ connector }) => !parts.options.connectors.has(connector));
  if (gone.length > 0 && operation.decision !== null) {
    const differences = gone.map(({ connector }) => ({
      what: 'connector' as const,
      detail: `there is no connector ${connector} any more`,
    }));
    return { differences, decision: operation.decision };
  }
  const { combined } = await decideAll(parts, operation.envelope, operation.members);
  const differences: Difference[] = [];
  if (combined.effect === 'deny') differences.push({ what: 'policy', detail: combined.reason });
  else if (combined.decision_hash !== operation.decision?.decision_hash)
    differences.push({ what: 'policy', detail: 'policy decides otherwise by now' });
  differences.push(...(await secretDifferences(parts, operation)));
  differences.push(...(await parentDifferences(parts, operation)));
  for (const [i, plan] of operation.members.entries())
    if (i >= from) differences.push(...(await planDifferences(parts, operation, plan, i)));
  return { differences, decision: combined };
}

async function planDifferences(
  parts: Parts,
  operation: Operation,
  plan: ConnectorPlan,
  member: number,
): Promise<Difference[]> {
  const connector = parts.connector(plan.connector);
  if (connector.version !== plan.connector_version) {
    const detail = `${plan.connector} is ${connector.version}, not ${plan.connector_version}`;
    return [{ what: 'connector_version', detail }];
  }
  try {
    const again = await planAgain(parts, operation, plan, member);
    if (canonicalize(again) === canonicalize(plan)) return [];
    return [{ what: 'plan', detail: differenceOf(plan, again) }];
  } catch (error) {
    if (isIndelibleError(error, 'CONNECTOR_UNAVAILABLE')) throw error;
    return [{ what: 'plan', detail: failureOf(error).message }];
  }
}

async function planAgain(
  parts: Parts,
  { envelope }: Operation,
  plan: ConnectorPlan,
  member: number,
): Promise<ConnectorPlan> {
  const connector = parts.connector(plan.connector);
  const { parent } = envelope;
  if (parent === null)
    return parts.within(timeoutOf(plan), (context) => connector.plan(plan.action, plan.params, context));
  const undone = await parts.journal.known(parent.operation_id);
  const i = parent.members[member]!;
  const { execution } = undone.progress[i]!;
  return parts.within(timeoutOf(plan), (context) =>
    connector.planRollback(undone.members[i]!, execution!, undone.snapshots[i]!, context, {
      override: parent.override,
    }),
  );
}

async function secretDifferences(parts: Parts, { secrets }: Operation): Promise<Difference[]> {
  const differences: Difference[] = [];
  for (const known of secrets) {
    if (await isSameSecret(known, await parts.secret(known.name))) continue;
    differences.push({ what: 'secret', detail: `the secret ${known.name} has another value` });
  }
  return differences;
}

/** A rollback runs only while its parent waits for this one. */
async function parentDifferences(parts: Parts, { envelope, operation_id }: Operation): Promise<Difference[]> {
  if (envelope.parent === null) return [];
  const parent = await parts.journal.read(envelope.parent.operation_id);
  const waits = parent.state === 'rollback_requested' && parent.rollbacks.at(-1) === operation_id;
  if (waits && !isOver(parent.state)) return [];
  return [{ what: 'parent', detail: `the operation to be undone is ${parent.state}` }];
}

/** Which part of a plan differs, in words that show no values. */
function differenceOf(before: ConnectorPlan, after: ConnectorPlan): string {
  for (const [i, { resource, version }] of before.targets.entries()) {
    const now = after.targets[i];
    if (now === undefined || now.resource.id !== resource.id) return 'it would have other targets';
    if (now.version !== version) return `${resource.id} has changed since the plan was made`;
  }
  const members = Object.keys(before) as (keyof ConnectorPlan)[];
  const changed = members.filter((name) => canonicalize(before[name]) !== canonicalize(after[name]));
  return `planned again it has other ${changed.join(', ')}`;
}
