/**
 * Recording to NATS JetStream with three replicas, beside publishing the same messages without a ledger.
 */
import type { Case, Suite, Turn } from '../suite.ts';

const CALLERS = 64;
const BULK_CALLERS = 2000;
/** More on their way at a time gained nothing. */
const WINDOW = 8;
/** A message must fit the server's usual limit of 1 MiB: a larger batch is several messages, for us too. */
const MESSAGE_RECORDS_MAX = 800;

export function jetStreamSuite(records: number): Suite {
  const ledger = (callers: number): Pick<Case, 'subject' | 'params'> => ({
    subject: 'jetstream',
    params: () => ({ callers, records }),
  });
  const raw = (like: string, window: number): Pick<Case, 'subject' | 'params'> => ({
    subject: 'jetstream-raw',
    params: (turn) => ({ window, records, batch_records: batchOf(turn, like) }),
  });
  const measure = 'records_per_s';
  return {
    what: 'jetstream',
    title:
      'Recording to JetStream, three replicas on one machine: events per second, each acknowledged by a quorum',
    prepare: [],
    cases: [
      { id: 'ledger', title: 'ledger, 64 callers', ...ledger(CALLERS) },
      { id: 'raw/one', title: 'published alone, same batches, one at a time', ...raw('ledger', 1) },
      { id: 'raw', title: 'published alone, same batches, 8 on their way', ...raw('ledger', WINDOW) },
      { id: 'ledger/bulk', title: 'ledger, 2,000 callers', ...ledger(BULK_CALLERS) },
      {
        id: 'raw/bulk',
        title: 'published alone, batches of bulk, 8 on their way',
        ...raw('ledger/bulk', WINDOW),
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
          ['ledger/bulk', 'raw/bulk', { at_least: 0.5 }],
          ['ledger', 'raw/one', {}],
          ['ledger', 'raw', {}],
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
  return Math.min(MESSAGE_RECORDS_MAX, earlier.get(id)?.batch_records ?? 32);
}
