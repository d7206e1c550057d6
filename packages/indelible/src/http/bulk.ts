/**
 * NDJSON in bulk: each line is an event of its own, recorded or refused by itself.
 *
 * Lines are recorded as they arrive, and at most WINDOW of them are on their way to the disk, so a body of any size
 * needs the same memory. Blank lines are passed over but counted, so that line numbers are those of an editor.
 *
 * Errors:  in the answer, by line. BODY_TOO_LARGE past the limit: the answer says how far it got.
 */
import { IndelibleError, type Receipt } from '@indelible/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import { withoutRun } from '../ledger/context.ts';
import { type Caller, callerOf, type Parts } from './app.ts';
import { parseBytes } from './bodies.ts';
import { BulkResult } from './bulk-result.ts';
import { sendProblem } from './error-handling.ts';
import { isBlank, type Line, linesOf } from './ndjson-lines.ts';
import { LIMITS_HTTP } from './options.ts';
import { asIndelibleError } from './problem.ts';
import { eventOf } from './write-records.ts';

const WINDOW = 4096;

/** Records the lines of the body and answers with what became of them. */
export async function recordLines(
  parts: Parts,
  request: FastifyRequest,
  reply: FastifyReply,
): Promise<FastifyReply> {
  if (request.headers['idempotency-key'] !== undefined) {
    throw new IndelibleError(
      'EVENT_INVALID',
      'Idempotency-Key is for one event; give each line an idempotency_key',
      {
        details: { member: 'idempotency_key' },
      },
    );
  }
  const caller = callerOf(request);
  const each = (request.headers.accept ?? '').includes('ndjson');
  const result = new BulkResult(each);
  const observe = parts.metrics.append.startTimer();
  let stopped: IndelibleError | null = null;
  // Not destroyed on an early end: that would cut the connection before the answer.
  const body = bounded(request.raw.iterator({ destroyOnReturn: false }), LIMITS_HTTP.ndjson_bytes);
  const submit = () => submitLines(body, caller, result);
  try {
    // Lines sent together are not one run, unless the caller says so with a traceparent or in the event.
    await (request.traced ? submit() : withoutRun(submit));
  } catch (error) {
    const gone = request.raw.destroyed && !request.raw.readableEnded;
    stopped = gone ? new IndelibleError('REQUEST_INVALID', 'the body ended early') : asIndelibleError(error);
    // The rest is read and dropped: closing now would reset the connection and take our answer with it.
    request.raw.resume();
  }
  observe();
  if (stopped !== null) return sendProblem(request, reply, stopped, result.summary());
  const failure = result.onlyFailure();
  if (failure !== null && !each) return sendProblem(request, reply, failure, result.summary());
  void reply.code(result.status());
  if (each) return reply.type('application/x-ndjson; charset=utf-8').send(result.lines());
  return reply.type('application/json; charset=utf-8').send(JSON.stringify(result.summary()));
}

/** Records each line of the body. Raises what ends the body early, once all lines before are accounted for. */
async function submitLines(
  body: AsyncIterable<Uint8Array>,
  caller: Caller,
  result: BulkResult,
): Promise<void> {
  const pending: Promise<void>[] = [];
  let line_number = 0;
  try {
    for await (const lines of linesOf(body, LIMITS_HTTP.ndjson_line_bytes)) {
      for (const line of lines) {
        const number = ++line_number;
        if (line !== null && isBlank(line)) continue;
        const slot = result.begin(number);
        try {
          const written = recordLine(line, caller);
          pending.push(
            written.then(
              (receipt) => result.recorded(slot, receipt),
              (error: unknown) => result.failed(slot, number, asIndelibleError(error)),
            ),
          );
        } catch (error) {
          result.failed(slot, number, asIndelibleError(error));
        }
        if (pending.length >= WINDOW) await Promise.all(pending.splice(0, WINDOW / 2));
      }
    }
  } finally {
    await Promise.all(pending);
  }
}

/** Checks and submits a line; raises at once what is wrong with it. */
function recordLine(line: Line, caller: Caller): Promise<Receipt> {
  if (line === null) {
    const most = LIMITS_HTTP.ndjson_line_bytes;
    throw new IndelibleError('BODY_TOO_LARGE', `a line may have at most ${most} bytes`);
  }
  return caller.ledger.record(eventOf(parseBytes(line), caller), { best_effort: false });
}

async function* bounded(chunks: AsyncIterable<Uint8Array>, most: number): AsyncGenerator<Uint8Array> {
  let bytes = 0;
  for await (const chunk of chunks) {
    bytes += chunk.length;
    if (bytes > most) throw new IndelibleError('BODY_TOO_LARGE', `NDJSON may have at most ${most} bytes`);
    yield chunk;
  }
}
