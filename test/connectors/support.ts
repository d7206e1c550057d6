/** What the tests of connectors share: properties by fast-check, temporary folders, and how often to run. */
import { createHash } from 'node:crypto';
import { mkdtempSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { JsonObject } from '@indelible/core';
import fc from 'fast-check';
import type {
  Choose,
  ConnectorConformanceOptions,
  ConnectorPlace,
  SampleOperation,
} from '../../packages/indelible/src/connectors/conformance.ts';
import { runs } from '../support/runs.ts';

/** INDELIBLE_RUNS=1000 runs every property so often. */
const RUNS = process.env.INDELIBLE_RUNS === undefined ? null : Number(process.env.INDELIBLE_RUNS);

/** `full`: how often each property is tried with INDELIBLE_FULL. */
export function conformanceOptions(full: number): ConnectorConformanceOptions {
  return {
    property: (_runs, run) =>
      fc.assert(fc.asyncProperty(fc.array(fc.nat({ max: 0xffff }), { minLength: 4, maxLength: 48 }), run), {
        numRuns: RUNS ?? runs(full),
      }),
  };
}

/** A place whose connector another process can open, too. */
export interface ConfiguredPlace extends ConnectorPlace {
  /** The name under which `open` opens it. */
  readonly id: string;
  /** Its entry in a configuration of connectors. */
  readonly configuration: JsonObject;
  /** Values of the secrets that the configuration names. */
  readonly secret_values?: Readonly<Record<string, string>>;
}

export interface TemporaryFolder {
  readonly path: string;
  remove(): Promise<void>;
}

export function temporaryFolder(): TemporaryFolder {
  const path = mkdtempSync(join(tmpdir(), 'indelible-connector-'));
  return { path, remove: () => rm(path, { recursive: true, force: true }) };
}

export function sha256(value: unknown): string {
  return createHash('sha256').update(JSON.stringify(value)).digest('hex');
}

export function pick<T>(choose: Choose, items: readonly T[]): T {
  return items[choose(items.length)]!;
}

export function operation(action: string, params: JsonObject): SampleOperation {
  return { action, params };
}
