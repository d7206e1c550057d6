/**
 * Knowing when an answer is no longer wanted.
 */
import type { FastifyReply } from 'fastify';

/** Aborted when the client goes away before the answer is complete, or when `closing` is. */
export function abortedBy(reply: FastifyReply, closing: AbortSignal): AbortSignal {
  const gone = new AbortController();
  // It may have gone while the request was looked at: then no event comes any more.
  if (reply.raw.closed || reply.raw.destroyed) gone.abort();
  reply.raw.once('close', () => {
    if (!reply.raw.writableFinished) gone.abort();
  });
  return AbortSignal.any([gone.signal, closing]);
}
