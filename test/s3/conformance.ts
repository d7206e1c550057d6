/**
 * The store satisfies the common suite: with the head in another bucket, and with batches that take their slots
 * themselves. The second by a few cases only, since both read in the same way; INDELIBLE_S3=full runs them all.
 */
import { test } from 'node:test';
import { storeConformance } from '../../packages/indelible/src/stores/conformance.ts';
import { type Buckets, lockedUrl, newPrefix, openStore, plainUrl } from './support.ts';

export const FULL = process.env.INDELIBLE_S3 === 'full';
const OF_BOTH =
  /read back byte|names the head|follow|exactly one wins|as a whole|any range|get answers|opening again/;

export function conformance(buckets: () => Buckets): void {
  for (const [name, urlOf, wanted] of [
    ['s3, locked records and a head bucket', lockedUrl, /./],
    ['s3, batches take the slots themselves', plainUrl, FULL ? /./ : OF_BOTH],
  ] as const) {
    const cases = storeConformance(name, async () => {
      const address = urlOf(buckets(), newPrefix());
      // Buckets go with the server.
      return { open: (options = {}) => openStore(address, options), remove: async () => {} };
    });
    for (const one of cases) if (wanted.test(one.name)) test(one.name, one.run);
  }
}
