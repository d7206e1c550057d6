/**
 * Metrics of what follows the log, indexes and archives, and of what goes before it, outboxes. What is not known has no value.
 */
import { Counter, type Registry } from 'prom-client';
import type { Ledger } from '../ledger/ledger.ts';
import { answersNow, archiveLag, indexLag, outboxLag } from './following-state.ts';
import { addLedgerGauge } from './ledger-gauge.ts';
import type { ArchiveShown, OutboxShown } from './options.ts';

/** How far each ledger's index, archive and sealer are behind, and whether archiving or sealing fails. */
export function addFollowingMetrics(
  register: Registry,
  ledgers: ReadonlyMap<string, Ledger>,
  archives: ReadonlyMap<string, ArchiveShown>,
  outboxes: ReadonlyMap<string, OutboxShown>,
): void {
  addLedgerGauge(register, 'indelible_store_answers', '1 while the store can be read', ledgers, answersNow);
  addLedgerGauge(register, 'indelible_index_lag_records', 'Records not yet in the index', ledgers, indexLag);
  addLedgerGauge(register, 'indelible_archive_failing', '1 while archiving fails', archives, ({ status }) =>
    status.failing_since === null ? 0 : 1,
  );
  addLedgerGauge(
    register,
    'indelible_archive_size',
    'Records in the archive',
    archives,
    ({ status }) => status.size,
  );
  addLedgerGauge(
    register,
    'indelible_archive_checkpoint_size',
    'Records under the newest checkpoint in the archive',
    archives,
    ({ status }) => (status.size === null ? null : status.checkpoint_size),
  );
  addLedgerGauge(
    register,
    'indelible_archive_lag_records',
    'Records not yet in the archive',
    archives,
    async (archive) => {
      return (await archiveLag(archive))?.records ?? null;
    },
  );
  addLedgerGauge(
    register,
    'indelible_archive_lag_seconds',
    'Since the oldest record was recorded that is not yet in the archive',
    archives,
    async (archive) => (await archiveLag(archive))?.seconds ?? null,
  );
  addLedgerGauge(register, 'indelible_outbox_leader', '1 where this process seals', outboxes, ({ status }) =>
    Number(status.is_leader),
  );
  addLedgerGauge(register, 'indelible_outbox_failing', '1 while sealing fails', outboxes, ({ status }) =>
    status.fault === null ? 0 : 1,
  );
  addOutboxLag(register, outboxes);
}

/** The gauges of a scrape are read at once and share the answer: counting what waits is work for the database. */
function addOutboxLag(register: Registry, outboxes: ReadonlyMap<string, OutboxShown>): void {
  for (const [name, help, member] of [
    ['indelible_outbox_waiting_events', 'Events in the outbox that wait to be sealed', 'waiting'],
    ['indelible_outbox_lag_seconds', 'Since when the oldest of them waits', 'oldest_s'],
    ['indelible_outbox_refused_events', 'Events that cannot be sealed and were set aside', 'refused'],
  ] as const) {
    addLedgerGauge(
      register,
      name,
      help,
      outboxes,
      async (outbox) => (await outboxLag(outbox))?.[member] ?? null,
    );
  }
  new Counter({
    name: 'indelible_outbox_sealed_total',
    help: 'Events of the outbox sealed by this process',
    labelNames: ['ledger'],
    registers: [register],
    collect() {
      this.reset();
      for (const [ledger, { status }] of outboxes) this.inc({ ledger }, status.sealed);
    },
  });
}
