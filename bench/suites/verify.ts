/**
 * Verifying a filled ledger with all cores, without and with the index.
 */
import type { Case, Suite } from '../suite.ts';
import { fillBoth } from './ledgers.ts';

export function verifySuite(records: number): Suite {
  const verify = (store: string, index: boolean): Pick<Case, 'subject' | 'params' | 'place'> => ({
    subject: 'verify',
    params: () => ({ store, index, records }),
    place: 'shared',
  });
  return {
    what: 'verify',
    title: 'Verifying: records per second with a thread per core, from the page cache',
    prepare: fillBoth(records),
    cases: [
      { id: 'file', title: 'file store', ...verify('file', false) },
      { id: 'file/index', title: 'file store, index compared', ...verify('file', true) },
      { id: 'sqlite', title: 'SQLite store', ...verify('sqlite', false) },
      { id: 'sqlite/index', title: 'SQLite store, index compared', ...verify('sqlite', true) },
    ],
    columns: [
      { measure: 'records_per_s', heading: 'records/s', show: 'count' },
      { measure: 'total_ms', heading: 'total', show: 'ms' },
      { measure: 'peak_rss_bytes', heading: 'peak RSS', show: 'megabytes' },
    ],
    targets: [
      {
        title: 'file: records verified per second',
        of: { case: 'file', measure: 'records_per_s' },
        show: 'count',
        at_least: 400_000,
      },
    ],
  };
}
