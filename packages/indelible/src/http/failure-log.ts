/**
 * What the server's log says of requests that failed. What nobody expected: each time. What has a code of its own: once a
 * minute for each, because while a store is away every request fails in the same way, and metrics count them.
 */
import type { ErrorCode, IndelibleError } from '@indelible/core';
import type { FastifyBaseLogger } from 'fastify';

const TELL_MS = 60_000;

export class FailureLog {
  readonly #clock: () => number;
  readonly #told_at = new Map<ErrorCode, number>();

  constructor(clock: () => number = () => performance.now()) {
    this.#clock = clock;
  }

  note(log: Pick<FastifyBaseLogger, 'error'>, error: IndelibleError): void {
    const { code, cause } = error;
    const now = this.#clock();
    if (code !== 'INTERNAL' && now - (this.#told_at.get(code) ?? Number.NEGATIVE_INFINITY) < TELL_MS) return;
    this.#told_at.set(code, now);
    log.error({ err: cause ?? error, code }, 'request failed');
  }
}
