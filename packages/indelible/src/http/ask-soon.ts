/**
 * Questions to a store for those who must answer soon whatever the store does: health, readiness, metrics.
 *
 * A store that hangs answers after many seconds or never, and probes come every few. So nobody waits longer than a moment,
 * and one question about a thing is under way, however many ask it.
 *
 * Errors:  those of the question; STORE_UNAVAILABLE when there is no answer in time.
 */
import { IndelibleError } from '@indelible/core';

/** Less than the second that probes commonly wait: one that says whether the process lives must not depend on a store. */
export const HEALTH_WAIT_MS = 500;
/** Without an answer in this time nobody should send records. */
export const READY_WAIT_MS = 2000;

const under_way = new WeakMap<object, Promise<unknown>>();

/** The answer to the one question that is asked about this thing, if it comes in time. */
export async function askSoon<T>(about: object, question: () => Promise<T>, wait_ms: number): Promise<T> {
  const answer = (under_way.get(about) as Promise<T> | undefined) ?? ask(about, question);
  const { promise: late, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => {
    reject(new IndelibleError('STORE_UNAVAILABLE', `there is no answer within ${wait_ms} ms`));
  }, wait_ms);
  try {
    return await Promise.race([answer, late]);
  } finally {
    clearTimeout(timer);
  }
}

function ask<T>(about: object, question: () => Promise<T>): Promise<T> {
  const answer = question().finally(() => under_way.delete(about));
  // Nobody may be waiting any more.
  answer.catch(() => {});
  under_way.set(about, answer);
  return answer;
}
