import type { Params } from '../sample.ts';
import type { Preparation } from '../suite.ts';

/** A file ledger and a SQLite ledger of the same events. */
export function fillBoth(records: number, params: Params = {}): Preparation[] {
  return ['file', 'sqlite'].map((store) => ({
    title: `filling a ${store} ledger with ${records.toLocaleString('en')} records`,
    subject: 'build',
    params: { store, records, ...params },
  }));
}
