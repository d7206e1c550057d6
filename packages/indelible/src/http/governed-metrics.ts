/**
 * Metrics of governed writes. What was not looked at yet has no value.
 */
import { Gauge, type Registry } from 'prom-client';
import { isOver, STATES, type State } from '../operations/lifecycle.ts';
import type { Governed, GovernedState } from './governed.ts';
import { addLedgerGauge } from './ledger-gauge.ts';

const OPEN_STATES = (Object.keys(STATES) as State[]).filter((state) => !isOver(state));

const READINGS: readonly (readonly [
  name: string,
  help: string,
  value: (state: GovernedState & { readonly at: string }) => number,
])[] = [
  [
    'indelible_operations_checked_timestamp_seconds',
    'When everything that is not over was last looked at',
    ({ at }) => Date.parse(at) / 1000,
  ],
  ['indelible_operations_failing', 'Operations that could not be gone on with', ({ failing }) => failing],
  [
    'indelible_operations_fault',
    '1 while operations cannot be looked at',
    ({ fault }) => Number(fault !== null),
  ],
  [
    'indelible_operations_policy_fault',
    '1 while the policies cannot be used, and no operation is accepted',
    ({ policy_fault }) => Number(policy_fault !== null),
  ],
];

/** Gauges for each ledger with governed writes. */
export function addGovernedMetrics(register: Registry, governed: Governed): void {
  new Gauge({
    name: 'indelible_operations',
    help: 'Operations that are not over, by state',
    labelNames: ['ledger', 'state'],
    registers: [register],
    collect() {
      for (const ledger of governed.engines.keys()) {
        const open = looked(governed, ledger)?.open;
        if (open !== undefined)
          for (const state of OPEN_STATES) this.set({ ledger, state }, open[state] ?? 0);
      }
    },
  });
  for (const [name, help, value] of READINGS) {
    addLedgerGauge(register, name, help, governed.engines, (_, ledger) => {
      const state = looked(governed, ledger);
      return state === null ? null : value(state);
    });
  }
}

/** Null before the first look. */
function looked(governed: Governed, ledger: string): (GovernedState & { readonly at: string }) | null {
  const state = governed.state(ledger);
  return state === null || state.at === null ? null : { ...state, at: state.at };
}
