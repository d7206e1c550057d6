/**
 * Turns every error into a problem, and every unknown path or method into the right one.
 */
import type { Socket } from 'node:net';
import { IndelibleError } from '@indelible/core';
import type { FastifyReply, FastifyRequest } from 'fastify';
import type { App } from './app.ts';
import { FailureLog } from './failure-log.ts';
import { asIndelibleError, PROBLEM_TYPE, problemOf } from './problem.ts';

/** Answers with a problem; `more` adds members, e.g. how far a bulk got. */
export function sendProblem(
  request: FastifyRequest,
  reply: FastifyReply,
  error: IndelibleError,
  more: Record<string, unknown> = {},
): FastifyReply {
  const problem = problemOf(error, request.trace?.correlation_id);
  const { allow, retry_after_s } = error.details;
  if (typeof allow === 'string') void reply.header('allow', allow);
  if (typeof retry_after_s === 'number') void reply.header('retry-after', String(retry_after_s));
  else if (problem.status === 503) void reply.header('retry-after', '1');
  if (problem.status === 401 && !reply.hasHeader('www-authenticate'))
    void reply.header('www-authenticate', 'Bearer realm="indelible"');
  return reply
    .code(problem.status)
    .type(PROBLEM_TYPE)
    .send(JSON.stringify({ ...more, ...problem }));
}

/** Installs the handlers. Call before routes are added: it learns the paths from them. */
export function installErrorHandling(app: App): void {
  const failures = new FailureLog();
  const methods = new Map<string, Set<string>>();
  app.addHook('onRoute', ({ url, method }) => {
    const known = methods.get(url) ?? new Set();
    for (const one of [method].flat()) known.add(one);
    methods.set(url, known);
  });
  let paths: { pattern: RegExp; allow: string }[] = [];
  app.addHook('onReady', async () => {
    paths = [...methods].map(([url, known]) => ({
      pattern: new RegExp(`^${url.replace(/[.]/g, '\\.').replace(/:\w+/g, '[^/]+').replace(/\*/g, '.+')}$`),
      allow: [...known].sort().join(', '),
    }));
  });
  // Before the body is parsed: a POST to a path that takes none is 405, whatever it carries.
  app.addHook('onRequest', async (request) => {
    if (!request.is404) return;
    const path = request.url.split('?', 1)[0]!;
    const found = paths.find(({ pattern }) => pattern.test(path));
    if (found === undefined) throw new IndelibleError('NOT_FOUND', 'there is no such path; see /docs');
    throw new IndelibleError('METHOD_NOT_ALLOWED', `this path takes ${found.allow}`, {
      details: { allow: found.allow },
    });
  });
  app.setErrorHandler((error, request, reply) => {
    const ours = asIndelibleError(error, request.routeOptions.config?.body_error);
    if (ours.http_status >= 500) failures.note(request.log, ours);
    return sendProblem(request, reply, ours);
  });
  app.setNotFoundHandler((request, reply) =>
    sendProblem(request, reply, new IndelibleError('NOT_FOUND', 'there is no such path; see /docs')),
  );
}

/** What is not even HTTP, or too slow, gets a problem too; then the connection closes. */
export function answerClientError(error: Error & { code?: string }, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const problem = JSON.stringify(
    problemOf(new IndelibleError('REQUEST_INVALID', 'this is not a well-formed HTTP request'), undefined),
  );
  socket.end(
    `HTTP/1.1 400 Bad Request\r\nContent-Type: ${PROBLEM_TYPE}\r\nContent-Length: ${Buffer.byteLength(problem)}\r\nConnection: close\r\n\r\n${problem}`,
  );
}
