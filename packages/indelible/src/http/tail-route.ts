/**
 * GET /v1/tail: new records as server-sent events, each with its sequence number as id, so that a client that comes
 * back with Last-Event-ID misses nothing.
 *
 * A tail reads the log at its client's pace and holds one batch: a slow client lags, it costs no memory. It ends when
 * its token does. Sent are `record` (the ledger's own JSON line), `gap` (records were evicted before they could be
 * sent) and a comment as a sign of life.
 *
 * Source:  HTML Living Standard §9.2 (server-sent events).
 */
import { Readable } from 'node:stream';
import { IndelibleError, type JsonObject, parseRecord } from '@indelible/core';
import type { FastifyRequest } from 'fastify';
import { TAIL_ENDED, TAIL_STARTED } from '../access/journal.ts';
import { parseFilter } from '../evidence/filter.ts';
import { matchesFilter } from '../evidence/matches.ts';
import { withContext } from '../ledger/context.ts';
import type { Ledger } from '../ledger/ledger.ts';
import { forEachLine } from '../ledger/lines.ts';
import { abortedBy } from './abort.ts';
import { type App, type Caller, callerOf, type Parts, routeOf } from './app.ts';
import { answer, answers, Type, tailQuery } from './schemas.ts';

/** After a disconnect a browser tries again this soon. */
const RETRY_MS = 2000;
/** One piece of the answer grows to about this before it is sent. */
const PIECE_CHARACTERS = 64 * 1024;

type Filter = ReturnType<typeof parseFilter>;

/** Adds the route. */
export function addTailRoute(app: App, parts: Parts): void {
  let open = 0;
  app.get(
    '/v1/tail',
    {
      config: { scope: 'audit:read' },
      schema: {
        summary: 'Follow new records (server-sent events)',
        description: 'Resume with Last-Event-ID, as browsers do by themselves, or `after`.',
        tags: ['records'],
        querystring: tailQuery,
        response: answers(
          { 200: answer('Events.', Type.String(), 'text/event-stream') },
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
      const { tails_max } = parts.settings;
      if (open >= tails_max)
        throw new IndelibleError('TAILS_FULL', `this server serves at most ${tails_max} tails`, {
          details: { retry_after_s: 10 },
        });
      open++;
      // Counted down when the answer ends, however it ends; it ends also when what follows raises.
      reply.raw.once('close', () => open--);
      const { ledger: _, after, ...members } = request.query;
      const { ledger } = callerOf(request);
      const filter = parseFilter(members, parts.settings.clock());
      const from = await startOf(ledger, request.headers['last-event-id'], after);
      await step(parts, request, TAIL_STARTED, { filter: filter as unknown as JsonObject, from }, 'ok');
      const stop = abortedBy(reply, parts.closing);
      return reply
        .type('text/event-stream; charset=utf-8')
        .header('x-accel-buffering', 'no')
        .send(
          Readable.from(follow(parts, request, filter, from, stop), { objectMode: false, highWaterMark: 1 }),
        );
    },
  );
}

async function* follow(
  parts: Parts,
  request: FastifyRequest,
  filter: Filter,
  from: number,
  stop: AbortSignal,
): AsyncGenerator<string> {
  const caller = callerOf(request);
  let sent = 0;
  try {
    yield `retry: ${RETRY_MS}\n\n`;
    for await (const piece of pieces(parts, caller, filter, from, stop)) {
      sent += piece.records;
      yield piece.text;
    }
  } finally {
    await step(parts, request, TAIL_ENDED, { sent }, 'ok').catch((error: unknown) =>
      request.log.error({ err: error }, 'the end of a tail could not be recorded'),
    );
  }
}

interface Piece {
  readonly text: string;
  readonly records: number;
}

async function* pieces(
  parts: Parts,
  caller: Caller,
  filter: Filter,
  from: number,
  stop: AbortSignal,
): AsyncGenerator<Piece> {
  const { ledger, token } = caller;
  const usable = () => !stop.aborted && parts.tokens.isUsable(token, ledger.name);
  let next = from;
  while (usable()) {
    const first = await ledger.store.firstSeq();
    if (next < first) {
      yield { text: `event: gap\ndata: {"from":${next},"to":${first - 1}}\n\n`, records: 0 };
      next = first;
    }
    for await (const batch of ledger.store.read(next)) {
      const texts: string[] = [];
      let characters = 0;
      const cut: Piece[] = [];
      forEachLine(batch, ({ hash, body }, i) => {
        if (!matches(body, filter)) return;
        const text = `id: ${batch.first_seq + i}\nevent: record\ndata: {"hash":"${hash}","record":${Buffer.from(body).toString('utf8')}}\n\n`;
        texts.push(text);
        characters += text.length;
        if (characters < PIECE_CHARACTERS) return;
        cut.push({ text: texts.join(''), records: texts.length });
        texts.length = 0;
        characters = 0;
      });
      if (texts.length > 0) cut.push({ text: texts.join(''), records: texts.length });
      for (const piece of cut) {
        if (!usable()) return;
        yield piece;
      }
      next = batch.first_seq + batch.ends.length;
    }
    const quiet = await isQuiet(ledger, next - 1, stop, parts.settings.heartbeat_ms);
    if (quiet) yield { text: ': still here\n\n', records: 0 };
  }
}

/** Waits for a record behind `seq`; true when `wait_ms` passed first. */
async function isQuiet({ store }: Ledger, seq: number, stop: AbortSignal, wait_ms: number): Promise<boolean> {
  if (stop.aborted) return false;
  const waiting = new AbortController();
  const end = (): void => waiting.abort();
  const timer = setTimeout(end, wait_ms);
  stop.addEventListener('abort', end, { once: true });
  try {
    await store.waitForAppend(seq, waiting.signal);
    return waiting.signal.aborted && !stop.aborted;
  } finally {
    clearTimeout(timer);
    stop.removeEventListener('abort', end);
  }
}

function matches(body: Uint8Array, filter: Filter): boolean {
  return Object.keys(filter).length === 0 || matchesFilter(parseRecord(body), filter);
}

/** Where a tail begins: behind Last-Event-ID, else behind `after`, else behind the last record there is. */
async function startOf(
  ledger: Ledger,
  last_id: string | string[] | undefined,
  after: string | undefined,
): Promise<number> {
  const head = await ledger.head();
  const end = head === null ? 0 : head.seq + 1;
  const text = last_id ?? after;
  if (text === undefined) return end;
  const seq = typeof text === 'string' && /^(-1|\d{1,15})$/.test(text) ? Number(text) : Number.NaN;
  if (seq < end) return seq + 1;
  throw new IndelibleError(
    'QUERY_INVALID',
    `a tail begins behind a record that is there; the last is ${end - 1}`,
    {
      details: { member: last_id === undefined ? 'after' : 'Last-Event-ID' },
    },
  );
}

function step(
  parts: Parts,
  request: FastifyRequest,
  action: string,
  data: JsonObject,
  outcome: 'ok',
): Promise<void> {
  const { ledger, actor } = callerOf(request);
  return withContext(request.trace, () =>
    parts.journal.step(action, { ledger, actor, route: routeOf(request) }, data, outcome),
  );
}
