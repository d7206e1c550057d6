/**
 * Verifying a filled ledger with all cores, without and with the index.
 */
import type { Case, Suite } from '../suite.ts';
import { fillBoth } from './ledgers.ts';

const RECORDS_PER_S_MIN = 400_000;
/** What the limit loop did on the machine that the target was set on: a slower machine is held to the ratio. */
const LIMIT_WHERE_IT_WAS_SET = 198_000;

export function verifySuite(records: number): Suite {
  const verify = (
    store: string,
    { index = false, proofs = false } = {},
  ): Pick<Case, 'subject' | 'params' | 'place'> => ({
    subject: 'verify',
    params: () => ({ store, index, proofs, records }),
    place: 'shared',
  });
  return {
    what: 'verify',
    title: 'Verifying: records per second with a thread per core, from the page cache',
    prepare: fillBoth(records, { proven: true }),
    cases: [
      {
        id: 'limit',
        title: 'one thread writing such records: limit loop; no disk',
        subject: 'limit-loop',
        params: () => ({ records: Math.ceil(records / 4) }),
      },
      { id: 'file', title: 'file store', ...verify('file') },
      {
        id: 'file/proofs',
        title: 'file store; tree, signatures and anchor compared',
        ...verify('file', { proofs: true }),
      },
      { id: 'file/index', title: 'file store, index compared', ...verify('file', { index: true }) },
      { id: 'sqlite', title: 'SQLite store', ...verify('sqlite') },
      {
        id: 'sqlite/proofs',
        title: 'SQLite store; tree, signatures and anchor compared',
        ...verify('sqlite', { proofs: true }),
      },
      { id: 'sqlite/index', title: 'SQLite store, index compared', ...verify('sqlite', { index: true }) },
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
        at_least: RECORDS_PER_S_MIN,
      },
      {
        title: 'file to limit',
        of: { case: 'file', measure: 'records_per_s' },
        to: { case: 'limit', measure: 'records_per_s' },
        show: 'decimal',
        at_least: RECORDS_PER_S_MIN / LIMIT_WHERE_IT_WAS_SET,
      },
      ...['file', 'sqlite'].map((store) => ({
        title: `${store}: time with tree, signatures and anchor over the chain alone`,
        of: { case: `${store}/proofs`, measure: 'total_ms' },
        to: { case: store, measure: 'total_ms' },
        show: 'decimal' as const,
        at_most: 1.3,
      })),
    ],
  };
}
