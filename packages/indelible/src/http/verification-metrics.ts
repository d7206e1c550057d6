/**
 * Metrics of verifications. A ledger that was not verified yet has no value.
 */
import { Gauge, type Registry } from 'prom-client';
import type { Ledger } from '../ledger/ledger.ts';
import type { VerificationState, Verifications } from './verifications.ts';

const READINGS: readonly (readonly [
  name: string,
  help: string,
  value: (last: VerificationState) => number,
])[] = [
  [
    'indelible_verified_timestamp_seconds',
    'When the last verification ended',
    ({ at }) => Date.parse(at) / 1000,
  ],
  ['indelible_verified_size', 'Records that the last verification found', ({ size }) => size],
  [
    'indelible_verification_tampering',
    '1 when the last verification found tampering',
    ({ result }) => (result === 'tampering' ? 1 : 0),
  ],
  [
    'indelible_verification_incomplete',
    '1 when the last verification could not check everything',
    ({ result }) => (result === 'incomplete' ? 1 : 0),
  ],
];

/** Gauges for each ledger. */
export function addVerificationMetrics(
  register: Registry,
  ledgers: ReadonlyMap<string, Ledger>,
  verifications: Verifications,
): void {
  for (const [name, help, value] of READINGS) {
    new Gauge({
      name,
      help,
      labelNames: ['ledger'],
      registers: [register],
      collect() {
        for (const ledger of ledgers.keys()) {
          const last = verifications.last(ledger);
          if (last !== null) this.set({ ledger }, value(last));
        }
      },
    });
  }
}
