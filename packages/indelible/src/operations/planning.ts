/**
 * From a request to an operation: targets resolved, policy asked, dry run done, plan hash fixed.
 *
 * Nothing is recorded before all of that is known, and nothing outside is changed: a crash in between leaves nothing,
 * and planning again is free.
 */
import { type Actor, IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import type { ConnectorContext, ConnectorPlan, DryRun, Execution } from '../connectors/contract.ts';
import { newCorrelationId } from '../ledger/identity.ts';
import { requirementsOf } from './approvals.ts';
import { dryBlobs } from './blobs.ts';
import { requestKey, type Step, targetsOf } from './journal.ts';
import { failureOf, type Parts, timeoutOf } from './parts.ts';
import { planHash, requestHash } from './plan-hash.ts';
import { compareStates, type PredictionReport } from './prediction.ts';
import { checkRequest, invalid } from './request.ts';
import { hashSecret, refuseOpenSecrets, secretNames } from './secrets.ts';
import type {
  Deadlines,
  Decision,
  Envelope,
  MemberRequest,
  Operation,
  OperationRequest,
  Parent,
  SecretHash,
} from './types.ts';

/** Operation ids are those of records: UUIDs of version 7. */
export type NewId = () => string;

/** Plans what is asked for. A retry with the same idempotency key returns the first operation. */
export async function planOperation(
  parts: Parts,
  request: OperationRequest,
  newId: NewId,
): Promise<Operation> {
  checkRequest(request);
  const earlier = await earlierOperation(parts, request);
  if (earlier !== null) return earlier;
  const operation_id = newId();
  try {
    const members: ConnectorPlan[] = [];
    for (const member of request.members) members.push(await planMember(parts, member));
    refuseSharedTargets(members);
    const secrets = await hashSecrets(parts, members);
    const envelope = envelopeOf(parts, request, operation_id);
    return await propose(parts, { envelope, members, secrets });
  } catch (error) {
    if (isIndelibleError(error, 'IDEMPOTENCY_CONFLICT')) {
      const first = await earlierOperation(parts, request);
      if (first !== null) return first;
    }
    await recordRefusedRequest(parts, request, operation_id, error);
    throw error;
  }
}

async function planMember(
  parts: Parts,
  { connector: id, action, params }: MemberRequest,
): Promise<ConnectorPlan> {
  const connector = parts.connector(id);
  const known = Object.hasOwn(connector.actions, action) ? connector.actions[action] : undefined;
  if (known === undefined) throw invalid('action', `is none of the connector ${id}`);
  refuseOpenSecrets(known.params, params);
  const { timeout_ms } = connector.capabilities(action, params).limits;
  return parts.within(timeout_ms, (context) => connector.plan(action, params, context));
}

/** Two members of one change set on one target: the second one's plan would be out of date once the first has run. */
function refuseSharedTargets(members: readonly ConnectorPlan[]): void {
  const seen = new Set<string>();
  for (const { id } of targetsOf(members)) {
    if (seen.has(id)) throw invalid('members', `have a target in common: ${id}`);
    seen.add(id);
  }
}

async function hashSecrets(parts: Parts, members: readonly ConnectorPlan[]): Promise<SecretHash[]> {
  const names = new Set(members.flatMap(({ params }) => secretNames(params)));
  const hashes: SecretHash[] = [];
  for (const name of [...names].sort()) hashes.push(await hashSecret(name, await parts.secret(name)));
  return hashes;
}

function envelopeOf(
  parts: Parts,
  request: OperationRequest,
  operation_id: string,
  parent?: Parent,
): Envelope {
  return {
    operation_id,
    kind: parent === undefined ? 'change' : 'rollback',
    ledger: parts.options.ledger.name,
    requester: request.requester,
    reason: request.reason,
    intent: request.intent ?? null,
    correlation_id: request.correlation_id ?? newCorrelationId(),
    session: request.session ?? null,
    idempotency_key: request.idempotency_key ?? null,
    break_glass: request.break_glass ?? false,
    parent: parent ?? null,
    created_at: parts.now,
    request_hash: requestHash(request),
  };
}

/** What is to be decided, validated and recorded. */
export interface Proposal {
  readonly envelope: Envelope;
  readonly members: readonly ConnectorPlan[];
  readonly secrets: readonly SecretHash[];
  /** Whoever's time is shorter than what policy gives. */
  readonly execute_before_at_most?: string | null;
}

/** Decides, does the dry run, and records the operation up to where it waits for somebody. */
export async function propose(parts: Parts, proposal: Proposal): Promise<Operation> {
  const { envelope, members, secrets } = proposal;
  const { requester } = envelope;
  const decisions = await decideAll(parts, envelope, members);
  const decision = decisions.combined;
  const requirements = requirementsOf(decision, envelope, members);
  const deadlines = deadlinesOf(parts, decision, requirements.length > 0, proposal.execute_before_at_most);
  const { policy_set_hash, entities_hash } = decision;
  const plan_hash = planHash({ envelope, members, secrets, policy_set_hash, entities_hash, deadlines });
  const denied = decision.effect === 'deny';
  const dry_run = denied ? null : await dryRun(parts, envelope.operation_id, plan_hash, members);
  const engine = {
    by: 'engine',
    actor: { type: 'service', id: 'indelible', on_behalf_of: requester },
  } as const;

  const planned: Step = {
    actor: requester,
    by: envelope.parent?.compensation === true ? 'engine' : 'requester',
    to: 'planned',
    data: { envelope, members, secrets },
  };
  if (dry_run?.failure !== undefined) {
    const rejected: Step = { ...engine, to: 'rejected', data: { dry_run }, reason: 'the dry run failed' };
    return parts.journal.append(null, [planned, rejected]);
  }
  const validated: Step = {
    ...engine,
    to: 'validated',
    data: { policy: decision, policies: decisions.each, dry_run, plan_hash, deadlines },
  };
  return parts.journal.append(null, [planned, validated, ...next()]);

  function next(): Step[] {
    const { reason } = decision;
    if (denied) return [{ ...engine, to: 'denied', reason }];
    if (envelope.break_glass) return [];
    return [{ ...engine, to: requirements.length > 0 ? 'pending_approval' : 'approved', reason }];
  }
}

/** What policy says to each member, and to all of them as one. */
export async function decideAll(
  parts: Parts,
  envelope: Envelope,
  members: readonly ConnectorPlan[],
): Promise<{ each: Decision[]; combined: Decision }> {
  const view = await parts.policy();
  const each = members.map((plan) =>
    view.decide(plan, {
      operation_id: envelope.operation_id,
      actor: envelope.requester,
      connector_kind: parts.connector(plan.connector).kind,
      rollback: envelope.kind === 'rollback',
      override: envelope.parent?.override ?? false,
      break_glass: envelope.break_glass,
      now: parts.clock(),
    }),
  );
  return { each, combined: each.length === 1 ? each[0]! : view.combine(each) };
}

function deadlinesOf(
  parts: Parts,
  decision: Decision,
  needs_approval: boolean,
  at_most: string | null = null,
): Deadlines {
  const approval_ms = decision.approval_expires_after_ms ?? parts.approval_expires_ms;
  const waits = needs_approval ? approval_ms : 0;
  const before = parts.after(waits + (decision.execute_within_ms ?? parts.execute_within_ms));
  const execute_before = at_most !== null && at_most < before ? at_most : before;
  const expires = parts.after(approval_ms);
  return { approval_expires_at: expires < execute_before ? expires : execute_before, execute_before };
}

export interface MemberReport extends Partial<PredictionReport> {
  readonly member: number;
  readonly dry_run: DryRun;
}

export interface DryRunReport {
  readonly members: readonly MemberReport[];
  readonly failure?: JsonObject;
}

/** Everything but the last step, member by member, on the path of the real run. */
export async function dryRun(
  parts: Parts,
  operation_id: string,
  plan_hash: string,
  members: readonly ConnectorPlan[],
): Promise<DryRunReport> {
  const reports: MemberReport[] = [];
  for (const [member, plan] of members.entries()) {
    if (plan.capabilities.dry_run === 'none') {
      reports.push({ member, dry_run: 'none' });
      continue;
    }
    try {
      const execution = await runDry(parts, plan, { operation_id, plan_hash, member, epoch: 0 });
      reports.push({ member, dry_run: plan.capabilities.dry_run, ...compareStates(plan, execution) });
    } catch (error) {
      return { members: reports, failure: { member, ...failureOf(error) } };
    }
  }
  return { members: reports };
}

function runDry(
  parts: Parts,
  plan: ConnectorPlan,
  effect: Parameters<Parts['effect']>[1],
): Promise<Execution> {
  const connector = parts.connector(plan.connector);
  const run = async (context: ConnectorContext) => {
    const snapshot = await connector.snapshot(plan, context);
    return connector.execute(plan, snapshot, parts.effect(context, effect), { commit: false });
  };
  return parts.within(timeoutOf(plan), run, dryBlobs(parts.options.blobs));
}

/** The operation that an idempotency key stands for, or null. */
async function earlierOperation(parts: Parts, request: OperationRequest): Promise<Operation | null> {
  const { idempotency_key } = request;
  if (idempotency_key === undefined) return null;
  const { ledger } = parts.options;
  await ledger.caughtUp();
  const key = requestKey(idempotency_key);
  const seq = (await ledger.index?.byIdempotencyKeys([key]))?.seqs.get(key);
  if (seq === undefined) return null;
  const [stored] = await ledger.get([seq]);
  const operation = await parts.journal.read(stored?.record.resource?.id ?? '');
  if (operation.envelope.request_hash === requestHash(request)) return operation;
  throw new IndelibleError(
    'OPERATION_KEY_CONFLICT',
    `the idempotency key belongs to operation ${operation.operation_id}, which asks for something else`,
    { details: { operation_id: operation.operation_id } },
  );
}

/** A request that no operation came of is on record too. */
async function recordRefusedRequest(
  parts: Parts,
  request: OperationRequest,
  operation_id: string,
  error: unknown,
): Promise<void> {
  const members = request.members.map(({ connector, action }) => ({ connector, action }));
  await parts.options.ledger.recordOwn({
    action: 'operation.request_refused',
    actor: request.requester,
    resource: { type: 'operation', id: operation_id },
    outcome: 'denied',
    ...(request.correlation_id === undefined ? {} : { correlation_id: request.correlation_id }),
    data: { ...failureOf(error), members, reason: request.reason, request_hash: requestHash(request) },
  });
}

/** The envelope of a rollback. */
export function rollbackEnvelope(
  parts: Parts,
  operation: Operation,
  by: { readonly requester: Actor; readonly reason: string },
  parent: Parent,
  newId: NewId,
): Envelope {
  const { correlation_id, session } = operation.envelope;
  const request = {
    ...{ members: [], requester: by.requester, reason: by.reason, correlation_id },
    ...(session === null ? {} : { session }),
  };
  return envelopeOf(parts, request, newId(), parent);
}
