/**
 * What every connector must do, as cases that any test runner can run.
 *
 * Certify a connector of your own:
 *
 *     import { test } from 'node:test';
 *     import { runConnectorConformance } from 'indelible/conformance/connectors';
 *     runConnectorConformance(test, 'my connector', async () => ({ open: () => …, digest: () => …, … }));
 *
 * A deviation is data with a reason. Its case still runs, and must fail: an exception that is no longer needed is
 * itself a failure.
 */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  type CasePlace,
  type Choose,
  type ConnectorCase,
  type ConnectorPlace,
  type MakeConnectorPlace,
  memoryBlobs,
} from './conformance/case.ts';
import { EFFECT_CASES } from './conformance/effect-cases.ts';
import { PLAN_CASES } from './conformance/plan-cases.ts';
import { UNDO_CASES } from './conformance/undo-cases.ts';
import type { Blobs, Connector } from './contract.ts';

export {
  type Choose,
  type ConnectorCase,
  type ConnectorPlace,
  type MakeConnectorPlace,
  memoryBlobs,
  type SampleOperation,
} from './conformance/case.ts';

/** All cases, each on a place of its own. */
export const CONNECTOR_CASES: readonly ConnectorCase[] = [...PLAN_CASES, ...EFFECT_CASES, ...UNDO_CASES];

/** Runs `run` on lists of choices: as many as asked for, or fewer, or more. A list that fails may be made smaller. */
export type CheckProperty = (
  runs: number,
  run: (choices: readonly number[]) => Promise<void>,
) => Promise<void>;

export interface ConnectorConformanceOptions {
  /** Names of the cases that this connector does not satisfy, each with the reason. */
  readonly exceptions?: Readonly<Record<string, string>>;
  /** Default: choices from a fixed seed. With fast-check: lists of naturals, which it shrinks. */
  readonly property?: CheckProperty;
  /** Multiplies the number of random sequences. */
  readonly scale?: number;
  /** Values of the secrets that the connector's configuration names. */
  readonly secrets?: Readonly<Record<string, string>>;
}

/** The cases of one connector, ready to run in any runner: `run` rejects when it does not conform. */
export function connectorConformance(
  connector: string,
  make: MakeConnectorPlace,
  options: ConnectorConformanceOptions = {},
): { name: string; run: () => Promise<void> }[] {
  const exceptions = options.exceptions ?? {};
  for (const name of Object.keys(exceptions)) {
    const known = CONNECTOR_CASES.some((one) => one.name === name);
    assert.ok(known, `${connector}: the exception "${name}" names no case`);
  }
  return CONNECTOR_CASES.map(({ name, run }) => {
    const reason = exceptions[name];
    if (reason === undefined)
      return { name: `${connector}: ${name}`, run: () => inPlaces(make, options, run) };
    return {
      name: `${connector}: deviates from "${name}": ${reason}`,
      run: () =>
        assert.rejects(inPlaces(make, options, run), () => true, 'the case passes: remove its exception'),
    };
  });
}

/** Registers the cases with a runner such as node:test's `test`. */
export function runConnectorConformance(
  test: (name: string, run: () => Promise<void>) => unknown,
  connector: string,
  make: MakeConnectorPlace,
  options: ConnectorConformanceOptions = {},
): void {
  for (const { name, run } of connectorConformance(connector, make, options)) test(name, run);
}

/** Closes what a failed case left open, and removes its places. */
async function inPlaces(
  make: MakeConnectorPlace,
  options: ConnectorConformanceOptions,
  run: ConnectorCase['run'],
): Promise<void> {
  const undone: (() => Promise<void>)[] = [];
  const another = async (): Promise<CasePlace> => {
    const place = await make();
    const opened: Connector[] = [];
    undone.push(async () => {
      for (const connector of opened.reverse()) await connector.close();
      await place.remove();
    });
    return casePlace(place, opened, another, options);
  };
  try {
    await run(await another());
  } finally {
    for (const release of undone.reverse()) await release();
  }
}

function casePlace(
  place: ConnectorPlace,
  opened: Connector[],
  another: () => Promise<CasePlace>,
  options: ConnectorConformanceOptions,
): CasePlace {
  const blobs: Blobs = memoryBlobs();
  const check = options.property ?? fromSeed;
  return {
    ...place,
    another,
    open: async () => {
      const connector = await place.open();
      opened.push(connector);
      return connector;
    },
    context: (effect, { epoch = 1, reached, signal } = {}) => ({
      operation_id: `operation-of-${effect.replaceAll(' ', '-')}`,
      effect_key: createHash('sha256').update(effect).digest('hex'),
      fencing_epoch: epoch,
      signal: signal ?? new AbortController().signal,
      blobs,
      secret: async (name) => {
        const value = options.secrets?.[name];
        assert.ok(value !== undefined, `a secret ${name} that nobody has`);
        return value;
      },
      reached: reached ?? (async () => {}),
    }),
    property: (runs, run) =>
      check(runs * (options.scale ?? 1), async (choices) => run(chooser(choices), await another())),
  };
}

/** Takes one choice after the other; when they are used up, always the first. */
function chooser(choices: readonly number[]): Choose {
  let at = 0;
  return (below) => (choices[at++] ?? 0) % below;
}

const CHOICES = 64;

const fromSeed: CheckProperty = async (runs, run) => {
  let state = 0x9e3779b9;
  // Marsaglia's xorshift: the same choices in every run of the suite.
  const next = () => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  for (let i = 0; i < runs; i++) await run(Array.from({ length: CHOICES }, next));
};
