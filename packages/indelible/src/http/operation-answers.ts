/**
 * Operations as answers: whole, in short, and as an approver must see them.
 *
 * A script that looks at the status alone must not take a denied plan or a failed execution for success: those answer a
 * problem, with the operation in it.
 */
import { IndelibleError } from '@indelible/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { OpenedOperations } from '../compose/operations.ts';
import { missing } from '../operations/approvals.ts';
import { STATES } from '../operations/lifecycle.ts';
import type { HashedPlan } from '../operations/plan-hash.ts';
import type { Operation } from '../operations/types.ts';
import { sendProblem } from './error-handling.ts';

export const JSON_TYPE = 'application/json; charset=utf-8';
const TARGETS_SHOWN = 32;
const ENDED_WELL = ['verified', 'closed'];

export function sendJson(reply: FastifyReply, value: unknown, status = 200): FastifyReply {
  return reply.code(status).type(JSON_TYPE).send(JSON.stringify(value));
}

/** A proposal: 201, unless it ended at once. */
export function sendProposed(
  request: FastifyRequest,
  reply: FastifyReply,
  operation: Operation,
): FastifyReply {
  const { operation_id, state, decision } = operation;
  const details = { operation_id, state };
  if (state === 'denied') {
    const error = new IndelibleError('OPERATION_DENIED', decision?.reason ?? 'it was denied', { details });
    return sendProblem(request, reply, error, { operation });
  }
  if (state === 'rejected') {
    const error = new IndelibleError('OPERATION_REJECTED', 'the dry run failed', { details });
    return sendProblem(request, reply, error, { operation });
  }
  return sendJson(reply.header('location', `/v1/operations/${operation_id}`), operation, 201);
}

/** An execution: 200 when it was verified. */
export function sendApplied(
  request: FastifyRequest,
  reply: FastifyReply,
  operation: Operation,
): FastifyReply {
  const { operation_id, state } = operation;
  if (ENDED_WELL.includes(state)) return sendJson(reply, operation);
  const message = `the operation is ${state}. ${STATES[state].summary}`;
  const error = new IndelibleError('OPERATION_FAILED', message, { details: { operation_id, state } });
  return sendProblem(request, reply, error, { operation });
}

/** One of a listing. */
export function summaryOf(operation: Operation) {
  const { operation_id, state, envelope, members, plan_hash, deadlines, rollback_until } = operation;
  const { kind, requester, reason, intent, correlation_id, created_at, break_glass, parent } = envelope;
  return {
    ...{ operation_id, kind, state, requester, reason, intent, correlation_id, created_at, break_glass },
    members: members.map(({ connector, action }) => ({ connector, action })),
    targets: members
      .flatMap(({ targets }) => targets.map(({ resource: { type, id } }) => ({ type, id })))
      .slice(0, TARGETS_SHOWN),
    plan_hash,
    deadlines,
    missing: state === 'pending_approval' ? missing(operation, 'approval') : [],
    rollback_until,
    rollback_of: parent?.operation_id ?? null,
  };
}

/** What an approver has to have seen: exactly what the plan hash covers, and what it means. */
export function approvalView(operation: Operation, { limitation }: OpenedOperations) {
  const { operation_id, state, plan_hash, envelope, members, secrets, decision, deadlines } = operation;
  const { requirements, votes, dry_run } = operation;
  const hashed: HashedPlan | null =
    decision === null || deadlines === null
      ? null
      : {
          ...{ envelope, members, secrets, deadlines },
          policy_set_hash: decision.policy_set_hash,
          entities_hash: decision.entities_hash,
        };
  return {
    ...{ operation_id, state, plan_hash },
    plan: hashed === null ? null : { v: 1, ...hashed },
    statement: { ledger: envelope.ledger, operation_id, plan_hash, purpose: 'approval' },
    decision,
    requirements,
    missing: missing(operation, 'approval'),
    votes,
    dry_run,
    is_irreversible: members.some(({ capabilities }) => !capabilities.rollback.can_rollback),
    limitations: members.flatMap(({ connector, capabilities }) =>
      capabilities.rollback.limitations.map((code) => ({
        connector,
        code,
        meaning: limitation(connector, code),
      })),
    ),
  };
}
