/**
 * POST /v1/records: one event, or many as NDJSON.
 *
 * Who acted is the token: an actor that the event names is kept as the one on whose behalf the token acted. Anything
 * else would let whoever holds a token sign with another's name.
 */
import { TypeBoxValidatorCompiler } from '@fastify/type-provider-typebox';
import { type Event, IndelibleError, type Json, type JsonObject, type Receipt } from '@indelible/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { type App, type Caller, callerOf, type Parts } from './app.ts';
import { NDJSON_TYPES } from './bodies.ts';
import { recordLines } from './bulk.ts';
import { answer, answers, ledgerQuery, reference, Type } from './schemas.ts';

/** What a caller sent as an event to record: the actor is the token, on behalf of the one claimed. */
export function eventOf(sent: Json, { actor }: Caller): Event {
  if (typeof sent !== 'object' || sent === null || Array.isArray(sent)) {
    throw new IndelibleError('EVENT_INVALID', 'event must be an object', { details: { member: 'event' } });
  }
  const event = sent as unknown as Event;
  if (event.actor === undefined) return event;
  return { ...event, actor: { ...actor, on_behalf_of: event.actor } };
}

const RECEIPT_OR_BULK = Type.Union([reference('Receipt'), reference('BulkResult')]);

/** Adds the route. */
export function addWriteRecords(app: App, parts: Parts): void {
  app.post(
    '/v1/records',
    {
      config: { scope: 'audit:write' },
      // The ledger itself checks events, in one place for every surface.
      validatorCompiler: (part) => (part.httpPart === 'body' ? () => true : TypeBoxValidatorCompiler(part)),
      schema: {
        summary: 'Record one event, or many as NDJSON',
        description:
          'Answers once everything recorded is durable. NDJSON: one event per line; the answer tells how many were recorded and which lines were not (207), ' +
          'or with `Accept: application/x-ndjson` one result per line.',
        tags: ['records'],
        querystring: ledgerQuery,
        headers: Type.Object({
          'idempotency-key': Type.Optional(
            Type.String({
              maxLength: 256,
              description: 'A retry with the same key returns the first receipt. One event only.',
            }),
          ),
        }),
        body: {
          content: {
            'application/json': { schema: reference('Event') },
            'application/x-ndjson': { schema: Type.String({ description: 'One event per line.' }) },
          },
        },
        response: answers(
          {
            201: answer('Recorded and durable: a receipt, or for NDJSON a BulkResult.', RECEIPT_OR_BULK),
            200: answer(
              'Nothing new: earlier requests with these idempotency keys recorded it.',
              RECEIPT_OR_BULK,
            ),
            207: answer('Some lines were not recorded.', reference('BulkResult')),
          },
          ...[400, 401, 403, 404, 409, 413, 415, 429, 503, 507],
        ),
      },
    },
    async (request, reply) => {
      const type = (request.headers['content-type'] ?? '').split(';', 1)[0]!.trim().toLowerCase();
      if (NDJSON_TYPES.includes(type)) return recordLines(parts, request, reply);
      return recordOne(parts, request, reply);
    },
  );
}

async function recordOne(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const caller = callerOf(request);
  const event = withKey(eventOf(request.body as Json, caller), request.headers['idempotency-key']);
  const observe = parts.metrics.append.startTimer();
  const receipt: Receipt = await caller.ledger.record(event, { best_effort: false });
  observe();
  return reply
    .code(receipt.duplicate ? 200 : 201)
    .header('location', `/v1/records/${receipt.seq}`)
    .type('application/json; charset=utf-8')
    .send(JSON.stringify(receipt));
}

function withKey(event: Event, key: string | string[] | undefined): Event {
  if (key === undefined) return event;
  const stated = (event as unknown as JsonObject).idempotency_key;
  if (typeof key !== 'string' || (stated !== undefined && stated !== key)) {
    throw new IndelibleError(
      'EVENT_INVALID',
      'the Idempotency-Key header and the event name different keys',
      {
        details: { member: 'idempotency_key' },
      },
    );
  }
  return { ...event, idempotency_key: key };
}
