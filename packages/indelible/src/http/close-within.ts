/**
 * Closing that ends, also when a store hangs. What was acknowledged is durable by then, and nothing else was promised.
 *
 * Errors:  those of closing; STORE_UNAVAILABLE when it takes too long.
 */
import { IndelibleError } from '@indelible/core';

/** As `closing` does, but no later than `ms` from now, or once `finished`, where that takes longer. */
export async function closeWithin(
  closing: Promise<void>,
  ms: number,
  finished: () => Promise<void>,
): Promise<void> {
  const { promise: over, resolve: end } = Promise.withResolvers<void>();
  const timer = setTimeout(end, ms);
  const late = over.then(finished).then(() => {
    throw new IndelibleError(
      'STORE_UNAVAILABLE',
      `the ledgers could not be closed within ${ms / 1000} s; what was acknowledged is in them`,
    );
  });
  return Promise.race([closing, late]).finally(() => clearTimeout(timer));
}
