/**
 * A gauge with one reading for each ledger. What has no reading has no value, also when it had one before.
 */
import { Gauge, type Registry } from 'prom-client';

/** `all`: what is read for each ledger, by the ledger's name. */
export function addLedgerGauge<T>(
  register: Registry,
  name: string,
  help: string,
  all: ReadonlyMap<string, T>,
  value: (one: T, ledger: string) => Promise<number | null> | number | null,
): void {
  new Gauge({
    name,
    help,
    labelNames: ['ledger'],
    registers: [register],
    async collect() {
      this.reset();
      // At once: a scrape must not wait for one store that hangs after the other.
      const readings = await Promise.all(
        Array.from(all, async ([ledger, one]) => [ledger, await value(one, ledger)] as const),
      );
      for (const [ledger, reading] of readings) if (reading !== null) this.set({ ledger }, reading);
    },
  });
}
