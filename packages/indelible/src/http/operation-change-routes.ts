/**
 * What becomes of an operation over HTTP: votes, execution, withdrawal, undo, recovery.
 *
 * A vote is signed where its person's key is. The token that hands it in must be named for that person, so that nobody
 * votes with what somebody else signed for another occasion.
 */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { allows } from '../access/scopes.ts';
import type { OperationEngine } from '../operations/engine.ts';
import { isInChain } from '../operations/people.ts';
import type { Operation, VotePurpose } from '../operations/types.ts';
import { type App, callerOf, type Parts } from './app.ts';
import { refuseScope } from './gate.ts';
import { sendApplied, sendJson, sendProposed, summaryOf } from './operation-answers.ts';
import { COMMON, requesterOf, TAG } from './operation-routes.ts';
import {
  adviceBody,
  applyBody,
  operationParams,
  reasonBody,
  resolveBody,
  rollbackBody,
  voteBody,
} from './operation-schemas.ts';
import { answer, answers, ledgerQuery, reference, Type } from './schemas.ts';

const OPERATION = { 200: answer('The operation as it is now.', reference('Operation')) };

/** Adds the routes. */
export function addOperationChangeRoutes(app: App, parts: Parts): void {
  const { governed } = parts;
  const engineOf = (request: FastifyRequest) => governed.of(callerOf(request).ledger.name).engine;
  const change = async (
    request: FastifyRequest,
    reply: FastifyReply,
    work: (engine: OperationEngine, id: string) => Promise<Operation>,
  ): Promise<FastifyReply> => {
    const { operation_id } = request.params as { operation_id: string };
    return sendJson(reply, await governed.during(work(engineOf(request), operation_id)));
  };
  const described = (summary: string, description: string) => ({
    ...{ summary, description, tags: [TAG], params: operationParams, querystring: ledgerQuery },
    response: answers(OPERATION, ...COMMON, 409, 413, 415),
  });

  app.post(
    '/v1/operations/:operation_id/votes',
    {
      config: { scope: 'operations:approve', body_error: 'OPERATION_INVALID' },
      schema: {
        ...described(
          'Approve or veto a plan, with a signed vote',
          'The statement is signed with the enrolled key of the person that the token is named for. Repeating a vote changes nothing.',
        ),
        body: voteBody,
      },
    },
    (request, reply) => {
      const { plan_hash, vote, purpose, signature } = request.body;
      const sender = callerOf(request).actor.id;
      return change(request, reply, (engine, id) => {
        if (purpose === 'break_glass') return engine.breakGlass(id, signature, sender);
        const asked = purpose === undefined ? {} : { purpose: purpose as VotePurpose };
        return engine.vote(id, { plan_hash, vote, signature, sender, ...asked });
      });
    },
  );

  app.post(
    '/v1/operations/:operation_id/advice',
    {
      config: { scope: 'operations:plan', body_error: 'OPERATION_INVALID' },
      schema: {
        ...described('Advise approvers', 'For agents and programs: approvers see it, and it does not count.'),
        body: adviceBody,
      },
    },
    (request, reply) =>
      change(request, reply, (engine, id) =>
        engine.advise(id, { ...request.body, advisor: callerOf(request).actor }),
      ),
  );

  app.post(
    '/v1/operations/:operation_id/apply',
    {
      config: { scope: 'operations:execute', body_error: 'OPERATION_INVALID' },
      schema: {
        ...described(
          'Execute an approved operation, and verify it',
          '200 only when it was executed and verified; otherwise a problem, with the operation in it. It goes on when the client leaves.',
        ),
        body: applyBody,
        response: answers(OPERATION, ...COMMON, 409, 413, 415, 422, 502),
      },
    },
    async (request, reply) => {
      const { operation_id } = request.params;
      const { actor } = callerOf(request);
      const working = engineOf(request).apply(operation_id, { actor, ...request.body });
      return sendApplied(request, reply, await governed.during(working));
    },
  );

  app.post(
    '/v1/operations/:operation_id/cancel',
    {
      config: { scope: 'operations:plan', body_error: 'OPERATION_INVALID' },
      schema: {
        ...described(
          'Withdraw an operation before it is executed',
          'One’s own; those of others need the scope operations:execute.',
        ),
        body: reasonBody,
      },
    },
    (request, reply) =>
      change(request, reply, async (engine, id) => {
        const { actor, token } = callerOf(request);
        const { requester } = (await engine.read(id)).envelope;
        if (!isInChain(actor.id, requester) && !allows(token.scopes, 'operations:execute'))
          return refuseScope(parts, request, 'operations:execute');
        return engine.cancel(id, actor, request.body.reason);
      }),
  );

  app.post(
    '/v1/operations/:operation_id/close',
    {
      config: { scope: 'operations:execute', body_error: 'OPERATION_INVALID' },
      schema: {
        ...described('Give up the undo of a verified operation', 'It can then no longer be rolled back.'),
        body: reasonBody,
      },
    },
    (request, reply) =>
      change(request, reply, (engine, id) => engine.close(id, callerOf(request).actor, request.body.reason)),
  );

  app.post(
    '/v1/operations/:operation_id/resolve',
    {
      config: { scope: 'operations:execute', body_error: 'OPERATION_INVALID' },
      schema: {
        ...described('Say what happened to an operation that needs an operator', 'What a person found out.'),
        body: resolveBody,
      },
    },
    (request, reply) =>
      change(request, reply, (engine, id) =>
        engine.decideOutcome(id, { actor: callerOf(request).actor, ...request.body }),
      ),
  );

  app.post(
    '/v1/operations/:operation_id/rollback',
    {
      config: { scope: 'operations:plan', body_error: 'OPERATION_INVALID' },
      schema: {
        ...described(
          'Ask for the undo of an operation, as an operation of its own',
          'With dry_run only shown, and nothing recorded but a refusal. 409 when a target is no longer what was left: `details.touched` names what was recorded about it since.',
        ),
        body: rollbackBody,
        response: answers(
          {
            200: answer('What it would do.', Type.Object({}, { additionalProperties: true })),
            201: answer('Planned.', reference('Operation')),
          },
          ...COMMON,
          ...[409, 413, 415, 422],
        ),
      },
    },
    async (request, reply) => {
      const { operation_id } = request.params;
      const { dry_run = false, override = false, on_behalf_of, reason = '' } = request.body;
      const requester = requesterOf(request, on_behalf_of);
      const engine = engineOf(request);
      if (dry_run) {
        const report = await engine.dryRunRollback(operation_id, { actor: requester, override });
        return sendJson(reply, report);
      }
      const asked = engine.rollback(operation_id, { requester, reason, override });
      return sendProposed(request, reply, await governed.during(asked));
    },
  );

  app.post(
    '/v1/operations/recover',
    {
      config: { scope: 'operations:execute' },
      schema: {
        summary: 'Do everything that is due, now',
        description: 'The server does so by itself every few seconds. Repeating it is harmless.',
        tags: [TAG],
        querystring: ledgerQuery,
        response: answers({ 200: answer('What was done.', reference('Sweep')) }, ...COMMON),
      },
    },
    async (request, reply) => {
      const { name } = callerOf(request).ledger;
      governed.of(name);
      const { changed, failed, open } = await governed.sweep(name);
      return sendJson(reply, { changed: changed.map(summaryOf), failed, open });
    },
  );
}
