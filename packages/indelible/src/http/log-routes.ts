/**
 * /log/<ledger>/…: the ledger as a transparency log that any client of c2sp.org/tlog-tiles reads.
 *
 * Whoever needs a token is recorded: each bundle of entries as a read, everything else, which holds no record, counted.
 * Otherwise every look at the checkpoint would itself make a new one. Files that are open to everybody are not recorded.
 *
 * Errors:  NOT_FOUND, TILE_INVALID, TILE_MISSING; CHECKPOINT_MISSING before the first.
 * Source:  c2sp.org/tlog-tiles.
 */
import { promisify } from 'node:util';
import { gzip } from 'node:zlib';
import { IndelibleError, parseTilePath } from '@indelible/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { TransparencyReader } from '../transparency/contract.ts';
import { type App, type Parts, routeOf } from './app.ts';
import { isOpen, type LogFile, type LogPath } from './log-path.ts';
import { answer, answers, Type } from './schemas.ts';

const compressed = promisify(gzip);

const TEXT = 'text/plain; charset=utf-8';
const BYTES = 'application/octet-stream';
/** Checkpoints and keys change; tiles never do. */
const SOON = 'max-age=1';
const NEVER = 'max-age=31536000, immutable';

interface Found {
  readonly type: string;
  readonly bytes: Uint8Array | string;
  readonly lifetime: string;
  /** How many records it holds. */
  readonly entries: number;
}

/** Adds the routes. */
export function addLogRoutes(app: App, parts: Parts): void {
  const handler = (request: FastifyRequest, reply: FastifyReply) => sendFile(parts, request, reply);
  const ledger = Type.String({ description: "The ledger's name; its slashes may stand as they are." });
  const querystring = Type.Object({}, { additionalProperties: false });
  const level = Type.String({ description: '0 to 63.' });
  const index = Type.String({
    description: 'Three digits, or more as x001/x234/067; a partial tile ends in .p/WIDTH.',
  });
  const binary = Type.String({ format: 'binary' });
  const describe = (
    path: string,
    file: LogFile,
    params: Record<string, typeof ledger>,
    schema: { summary: string; description: string; response: ReturnType<typeof answer> },
  ): void => {
    const { summary, description, response } = schema;
    app.get(
      path,
      {
        exposeHeadRoute: true,
        config: { log: true, ...(isOpen(file, parts.settings.log_access) ? {} : { scope: 'audit:read' }) },
        schema: {
          summary,
          description,
          tags: ['log'],
          params: Type.Object(params),
          querystring,
          response: answers({ 200: response }, ...[400, 401, 403, 404, 429, 500, 503]),
        },
      },
      handler,
    );
  };
  describe(
    '/log/:ledger/checkpoint',
    'checkpoint',
    { ledger },
    {
      summary: 'The newest checkpoint of the log',
      description: 'A signed note: origin, size, root, signatures (c2sp.org/tlog-checkpoint).',
      response: answer('The note.', Type.String(), 'text/plain'),
    },
  );
  describe(
    '/log/:ledger/log.vkey',
    'keys',
    { ledger },
    {
      summary: 'The verifier keys of the log',
      description: 'One a line, the active one first. Compare them with what you were told by other means.',
      response: answer('The keys.', Type.String(), 'text/plain'),
    },
  );
  describe(
    '/log/:ledger/tile/:level/:index',
    'tile',
    { ledger, level, index },
    {
      summary: 'A tile of hashes',
      description: 'Up to 256 hashes of 32 bytes (c2sp.org/tlog-tiles). 404 until a checkpoint covers it.',
      response: answer('The hashes.', binary, BYTES),
    },
  );
  describe(
    '/log/:ledger/tile/entries/:index',
    'entries',
    { ledger, index },
    {
      summary: 'A bundle of entries: the records themselves',
      description:
        'Up to 256 records, each behind its length in two bytes. Compressed when gzip is accepted.',
      response: answer('The records.', binary, BYTES),
    },
  );
  // What a path parameter cannot match: names and indexes with slashes.
  app.get(
    '/log/*',
    { exposeHeadRoute: true, config: { log: true }, schema: { hide: true, querystring } },
    handler,
  );
}

async function sendFile(parts: Parts, request: FastifyRequest, reply: FastifyReply): Promise<FastifyReply> {
  const path = request.log_path!;
  const ledger = request.caller?.ledger ?? parts.ledgers.get(path.ledger);
  if (ledger === undefined) throw new IndelibleError('NOT_FOUND', 'this server has no ledger of that name');
  if (ledger.transparency === null)
    throw new IndelibleError('CHECKPOINT_MISSING', `the ledger ${ledger.name} has no signing key`);
  const { type, bytes, lifetime, entries } = await find(ledger.transparency, path);
  await recordCaller(parts, request, path, entries);
  void reply
    .type(type)
    .header('cache-control', `${request.caller === null ? 'public' : 'private'}, ${lifetime}`);
  if (path.file !== 'entries') return reply.send(typeof bytes === 'string' ? bytes : Buffer.from(bytes));
  void reply.header('vary', 'accept-encoding');
  if (!takesGzip(request.headers['accept-encoding'])) return reply.send(Buffer.from(bytes));
  return reply.header('content-encoding', 'gzip').send(await compressed(bytes));
}

async function find(log: TransparencyReader, { file, path }: LogPath): Promise<Found> {
  switch (file) {
    case 'checkpoint': {
      const checkpoint = await log.latest();
      if (checkpoint === null) throw noneYet(log);
      return { type: TEXT, bytes: checkpoint.note, lifetime: SOON, entries: 0 };
    }
    case 'keys':
      if (log.verifier_keys.length === 0) throw noneYet(log);
      return { type: TEXT, bytes: `${log.verifier_keys.join('\n')}\n`, lifetime: SOON, entries: 0 };
    case 'entries':
    case 'tile': {
      const { level, index, width } = parseTilePath(path);
      const bytes =
        level === 'entries' ? await log.bundle(index, width) : await log.tile({ level, index, width });
      return { type: BYTES, bytes, lifetime: NEVER, entries: level === 'entries' ? width : 0 };
    }
  }
}

async function recordCaller(
  { journal }: Parts,
  request: FastifyRequest,
  { path }: LogPath,
  entries: number,
): Promise<void> {
  if (request.caller === null) return;
  const { ledger, actor } = request.caller;
  const route = routeOf(request);
  await journal.read({
    ledger,
    actor,
    route,
    query: { file: path },
    returned: entries,
    grouped: entries === 0,
  });
}

/** Whether the header names gzip and does not refuse it. */
function takesGzip(header: string | string[] | undefined): boolean {
  return /(?:^|,)\s*gzip\s*(?:;\s*q=(?:0?\.0*[1-9]\d*|1(?:\.0*)?)\s*)?(?:,|$)/i.test(
    [header].flat().join(','),
  );
}

function noneYet({ origin }: TransparencyReader): IndelibleError {
  return new IndelibleError('CHECKPOINT_MISSING', `the log ${origin} has no checkpoint yet`, {
    details: { retry_after_s: 1 },
  });
}
