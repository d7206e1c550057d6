/**
 * GET /v1/verify: checks the ledger, one verification at a time, and records the verdict.
 *
 * A ledger that is not consistent answers 500 TAMPERING, and one that could not be checked 503, with the report's
 * members in the problem: a script that looks at the status alone must never take damage for success.
 */
import { IndelibleError, type JsonObject } from '@indelible/core';
import type { FastifyRequest } from 'fastify';
import type { Ledger } from '../ledger/ledger.ts';
import type { VerifyReport } from '../ledger/types.ts';
import { verifyLog } from '../ledger/verify.ts';
import { abortedBy } from './abort.ts';
import { type App, callerOf, type Parts } from './app.ts';
import { sendProblem } from './error-handling.ts';
import { asIndelibleError } from './problem.ts';
import { answer, answers, ledgerQuery, reference } from './schemas.ts';

/** Adds the route. */
export function addVerifyRoute(app: App, parts: Parts): void {
  let running = false;
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
      if (running) {
        throw new IndelibleError('VERIFY_RUNNING', 'a verification is under way', {
          details: { retry_after_s: 1 },
        });
      }
      running = true;
      try {
        const { ledger } = callerOf(request);
        const stop = abortedBy(reply, parts.closing);
        const report = await verify(ledger, stop).catch((error: unknown) =>
          notChecked(request, stop.aborted ? STOPPED : error),
        );
        if (report.ok) {
          await recordVerdict(ledger, report);
          return await reply.type('application/json; charset=utf-8').send(JSON.stringify(report));
        }
        // A damaged ledger may refuse the record of its damage; the caller must hear of it all the same.
        await recordVerdict(ledger, report).catch((error: unknown) =>
          request.log.error({ err: error }, 'the verdict could not be recorded'),
        );
        const code = report.verdict === 'damaged' ? 'TAMPERING' : 'VERIFY_INCOMPLETE';
        return await sendProblem(request, reply, new IndelibleError(code, report.detail), { ...report });
      } finally {
        running = false;
      }
    },
  );
}

const STOPPED = new IndelibleError('VERIFY_INCOMPLETE', 'the verification was stopped before its end');

/** Records that there is no verdict, and why, and raises that. */
async function notChecked(request: FastifyRequest, error: unknown): Promise<never> {
  const { ledger } = callerOf(request);
  const resource = { type: 'ledger', id: ledger.name };
  const data = { verdict: 'not_checked', code: asIndelibleError(error).code };
  await ledger
    .recordOwn({ action: 'ledger.verified', resource, outcome: 'error', data })
    .catch((fault: unknown) => request.log.error({ err: fault }, 'the verdict could not be recorded'));
  throw error;
}

async function verify(ledger: Ledger, signal: AbortSignal): Promise<VerifyReport> {
  const { store, index, attachments, keyring } = ledger;
  return verifyLog({
    store,
    keys: keyring.keys,
    signal,
    ...(index === null ? {} : { index }),
    ...(attachments === null ? {} : { attachments }),
  });
}

/** The same record as `indelible verify --record` makes; the caller is in the request's context. */
async function recordVerdict(ledger: Ledger, report: VerifyReport): Promise<void> {
  const { verdict, records_checked, first_bad_seq, damage, head } = report;
  const data: JsonObject = {
    verdict,
    records_checked,
    first_bad_seq,
    damage,
    head: head === null ? null : { ...head },
  };
  const resource = { type: 'ledger', id: ledger.name };
  await ledger.recordOwn({ action: 'ledger.verified', resource, outcome: report.ok ? 'ok' : 'error', data });
}
