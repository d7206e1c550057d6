/**
 * Metrics of checkpoints and anchors. What does not exist yet (no checkpoint, never anchored) has no value.
 */
import { Gauge, type Registry } from 'prom-client';
import type { Ledger } from '../ledger/ledger.ts';
import type { PublishedCheckpoint, Transparency } from '../transparency/contract.ts';
import { ageOf, cosignaturesOf, newestOf } from './checkpoint-state.ts';
import { addLedgerGauge } from './ledger-gauge.ts';
import type { AnchorsStatus } from './options.ts';

type Value = (log: Transparency, newest: PublishedCheckpoint | null, now: number) => number | null;

const READINGS: readonly (readonly [name: string, help: string, value: Value])[] = [
  ['indelible_tree_size', 'Records in the Merkle tree', ({ tree_size }) => tree_size],
  [
    'indelible_checkpoint_signed_size',
    'Records under the newest signed checkpoint',
    (log) => log.signed_size,
  ],
  [
    'indelible_checkpoint_size',
    'Records under the newest published checkpoint',
    (_log, newest) => newest?.size ?? 0,
  ],
  [
    'indelible_checkpoint_age_seconds',
    'Since the newest published checkpoint was signed',
    (_log, newest, now) => ageOf(newest, now),
  ],
  [
    'indelible_checkpoint_cosignatures',
    'Signatures of witnesses on the newest published checkpoint',
    (log, newest) => (newest === null ? null : cosignaturesOf(newest, log.verifier_keys)),
  ],
  [
    'indelible_checkpoint_fault',
    '1 while signing, publishing or witnessing checkpoints fails',
    ({ fault }) => (fault === null ? 0 : 1),
  ],
];

/** Gauges for each ledger that has checkpoints. */
export function addCheckpointMetrics(
  register: Registry,
  ledgers: ReadonlyMap<string, Ledger>,
  clock: () => number,
): void {
  for (const [name, help, value] of READINGS) {
    addLedgerGauge(register, name, help, ledgers, async ({ transparency }) =>
      transparency === null ? null : value(transparency, await newestOf(transparency), clock()),
    );
  }
}

/** Gauges for each anchor of each ledger. */
export function addAnchorMetrics(
  register: Registry,
  anchors: ReadonlyMap<string, AnchorsStatus>,
  clock: () => number,
): void {
  const gauge = (
    name: string,
    help: string,
    value: (status: AnchorsStatus['status'][number]) => number | null,
  ): void => {
    new Gauge({
      name,
      help,
      labelNames: ['ledger', 'anchor'],
      registers: [register],
      collect() {
        this.reset();
        for (const [ledger, { status }] of anchors) {
          for (const one of status) {
            const reading = value(one);
            if (reading !== null) this.set({ ledger, anchor: one.anchor }, reading);
          }
        }
      },
    });
  };
  gauge('indelible_anchor_failing', '1 while anchoring fails', ({ failing_since }) =>
    failing_since === null ? 0 : 1,
  );
  gauge(
    'indelible_anchor_size',
    'Records under the newest anchored checkpoint',
    (status) => status.last_anchored_size,
  );
  gauge('indelible_anchor_age_seconds', 'Since the last anchoring', ({ last_anchored_at }) =>
    last_anchored_at === null ? null : Math.max(0, Math.round((clock() - last_anchored_at) / 1000)),
  );
}
