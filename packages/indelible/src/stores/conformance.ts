/**
 * What every log store must do, as cases that any test runner can run.
 *
 * Certify a store of your own:
 *
 *     import { test } from 'node:test';
 *     import { runStoreConformance } from 'indelible/conformance';
 *     runStoreConformance(test, 'my store', async () => ({ open: (options) => …, remove: () => … }));
 *
 * A deviation is data with a reason. Its case still runs, and must fail: an exception that is no longer needed is
 * itself a failure.
 */
import assert from 'node:assert/strict';
import { APPEND_CASES } from './conformance/append-cases.ts';
import type { MakePlace, StoreCase } from './conformance/case.ts';
import { LIFE_CASES } from './conformance/life-cases.ts';
import { READ_CASES } from './conformance/read-cases.ts';

export type { MakePlace, StoreCase, StorePlace } from './conformance/case.ts';
export { type SampleLine, sampleBatch, sampleLines } from './conformance/samples.ts';

/** All cases, each on a place of its own. */
export const STORE_CASES: readonly StoreCase[] = [...APPEND_CASES, ...READ_CASES, ...LIFE_CASES];

export interface ConformanceOptions {
  /** Names of the cases that this store does not satisfy, each with the reason. */
  readonly exceptions?: Readonly<Record<string, string>>;
}

/** The cases of one store, ready to run in any runner: `run` rejects when the store does not conform. */
export function storeConformance(
  store: string,
  make: MakePlace,
  options: ConformanceOptions = {},
): { name: string; run: () => Promise<void> }[] {
  const exceptions = options.exceptions ?? {};
  for (const name of Object.keys(exceptions)) {
    const known = STORE_CASES.some((one) => one.name === name);
    assert.ok(known, `${store}: the exception "${name}" names no case`);
  }
  return STORE_CASES.map(({ name, run }) => {
    const reason = exceptions[name];
    if (reason === undefined) return { name: `${store}: ${name}`, run: () => inPlace(make, run) };
    return {
      name: `${store}: deviates from "${name}": ${reason}`,
      run: () => assert.rejects(inPlace(make, run), () => true, 'the case passes: remove its exception'),
    };
  });
}

/** Registers the cases with a runner such as node:test's `test`. */
export function runStoreConformance(
  test: (name: string, run: () => Promise<void>) => unknown,
  store: string,
  make: MakePlace,
  options: ConformanceOptions = {},
): void {
  for (const { name, run } of storeConformance(store, make, options)) test(name, run);
}

/** Closes what a failed case left open, and removes the place. */
async function inPlace(make: MakePlace, run: StoreCase['run']): Promise<void> {
  const place = await make();
  const opened: { close(): Promise<void> }[] = [];
  try {
    await run({
      ...place,
      open: async (options) => {
        const store = await place.open(options);
        opened.push(store);
        return store;
      },
    });
  } finally {
    for (const store of opened.reverse()) await store.close();
    await place.remove();
  }
}
