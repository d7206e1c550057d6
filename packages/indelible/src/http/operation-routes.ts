/**
 * Governed writes over HTTP: asked for, listed, shown, and as an approver has to see them.
 *
 * Who asks is the token; whom the request names is the one for whom the token asks, as with records.
 */
import type { Actor, Session } from '@indelible/core';
import type { FastifyRequest } from 'fastify';
import { freezeActor } from '../ledger/actors.ts';
import type { MemberRequest } from '../operations/types.ts';
import { type App, callerOf, type Parts } from './app.ts';
import { approvalView, sendJson, sendProposed, summaryOf } from './operation-answers.ts';
import { listOperations } from './operation-list.ts';
import { operationParams, operationsQuery, planBody } from './operation-schemas.ts';
import { recordRead } from './read-routes.ts';
import { answer, answers, ledgerQuery, reference, Type } from './schemas.ts';

export const TAG = 'operations';
/** What every route of operations may answer besides. */
export const COMMON = [400, 401, 403, 404, 429, 500, 501, 503] as const;
const KEY_MAX = 200;

/** The token, for whom it says it asks. */
export function requesterOf(request: FastifyRequest, on_behalf_of: unknown): Actor {
  const { actor } = callerOf(request);
  return on_behalf_of === undefined ? actor : freezeActor({ ...actor, on_behalf_of: on_behalf_of as Actor });
}

/** Adds the routes. */
export function addOperationRoutes(app: App, parts: Parts): void {
  const { governed } = parts;

  app.post(
    '/v1/operations',
    {
      config: { scope: 'operations:plan', body_error: 'OPERATION_INVALID' },
      schema: {
        summary: 'Ask for a governed write, or several as one',
        description:
          'Resolves the targets, has policy decide, does the dry run, and records all of it. Nothing outside is changed. ' +
          'A plan that is denied (403) or whose dry run fails (422) is an operation, too: it is in the problem.',
        tags: [TAG],
        querystring: ledgerQuery,
        headers: Type.Object({
          'idempotency-key': Type.Optional(
            Type.String({
              maxLength: KEY_MAX,
              description:
                'A retry with the same key and content gets the first operation; other content 409.',
            }),
          ),
        }),
        body: planBody,
        response: answers({ 201: answer('Planned.', reference('Operation')) }, ...COMMON, 409, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const { engine } = governed.of(callerOf(request).ledger.name);
      const { members, on_behalf_of, session, ...asked } = request.body;
      const key = request.headers['idempotency-key'];
      const operation = await governed.during(
        engine.plan({
          correlation_id: request.trace.correlation_id!,
          ...asked,
          members: members as readonly MemberRequest[],
          requester: requesterOf(request, on_behalf_of),
          ...(session === undefined ? {} : { session: session as Session }),
          ...(key === undefined ? {} : { idempotency_key: key }),
        }),
      );
      return sendProposed(request, reply, operation);
    },
  );

  app.get(
    '/v1/operations',
    {
      config: { scope: 'operations:read' },
      schema: {
        summary: 'Operations, by state, requester, target, run and time',
        description:
          'Fixed at its first page, as with records. A page may be shorter than its limit, or empty; null ends it.',
        tags: [TAG],
        querystring: operationsQuery,
        response: answers({ 200: answer('A page.', reference('OperationPage')) }, ...COMMON),
      },
    },
    async (request, reply) => {
      const { ledger } = callerOf(request);
      const { engine } = governed.of(ledger.name);
      const { ledger: _, ...members } = request.query;
      const page = await listOperations(ledger, engine, members, parts.settings.clock());
      await recordRead(parts, request, members, page.operations.length);
      return sendJson(reply, { ...page, operations: page.operations.map(summaryOf) });
    },
  );

  app.get(
    '/v1/operations/:operation_id',
    {
      config: { scope: 'operations:read' },
      schema: {
        summary: 'One operation, whole',
        tags: [TAG],
        params: operationParams,
        querystring: ledgerQuery,
        response: answers({ 200: answer('The operation.', reference('Operation')) }, ...COMMON),
      },
    },
    async (request, reply) => sendJson(reply, (await read(request)).operation),
  );

  app.get(
    '/v1/operations/:operation_id/approval',
    {
      config: { scope: 'operations:read' },
      schema: {
        summary: 'What an approver has to have seen before voting',
        description:
          'Parameters, targets before and after with their diffs, how it would be undone and what cannot be, all as the ' +
          'plan hash covers them, so that whoever votes can compute the hash of what they saw.',
        tags: [TAG],
        params: operationParams,
        querystring: ledgerQuery,
        response: answers({ 200: answer('The plan.', reference('ApprovalView')) }, ...COMMON),
      },
    },
    async (request, reply) => {
      const { operation, opened } = await read(request);
      return sendJson(reply, approvalView(operation, opened));
    },
  );

  async function read(request: FastifyRequest) {
    const opened = governed.of(callerOf(request).ledger.name);
    const { operation_id } = request.params as { operation_id: string };
    const operation = await opened.engine.read(operation_id);
    await recordRead(parts, request, { operation_id }, 1);
    return { operation, opened };
  }
}
