/**
 * Checkpoints and proofs for holders of a token: what a client needs to show others that its record is in the log.
 *
 * Each answer is recorded as a read before it goes out, like the others.
 *
 * Errors:  CHECKPOINT_MISSING with Retry-After while no checkpoint covers the record; PROOF_RANGE, NOT_FOUND.
 */
import { IndelibleError } from '@indelible/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { Ledger } from '../ledger/ledger.ts';
import type { Transparency } from '../transparency/contract.ts';
import { abortedBy } from './abort.ts';
import { type App, callerOf, type Parts } from './app.ts';
import { findRecord, recordRead } from './read-routes.ts';
import { answer, answers, consistencyQuery, ledgerQuery, proofQuery, reference, Type } from './schemas.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const RETRY_AFTER_S = 1;

/** Adds the routes. */
export function addProofRoutes(app: App, parts: Parts): void {
  app.get(
    '/v1/records/:seq_or_id/proof',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'The proof that a record is in the log',
        description:
          'A tlog-proof file under the oldest checkpoint that covers the record; anybody with the verifier key can check it offline. ' +
          'With wait=true it waits, up to ten seconds, for a checkpoint to come.',
        tags: ['proofs'],
        params: Type.Object({ seq_or_id: Type.String() }),
        querystring: proofQuery,
        response: answers(
          { 200: answer('The proof file.', Type.String(), 'text/plain') },
          ...[400, 401, 403, 404, 429, 500, 503],
        ),
      },
    },
    async (request, reply) => {
      const { seq_or_id } = request.params;
      const { wait = 'false' } = request.query;
      const asked = { seq_or_id: seq_or_id.slice(0, 64), wait };
      const proof = await recordedToo(parts, request, asked, async () => {
        const { ledger } = callerOf(request);
        const log = transparencyOf(ledger);
        const seq = await seqOf(ledger, seq_or_id);
        if (wait === 'true') await waitForCheckpoint(parts, reply, log, seq);
        return log.proofFile(seq).catch((error: unknown) => {
          throw isMissing(error) ? missing(log, error.message) : error;
        });
      });
      return reply.type('text/plain; charset=utf-8').send(proof);
    },
  );

  app.get(
    '/v1/consistency',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'The proof that one state of the log continues another',
        description: 'Hashes between the roots of two sizes (RFC 6962 §2.1.2).',
        tags: ['proofs'],
        querystring: consistencyQuery,
        response: answers(
          { 200: answer('Roots and hashes.', reference('ConsistencyProof')) },
          ...[400, 401, 403, 404, 429, 500, 503],
        ),
      },
    },
    async (request, reply) => {
      const { ledger: _, ...asked } = request.query;
      const proof = await recordedToo(parts, request, asked, async () => {
        const log = transparencyOf(callerOf(request).ledger);
        const from = Number(asked.from);
        const to = asked.to === undefined ? (await newest(log)).size : Number(asked.to);
        const hashes = await log.consistencyProof(from, to);
        const [from_root, to_root] = [await log.root(from), await log.root(to)];
        return { origin: log.origin, from, to, from_root, to_root, hashes };
      });
      return reply.type(JSON_TYPE).send(JSON.stringify(proof));
    },
  );

  app.get(
    '/v1/checkpoints/latest',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'The newest checkpoint',
        tags: ['proofs'],
        querystring: ledgerQuery,
        response: answers(
          { 200: answer('The checkpoint.', reference('Checkpoint')) },
          ...[400, 401, 403, 404, 429, 500, 503],
        ),
      },
    },
    async (request, reply) => {
      const checkpoint = await recordedToo(parts, request, {}, async () => {
        const log = transparencyOf(callerOf(request).ledger);
        const { size, root, note, signed_at } = await newest(log);
        const { origin, verifier_keys } = log;
        return { origin, size, root, note, signed_at: new Date(signed_at).toISOString(), verifier_keys };
      });
      return reply.type(JSON_TYPE).send(JSON.stringify(checkpoint));
    },
  );
}

/** Records the read, also one that there is no answer to. */
async function recordedToo<T>(
  parts: Parts,
  request: FastifyRequest,
  asked: Readonly<Record<string, unknown>>,
  find: () => Promise<T>,
): Promise<T> {
  let found: T;
  try {
    found = await find();
  } catch (error) {
    if (error instanceof IndelibleError && error.http_status === 404)
      await recordRead(parts, request, asked, 0);
    throw error;
  }
  await recordRead(parts, request, asked, 1);
  return found;
}

function transparencyOf(ledger: Ledger): Transparency {
  if (ledger.transparency !== null) return ledger.transparency;
  throw new IndelibleError('CHECKPOINT_MISSING', `the ledger ${ledger.name} has no signing key`);
}

/** A truncated record can still be proven by its number: its hash is in the tree. */
async function seqOf(ledger: Ledger, seq_or_id: string): Promise<number> {
  const found = await findRecord(ledger, seq_or_id);
  if (found !== null) return found.record.seq;
  const head = await ledger.head();
  if (/^\d+$/.test(seq_or_id) && Number(seq_or_id) <= (head?.seq ?? -1)) return Number(seq_or_id);
  throw new IndelibleError('NOT_FOUND', 'no record has this sequence number or id');
}

/** Returns also when none came in time: the proof's own error then says so. */
async function waitForCheckpoint(
  { settings, closing }: Parts,
  reply: FastifyReply,
  log: Transparency,
  seq: number,
): Promise<void> {
  const late = AbortSignal.timeout(settings.proof_wait_ms);
  try {
    await log.waitFor(seq, AbortSignal.any([late, abortedBy(reply, closing)]));
  } catch (error) {
    if (closing.aborted) throw new IndelibleError('LEDGER_CLOSED', 'the server is closing');
    if (!late.aborted) throw error;
  }
}

async function newest(log: Transparency) {
  const checkpoint = await log.latest();
  if (checkpoint === null) throw missing(log, `the log ${log.origin} has no checkpoint yet`);
  return checkpoint;
}

function isMissing(error: unknown): error is IndelibleError {
  return error instanceof IndelibleError && error.code === 'CHECKPOINT_MISSING';
}

/** Says when to come back, and what keeps checkpoints from coming where that is known. */
function missing({ fault }: Transparency, message: string): IndelibleError {
  const details = { retry_after_s: RETRY_AFTER_S, ...(fault === null ? {} : { fault: fault.code }) };
  return new IndelibleError('CHECKPOINT_MISSING', message, { details });
}
