/**
 * GET /v1/verify: checks the ledger, one verification at a time, and records the verdict.
 *
 * A ledger that is not consistent answers 500 TAMPERING, and one that could not be checked 503, with the report's
 * members in the problem: a script that looks at the status alone must never take damage for success.
 */
import { IndelibleError } from '@indelible/core';
import { abortedBy } from './abort.ts';
import { type App, callerOf, type Parts } from './app.ts';
import { sendProblem } from './error-handling.ts';
import { answer, answers, ledgerQuery, reference } from './schemas.ts';

/** Adds the route. */
export function addVerifyRoute(app: App, parts: Parts): void {
  app.get(
    '/v1/verify',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'Verify the ledger',
        description:
          '200 only when it is consistent. One verification runs at a time; its result is recorded.',
        tags: ['integrity'],
        querystring: ledgerQuery,
        response: answers(
          { 200: answer('Consistent.', reference('VerifyReport')) },
          400,
          401,
          403,
          404,
          409,
          429,
          500,
          503,
        ),
      },
    },
    async (request, reply) => {
      const { ledger } = callerOf(request);
      const signal = abortedBy(reply, parts.closing);
      const report = await parts.verifications.run(ledger, { signal }).catch((error: unknown) => {
        throw signal.aborted ? STOPPED : error;
      });
      if (report.ok) return reply.type('application/json; charset=utf-8').send(JSON.stringify(report));
      const code = report.verdict === 'damaged' ? 'TAMPERING' : 'VERIFY_INCOMPLETE';
      return sendProblem(request, reply, new IndelibleError(code, report.detail), { ...report });
    },
  );
}

const STOPPED = new IndelibleError('VERIFY_INCOMPLETE', 'the verification was stopped before its end');
