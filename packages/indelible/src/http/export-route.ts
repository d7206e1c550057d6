/**
 * GET /v1/export: streamed, in constant memory, and recorded: that it began before its first byte, and how it ended.
 */
import { Readable } from 'node:stream';
import { IndelibleError, type JsonObject } from '@indelible/core';
import type { FastifyRequest } from 'fastify';
import { EXPORT_ABORTED, EXPORT_COMPLETED, EXPORT_STARTED } from '../access/journal.ts';
import { EXPORT_FORMATS, type Export, type ExportFormat, exportRecords } from '../evidence/export.ts';
import { parseFilter } from '../evidence/filter.ts';
import { withContext } from '../ledger/context.ts';
import { abortedBy } from './abort.ts';
import { type App, callerOf, type Parts, routeOf } from './app.ts';
import { answers, exportQuery, Type } from './schemas.ts';

const EXPORT_CONTENT = {
  'application/x-ndjson': { schema: Type.String() },
  'application/json': { schema: Type.Object({}, { additionalProperties: true }) },
  'text/csv': { schema: Type.String() },
};

/** Adds the route. */
export function addExportRoute(app: App, parts: Parts): void {
  app.get(
    '/v1/export',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'Export records',
        description:
          'CSV, JSON or JSON Lines, oldest first, with hashes; says at its end whether it is complete.',
        tags: ['evidence'],
        querystring: exportQuery,
        response: answers(
          { 200: { description: 'The export.', content: EXPORT_CONTENT } },
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
      const { ledger: _, format: wanted, limit: text, ...members } = request.query;
      const format = formatOf(wanted);
      const limit = limitOf(text);
      const now = parts.settings.clock();
      const filter = parseFilter(members, now);
      const { ledger } = callerOf(request);
      const bounded = limit === null ? {} : { limit };
      const asked = { format, filter: filter as unknown as JsonObject, ...bounded };
      const exported = exportRecords(ledger, {
        format,
        filter,
        exported_at: new Date(now).toISOString(),
        ...bounded,
      });
      await step(parts, request, EXPORT_STARTED, asked, 'pending');
      const stop = abortedBy(reply, parts.closing);
      return reply
        .type(exported.content_type)
        .header('content-disposition', `attachment; filename="records.${format}"`)
        .send(
          Readable.from(watched(parts, request, exported, asked, stop), {
            objectMode: false,
            highWaterMark: 256 * 1024,
          }),
        );
    },
  );
}

/** Passes the export on and records its end, also when nobody waits for it any more. */
async function* watched(
  parts: Parts,
  request: FastifyRequest,
  exported: Export,
  asked: JsonObject,
  stop: AbortSignal,
): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  let reason = 'the client went away';
  try {
    for await (const part of exported) {
      if (stop.aborted) break;
      bytes += part.length;
      yield part;
    }
  } catch (error) {
    reason = error instanceof IndelibleError ? error.code : 'INTERNAL';
    throw error;
  } finally {
    const { summary } = exported;
    if (parts.closing.aborted) reason = 'the server was stopped';
    const ended =
      summary === null
        ? step(parts, request, EXPORT_ABORTED, { ...asked, bytes, reason }, 'error')
        : step(
            parts,
            request,
            EXPORT_COMPLETED,
            { ...asked, bytes, count: summary.count, complete: summary.complete },
            'ok',
          );
    await ended.catch((error: unknown) =>
      request.log.error({ err: error }, 'the end of an export could not be recorded'),
    );
  }
  if (stop.aborted && exported.summary === null)
    throw new IndelibleError('LEDGER_CLOSED', 'the export was stopped');
}

/** Streams run outside of the handler's context; the record belongs to the request's run all the same. */
function step(
  parts: Parts,
  request: FastifyRequest,
  action: string,
  data: JsonObject,
  outcome: 'ok' | 'error' | 'pending',
): Promise<void> {
  const { ledger, actor } = callerOf(request);
  return withContext(request.trace, () =>
    parts.journal.step(action, { ledger, actor, route: routeOf(request) }, data, outcome),
  );
}

function formatOf(text: string | undefined): ExportFormat {
  const format = text ?? 'jsonl';
  const known = EXPORT_FORMATS.find((one) => one === format);
  if (known !== undefined) return known;
  throw new IndelibleError('QUERY_INVALID', `format must be one of ${EXPORT_FORMATS.join(', ')}`, {
    details: { member: 'format' },
  });
}

function limitOf(text: string | undefined): number | null {
  if (text === undefined) return null;
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text);
  throw new IndelibleError('QUERY_INVALID', 'limit must be a whole number, one or more', {
    details: { member: 'limit' },
  });
}
