/**
 * Recording to NATS JetStream with three replicas, beside publishing the same messages without a ledger.
 */
import type { Case, Suite, Turn } from '../suite.ts';

const CALLERS = 64;
const BULK_CALLERS = 2000;
/** Batches on their way at a time; more gained nothing. The store has one. */
const WINDOW = 8;

export function jetStreamSuite(records: number): Suite {
  const ledger = (callers: number): Pick<Case, 'subject' | 'params'> => ({
    subject: 'jetstream',
    params: () => ({ callers, records }),
  });
  const raw = (like: string, window: number, compressed = false): Pick<Case, 'subject' | 'params'> => ({
    subject: 'jetstream-raw',
    params: (turn) => ({ window, records, batch_records: batchOf(turn, like), compressed }),
  });
  const measure = 'records_per_s';
  return {
    what: 'jetstream',
    title:
      'Recording to JetStream, three replicas on one machine: events per second, each acknowledged by a quorum',
    prepare: [],
    cases: [
      { id: 'ledger', title: 'ledger, 64 callers', ...ledger(CALLERS) },
      { id: 'raw', title: 'same lines alone, one batch on its way', ...raw('ledger', 1) },
      { id: 'raw/8', title: 'same lines alone, 8 batches on their way', ...raw('ledger', WINDOW) },
      { id: 'ledger/bulk', title: 'ledger, 2,000 callers', ...ledger(BULK_CALLERS) },
      { id: 'raw/bulk', title: 'same lines alone, one batch on its way', ...raw('ledger/bulk', 1) },
      { id: 'raw/bulk/8', title: 'same lines alone, 8 batches on their way', ...raw('ledger/bulk', WINDOW) },
      {
        id: 'raw/bulk/compressed',
        title: 'same lines alone, compressed beforehand as the store does it',
        ...raw('ledger/bulk', 1, true),
      },
    ],
    columns: [
      { measure, heading: 'events/s', show: 'count' },
      { measure: 'batch_records', heading: 'batch', show: 'decimal' },
      { measure: 'p50_ms', heading: 'p50', show: 'ms' },
      { measure: 'p99_ms', heading: 'p99', show: 'ms' },
      { measure: 'read_per_s', heading: 'read/s', show: 'count' },
      { measure: 'peak_rss_bytes', heading: 'peak RSS', show: 'megabytes' },
    ],
    targets: [
      {
        title: 'ledger/bulk, events/s',
        of: { case: 'ledger/bulk', measure },
        show: 'count',
        at_least: 60_000,
      },
      ...(
        [
          // One of the two is asked for.
          ['ledger/bulk', 'raw/bulk', { at_least: 0.5 }],
          ['ledger/bulk', 'raw/bulk/8', {}],
          ['ledger/bulk', 'raw/bulk/compressed', {}],
          ['ledger', 'raw', {}],
          ['ledger', 'raw/8', {}],
        ] as const
      ).map(([of, to, bounds]) => ({
        title: `${of} to ${to}`,
        of: { case: of, measure },
        to: { case: to, measure },
        show: 'decimal' as const,
        ...bounds,
      })),
    ],
  };
}

function batchOf({ earlier }: Turn, id: string): number {
  // Left out by --only: what 64 callers usually make.
  return earlier.get(id)?.batch_records ?? 32;
}
