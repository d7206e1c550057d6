/**
 * Metrics of verifications. A ledger that was not verified yet has no value.
 */
import type { Registry } from 'prom-client';
import type { Ledger } from '../ledger/ledger.ts';
import { addLedgerGauge } from './ledger-gauge.ts';
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
    addLedgerGauge(register, name, help, ledgers, (_, ledger) => {
      const last = verifications.last(ledger);
      return last === null ? null : value(last);
    });
  }
}
