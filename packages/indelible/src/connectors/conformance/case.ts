/** What a connector's conformance cases run on, and the steps that they share. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { canonicalize, IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import type {
  Blobs,
  Connector,
  ConnectorPlan,
  ConnectorSnapshot,
  EffectContext,
  Execution,
} from '../contract.ts';

/** One thing to ask of a connector. */
export interface SampleOperation {
  readonly action: string;
  readonly params: JsonObject;
}

/** A number from 0 up to `below`, which is excluded: what makes random operations random. */
export type Choose = (below: number) => number;

/** An outside system of its own for one case, always in the same state at first. */
export interface ConnectorPlace {
  /** Opens the connector on it. Opened again, it is what a restart finds. */
  open(): Promise<Connector>;
  /**
   * A digest of everything in the system that the connector promises to restore, read without the connector and
   * without what the connector keeps there for itself. Of another place in the same state it is the same.
   */
  digest(): Promise<string>;
  /**
   * Operations that succeed on the fresh place, each by itself: at least one for every action. Another place has the
   * same ones in the same order; names in them may be its own.
   */
  readonly samples: readonly SampleOperation[];
  /** Operations on the fresh place that are over the connector's limits. */
  readonly too_large: readonly SampleOperation[];
  /** Any operation, made of choices: over few targets and values, so that operations meet. It may be refused. */
  random(choose: Choose): SampleOperation;
  /** Changes the plan's first target behind the connector's back: makes it where it is not. */
  disturb(plan: ConnectorPlan): Promise<void>;
  /** Values of secrets in use: they must not show up in anything that the connector returns. */
  readonly secrets?: readonly string[];
  /** How many effects the system has seen in all, where it counts them. */
  effects?(): Promise<number>;
  remove(): Promise<void>;
}

export type MakeConnectorPlace = () => Promise<ConnectorPlace>;

export interface ConnectorCase {
  readonly name: string;
  readonly run: (place: CasePlace) => Promise<void>;
}

/** A place with what the cases need of a context. */
export interface CasePlace extends ConnectorPlace {
  /** Another place of the same kind. */
  another(): Promise<CasePlace>;
  /** One context per effect; the same name gives the same effect key. */
  context(effect: string, options?: ContextOptions): EffectContext;
  /** Runs a property on choices: as many times as the runner wants. */
  property(runs: number, run: (choose: Choose, place: CasePlace) => Promise<void>): Promise<void>;
}

export interface ContextOptions {
  readonly epoch?: number;
  readonly reached?: (point: string) => Promise<void>;
  readonly signal?: AbortSignal;
}

/** Blobs that live as long as the process does. */
export function memoryBlobs(): Blobs {
  const kept = new Map<string, Uint8Array>();
  return {
    put: async (bytes) => {
      const digest = `sha-256:${createHash('sha256').update(bytes).digest('hex')}`;
      kept.set(digest, bytes.slice());
      return digest;
    },
    get: async (digest) => {
      const bytes = kept.get(digest);
      if (bytes === undefined) throw new IndelibleError('ATTACHMENT_MISSING', `nothing is kept as ${digest}`);
      return bytes.slice();
    },
  };
}

/** What one operation went through. */
export interface Ran {
  readonly plan: ConnectorPlan;
  readonly snapshot: ConnectorSnapshot;
  readonly execution: Execution;
}

/** JSON only, and what crosses a process boundary loses nothing. */
export function throughJson<Shape>(value: Shape): Shape {
  return JSON.parse(canonicalize(value)) as Shape;
}

/** Each sample on a place of its own. */
export async function* freshSamples(place: CasePlace) {
  for (const sample of place.samples.keys()) {
    const fresh = await place.another();
    yield { fresh, sample, operation: fresh.samples[sample]! };
  }
}

/** Plan and snapshot, as another process would get them. */
export async function prepare(place: CasePlace, connector: Connector, operation: SampleOperation) {
  const ctx = place.context('prepare');
  const plan = throughJson(await connector.plan(operation.action, operation.params, ctx));
  const snapshot = throughJson(await connector.snapshot(plan, ctx));
  return { plan, snapshot };
}

/** All of it. Effects of one name have one key. */
export async function carryOut(
  place: CasePlace,
  connector: Connector,
  operation: SampleOperation,
  effect: string,
): Promise<Ran> {
  const { plan, snapshot } = await prepare(place, connector, operation);
  const execution = throughJson(
    await connector.execute(plan, snapshot, place.context(effect), { commit: true }),
  );
  return { plan, snapshot, execution };
}

/** Undoes it by the plan that the connector makes for that. */
export async function undo(
  place: CasePlace,
  connector: Connector,
  ran: Ran,
  effect: string,
  options: { readonly override?: boolean } = {},
): Promise<Ran> {
  const ctx = place.context('prepare');
  const plan = throughJson(await connector.planRollback(ran.plan, ran.execution, ran.snapshot, ctx, options));
  const snapshot = throughJson(await connector.snapshot(plan, ctx));
  const execution = throughJson(
    await connector.execute(plan, snapshot, place.context(effect), { commit: true }),
  );
  return { plan, snapshot, execution };
}

/** The place is what it was at `digest`. */
export async function assertDigest(place: CasePlace, digest: string, message: string): Promise<void> {
  assert.equal(await place.digest(), digest, message);
}

/** What was predicted is what came to be. */
export function assertPredicted(plan: ConnectorPlan, execution: Execution, what: string): void {
  if (plan.capabilities.dry_run === 'none') return;
  assert.deepEqual(
    execution.targets.map(({ resource, before, after }) => [
      resource.id,
      before?.digest ?? null,
      after?.digest ?? null,
      after?.facts ?? null,
    ]),
    plan.targets.map(({ resource, before, after }) => [
      resource.id,
      before?.digest ?? null,
      after?.digest ?? null,
      after?.facts ?? null,
    ]),
    `${what}: before and after are as planned`,
  );
}

/** Rejects with this error, and leaves the place as it was. */
export async function assertRefused(
  place: CasePlace,
  codes: readonly string[],
  what: string,
  attempt: () => Promise<unknown>,
): Promise<void> {
  const before = await place.digest();
  await assert.rejects(attempt, (error) => {
    assert.ok(isIndelibleError(error), `${what}: ${error instanceof Error ? error.stack : error}`);
    assert.ok(
      codes.includes(error.code),
      `${what}: ${error.code}, not ${codes.join(' or ')}: ${error.message}`,
    );
    return true;
  });
  await assertDigest(place, before, `${what}: nothing happened`);
}
