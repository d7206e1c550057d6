/**
 * The tokens over HTTP, for administrators: a ledger in files belongs to the server's process alone, so nobody else
 * could revoke a token while it runs.
 *
 * Nobody hands out more than they have: a token is bound to ledgers that the token asking for it is bound to.
 */
import { IndelibleError } from '@indelible/core';
import { binds } from '../access/scopes.ts';
import type { Token } from '../access/token.ts';
import { type App, callerOf, type Parts } from './app.ts';
import { recordRead } from './read-routes.ts';
import { answer, answers, ledgerQuery, reference, Type, tokenRequest } from './schemas.ts';

const JSON_TYPE = 'application/json; charset=utf-8';

/** Adds the routes. */
export function addTokenRoutes(app: App, parts: Parts): void {
  const shown = (token: Token) => ({ ...token, status: parts.tokens.status(token) });
  const querystring = Type.Pick(ledgerQuery, []);

  app.post(
    '/v1/tokens',
    {
      config: { scope: 'admin', body_error: 'TOKEN_INVALID' },
      schema: {
        summary: 'Make a token',
        description: 'The secret is in the answer and nowhere else.',
        tags: ['tokens'],
        querystring,
        body: tokenRequest,
        response: answers({ 201: answer('Made.', reference('NewToken')) }, 400, 401, 403, 413, 415, 429, 503),
      },
    },
    async (request, reply) => {
      const { token: own, actor } = callerOf(request);
      const { ledgers = own.ledgers, ...asked } = request.body;
      const beyond = ledgers.find((name) => !binds(own.ledgers, name));
      if (beyond !== undefined)
        throw new IndelibleError('TOKEN_INVALID', 'ledgers must be among those of your own token', {
          details: { member: 'ledgers' },
        });
      const { token, secret } = await parts.tokens.issue({ ...asked, ledgers }, actor);
      return reply
        .code(201)
        .type(JSON_TYPE)
        .send(JSON.stringify({ ...shown(token), secret }));
    },
  );

  app.get(
    '/v1/tokens',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'All tokens ever made; never their secrets',
        tags: ['tokens'],
        querystring,
        response: answers(
          { 200: answer('The tokens.', Type.Object({ tokens: Type.Array(reference('Token')) })) },
          401,
          403,
          429,
          503,
        ),
      },
    },
    async (request, reply) => {
      const tokens = parts.tokens.list().map(shown);
      await recordRead(parts, request, {}, tokens.length);
      return reply.type(JSON_TYPE).send(JSON.stringify({ tokens }));
    },
  );

  app.delete(
    '/v1/tokens/:token_id',
    {
      config: { scope: 'admin' },
      schema: {
        summary: 'Revoke a token, at once',
        tags: ['tokens'],
        params: Type.Object({ token_id: Type.String() }),
        querystring,
        response: answers({ 200: answer('Revoked.', reference('Token')) }, 401, 403, 404, 429, 503),
      },
    },
    async (request, reply) => {
      const token = await parts.tokens.revoke(request.params.token_id, callerOf(request).actor);
      return reply.type(JSON_TYPE).send(JSON.stringify(shown(token)));
    },
  );
}
