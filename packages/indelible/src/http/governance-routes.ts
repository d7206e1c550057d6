/**
 * What governs the writes, over HTTP: what connectors promise, what policy would say, and whose keys sign votes.
 */
import type { Json } from '@indelible/core';
import { changeApprovers, listApprovers } from '../operations/approvers.ts';
import { decide } from '../operations/policy/decide.ts';
import { parseRequest } from '../operations/policy/parse-request.ts';
import { type App, callerOf, type Parts } from './app.ts';
import { sendJson } from './operation-answers.ts';
import { COMMON, TAG } from './operation-routes.ts';
import { enrolmentBody } from './operation-schemas.ts';
import { recordRead } from './read-routes.ts';
import { answer, answers, ledgerQuery, reference, Type } from './schemas.ts';

const ANYTHING = Type.Object({}, { additionalProperties: true });

/** Adds the routes. */
export function addGovernanceRoutes(app: App, parts: Parts): void {
  const { governed } = parts;

  app.get(
    '/v1/connectors',
    {
      config: { scope: 'operations:read' },
      schema: {
        summary: 'What each action of each connector promises',
        tags: [TAG],
        querystring: ledgerQuery,
        response: answers(
          { 200: answer('The matrix.', Type.Object({ actions: Type.Array(ANYTHING) })) },
          ...COMMON,
        ),
      },
    },
    async (request, reply) => {
      const { matrix } = governed.of(callerOf(request).ledger.name);
      return sendJson(reply, { actions: matrix });
    },
  );

  app.post(
    '/v1/policy/check',
    {
      config: { scope: 'operations:read' },
      // The request is checked by the policy itself, in one place for every surface.
      validatorCompiler: () => () => true,
      schema: {
        summary: 'What policy would say to a request',
        description:
          'The request is that of `indelible policy check --request`. Without one, the hashes of the policies in force. Nothing is recorded.',
        tags: [TAG],
        querystring: ledgerQuery,
        body: ANYTHING,
        response: answers({ 200: answer('The decision.', ANYTHING) }, ...COMMON, 413, 415),
      },
    },
    async (request, reply) => {
      const { policies } = governed.of(callerOf(request).ledger.name);
      const set = await policies.current();
      const { policy_set_hash, entities_hash } = set;
      const asked = (request.body ?? null) as Json;
      if (asked === null)
        return sendJson(reply, { policy_set_hash, entities_hash, policies: [...set.policies.keys()] });
      return sendJson(reply, decide(set, parseRequest(asked)));
    },
  );

  app.get(
    '/v1/approvers',
    {
      config: { scope: 'operations:read' },
      schema: {
        summary: 'Every key that was ever enrolled to sign votes',
        tags: [TAG],
        querystring: ledgerQuery,
        response: answers(
          { 200: answer('The keys.', Type.Object({ approvers: Type.Array(reference('Approver')) })) },
          ...COMMON,
        ),
      },
    },
    async (request, reply) => {
      const { ledger } = callerOf(request);
      governed.of(ledger.name);
      const approvers = await listApprovers(ledger);
      await recordRead(parts, request, {}, approvers.length);
      return sendJson(reply, { approvers });
    },
  );

  app.post(
    '/v1/approvers',
    {
      config: { scope: 'admin', body_error: 'APPROVER_KEY' },
      schema: {
        summary: 'Enrol or revoke the key of an approver',
        description:
          'The first key needs no signature, every later one those of approvers: a token alone makes no voters. Refusals are recorded.',
        tags: [TAG],
        querystring: ledgerQuery,
        body: enrolmentBody,
        response: answers({ 200: answer('The key.', reference('Approver')) }, ...COMMON, 413, 415, 422),
      },
    },
    async (request, reply) => {
      const { ledger, actor } = callerOf(request);
      governed.of(ledger.name);
      const now = new Date(parts.settings.clock()).toISOString();
      return sendJson(reply, await changeApprovers(ledger, request.body.request, actor, now));
    },
  );
}
