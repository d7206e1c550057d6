/**
 * Trying a POST again, when the other side may be better in a moment. What lasts longer is the scheduler's business.
 *
 * Errors:  ANCHOR_UNAVAILABLE, ANCHOR_REFUSED; the signal's reason.
 */
import { setTimeout } from 'node:timers/promises';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { type Post, type PostAnswer, post } from './post.ts';

export interface RetryOptions {
  readonly attempts_max?: number;
  /** Before the second attempt; doubles each time. */
  readonly pause_ms?: number;
  /** The longest that a Retry-After may ask for; more is left to the scheduler. */
  readonly pause_ms_max?: number;
  /** Waits, or rejects when the signal is aborted. For tests. */
  readonly sleep?: (ms: number, signal: AbortSignal) => Promise<unknown>;
  /** Milliseconds since 1970, for a Retry-After that is a date. */
  readonly clock?: () => number;
}

const DEFAULTS = { attempts_max: 4, pause_ms: 1_000, pause_ms_max: 60_000 } as const;
const HTTP_DATE = /^[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT$/;
const sleepFor = (ms: number, signal: AbortSignal): Promise<unknown> => setTimeout(ms, undefined, { signal });

/** The answer with status 200 to 299. `make` is called for each attempt: what is signed holds the time of the attempt. */
export async function postWithRetries(
  make: () => Post,
  signal: AbortSignal,
  options: RetryOptions = {},
): Promise<PostAnswer> {
  const { attempts_max, pause_ms, pause_ms_max, sleep, clock } = {
    ...DEFAULTS,
    sleep: sleepFor,
    clock: Date.now,
    ...options,
  };
  for (let attempt = 1; ; attempt++) {
    signal.throwIfAborted();
    const request = make();
    const answer = await post(request, signal).catch((error: unknown) => {
      if (attempt >= attempts_max || !isIndelibleError(error, 'ANCHOR_UNAVAILABLE')) throw error;
      return null;
    });
    if (answer !== null && answer.status >= 200 && answer.status < 300) return answer;
    const asked = answer === null ? null : retryAfter(answer.headers['retry-after'], clock());
    const again = answer === null || answer.status === 429 || answer.status >= 500;
    if (!again || attempt >= attempts_max || (asked ?? 0) > pause_ms_max)
      throw refusal(request.url, answer!, again);
    await sleep(Math.max(asked ?? 0, Math.min(pause_ms * 2 ** (attempt - 1), pause_ms_max)), signal);
  }
}

function refusal({ host }: URL, { status }: PostAnswer, passing: boolean): IndelibleError {
  const code = passing ? 'ANCHOR_UNAVAILABLE' : 'ANCHOR_REFUSED';
  const hint = status >= 300 && status < 400 ? '; redirects are not followed' : '';
  return new IndelibleError(code, `${host} answered ${status}${hint}`, { details: { status } });
}

/** Milliseconds that a Retry-After asks for (seconds, or a date); null without one. */
export function retryAfter(header: string | undefined, now: number): number | null {
  if (header === undefined) return null;
  if (/^\d{1,9}$/.test(header)) return Number(header) * 1000;
  const date = HTTP_DATE.test(header) ? Date.parse(header) : Number.NaN;
  return Number.isNaN(date) ? null : Math.max(0, date - now);
}
