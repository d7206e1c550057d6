/**
 * The routes that read: records, one record, runs, the compact audit listing. Each read is recorded before its answer
 * goes out, so nobody has seen what the ledger does not know they have seen.
 */
import { IndelibleError, type JsonObject } from '@indelible/core';
import type { FastifyRequest } from 'fastify';
import { AUDIT_LIMIT_DEFAULT, AUDIT_LIMIT_MAX, auditLimit, auditList } from '../evidence/audit-list.ts';
import { parseQuery, queryRecords } from '../evidence/query.ts';
import { whatHappened } from '../evidence/run.ts';
import { bytesOf } from '../ledger/data-of.ts';
import type { Ledger } from '../ledger/ledger.ts';
import type { StoredRecord } from '../ledger/types.ts';
import { type App, callerOf, type Parts, routeOf } from './app.ts';
import { answer, answers, ledgerQuery, recordsQuery, reference, Type } from './schemas.ts';

const JSON_TYPE = 'application/json; charset=utf-8';
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

/** The bytes that were hashed, as they are, beside their hash. */
export function storedText({ hash, body }: StoredRecord): string {
  return `{"hash":"${hash}","record":${body}}`;
}

/** Adds the routes. */
export function addReadRoutes(app: App, parts: Parts): void {
  app.get(
    '/v1/records',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'Query records',
        description:
          'A listing is fixed at its first page: records that come later are left out, and no page repeats or skips one.',
        tags: ['records'],
        querystring: recordsQuery,
        response: answers({ 200: answer('A page.', reference('RecordPage')) }, 400, 401, 403, 404, 429, 503),
      },
    },
    async (request, reply) => {
      const { ledger: _, ...members } = request.query;
      const page = await queryRecords(callerOf(request).ledger, parseQuery(members, parts.settings.clock()));
      await recordRead(parts, request, members, page.records.length);
      const { next_cursor, position, lag } = page;
      const tail = JSON.stringify({ next_cursor, position, lag }).slice(1);
      return reply.type(JSON_TYPE).send(`{"records":[${page.records.map(storedText).join(',')}],${tail}`);
    },
  );

  app.get(
    '/v1/records/:seq_or_id',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'One record, by sequence number or id',
        tags: ['records'],
        params: Type.Object({ seq_or_id: Type.String() }),
        querystring: ledgerQuery,
        response: answers(
          { 200: answer('The record.', reference('StoredRecord')) },
          400,
          401,
          403,
          404,
          429,
          503,
        ),
      },
    },
    async (request, reply) => {
      const { seq_or_id } = request.params;
      const stored = await findRecord(callerOf(request).ledger, seq_or_id);
      await recordRead(parts, request, { seq_or_id: seq_or_id.slice(0, 64) }, stored === null ? 0 : 1);
      if (stored === null) throw new IndelibleError('NOT_FOUND', 'no record has this sequence number or id');
      return reply.type(JSON_TYPE).send(storedText(stored));
    },
  );

  app.get(
    '/v1/records/:seq_or_id/attachment',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'The attachment of one record: the data that was too large for it',
        description: 'The exact bytes, checked against the digest in the record; 404 when it has none.',
        tags: ['records'],
        params: Type.Object({ seq_or_id: Type.String() }),
        querystring: ledgerQuery,
        response: answers(
          { 200: answer('The bytes.', Type.Unknown()) },
          ...[400, 401, 403, 404, 429, 500, 503],
        ),
      },
    },
    async (request, reply) => {
      const { seq_or_id } = request.params;
      const { ledger } = callerOf(request);
      const attachment = (await findRecord(ledger, seq_or_id))?.record.attachment;
      await recordRead(
        parts,
        request,
        { seq_or_id: seq_or_id.slice(0, 64) },
        attachment === undefined ? 0 : 1,
      );
      if (attachment === undefined)
        throw new IndelibleError('NOT_FOUND', 'no record with an attachment has this sequence number or id');
      const bytes = await bytesOf(ledger.attachments, attachment);
      // Whoever recorded it chose the bytes: no browser may take them for a page.
      return reply
        .type(attachment.media_type)
        .header('content-disposition', 'attachment')
        .header('x-content-type-options', 'nosniff')
        .send(Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length));
    },
  );

  app.get(
    '/v1/runs/:correlation_id',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'What happened in one run',
        tags: ['runs'],
        params: Type.Object({ correlation_id: Type.String() }),
        querystring: ledgerQuery,
        response: answers({ 200: answer('The run.', reference('Run')) }, 400, 401, 403, 404, 429, 503),
      },
    },
    async (request, reply) => {
      const { correlation_id } = request.params;
      const asked = { correlation_id: correlation_id.slice(0, 64) };
      try {
        const run = await whatHappened(callerOf(request).ledger, correlation_id);
        await recordRead(parts, request, asked, run.events.length);
        return await reply.type(JSON_TYPE).send(JSON.stringify(run));
      } catch (error) {
        // That there is no such run is an answer too.
        if (error instanceof IndelibleError && error.code === 'NOT_FOUND')
          await recordRead(parts, request, asked, 0);
        throw error;
      }
    },
  );

  app.get(
    '/v1/audit',
    {
      config: { scope: 'audit:read' },
      // An unparsable limit is no error here: it gives the default.
      validatorCompiler: () => () => true,
      schema: {
        summary: 'The newest records, in short',
        description: `Newest first. An unparsable limit gives ${AUDIT_LIMIT_DEFAULT}, one above ${AUDIT_LIMIT_MAX} gives ${AUDIT_LIMIT_MAX}.`,
        tags: ['records'],
        querystring: Type.Object({
          ledger: Type.Optional(Type.String()),
          limit: Type.Optional(
            Type.Integer({ minimum: 1, maximum: AUDIT_LIMIT_MAX, default: AUDIT_LIMIT_DEFAULT }),
          ),
        }),
        response: answers(
          { 200: answer('The listing.', reference('AuditList')) },
          400,
          401,
          403,
          404,
          429,
          503,
        ),
      },
    },
    async (request, reply) => {
      const limit = auditLimit(request.query.limit);
      const entries = await auditList(callerOf(request).ledger, limit);
      await recordRead(parts, request, { limit }, entries.length);
      return reply.type(JSON_TYPE).send(JSON.stringify({ entries }));
    },
  );
}

/** Records that the request's caller reads what was asked for. */
export async function recordRead(
  { journal }: Parts,
  request: FastifyRequest,
  query: Readonly<Record<string, unknown>>,
  returned: number,
): Promise<void> {
  const { ledger, actor } = callerOf(request);
  // A cursor says nothing to a reader; that there was one does.
  const { cursor, ...asked } = query;
  const shown = { ...asked, ...(cursor === undefined ? {} : { cursor: 'continued' }) } as JsonObject;
  await journal.read({ ledger, actor, route: routeOf(request), query: shown, returned });
}

/** The record that a path names; null when there is none. Raises QUERY_INVALID for what names no record. */
export async function findRecord(ledger: Ledger, seq_or_id: string): Promise<StoredRecord | null> {
  let seq: number | null = null;
  if (/^\d{1,15}$/.test(seq_or_id)) seq = Number(seq_or_id);
  else if (UUID.test(seq_or_id)) {
    await ledger.caughtUp();
    seq = (await ledger.index?.byId(seq_or_id)) ?? null;
  } else {
    throw new IndelibleError('QUERY_INVALID', 'a record is named by its sequence number or its id', {
      details: { member: 'seq_or_id' },
    });
  }
  const [stored] = seq === null ? [] : await ledger.get([seq]);
  // The record has the last word, whatever the index says.
  if (stored === undefined || (stored.record.seq !== seq && stored.record.id !== seq_or_id)) return null;
  return stored;
}
