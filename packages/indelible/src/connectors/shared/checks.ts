/**
 * What every connector checks before it touches anything.
 *
 * Errors:  CONNECTOR_CONFIG, CONNECTOR_PARAMS, CONNECTOR_LIMIT, TARGET_CHANGED, as named below.
 */
import { canonicalize, type ErrorCode, IndelibleError, type JsonObject } from '@indelible/core';
import { Compile, type XSchema } from 'typebox/schema';
import type {
  Capabilities,
  Connector,
  ConnectorLimits,
  ConnectorPlan,
  ConnectorSnapshot,
  Execution,
  PlannedTarget,
  TargetState,
} from '../contract.ts';
import { byReference } from './secrets.ts';
import { sameState } from './state.ts';

const ID = /^[a-z][a-z0-9-]{0,63}$/;

/** Raises CONNECTOR_CONFIG. */
export function checkConnectorId(id: string): string {
  if (ID.test(id)) return id;
  throw new IndelibleError(
    'CONNECTOR_CONFIG',
    `a connector is named like "prices-db", not "${id.slice(0, 80)}"`,
  );
}

/** A function that raises `code` for what does not fit the JSON Schema, naming the first member that is wrong. */
export function schemaCheck<Shape>(
  schema: JsonObject,
  code: ErrorCode,
  what: string,
): (value: unknown) => Shape {
  let compiled: ReturnType<typeof Compile> | null = null;
  return (value) => {
    // Also refuses what JSON has not: accessors, instances, undefined.
    canonicalize(value);
    compiled ??= Compile(schema as XSchema);
    if (compiled.Check(value)) return value as Shape;
    const [, errors] = compiled.Errors(value);
    const worst = errors.find(({ instancePath }) => instancePath !== '') ?? errors[0];
    const unknown = worst?.keyword === 'boolean';
    const at = worst === undefined || worst.instancePath === '' ? what : `${what}${worst.instancePath}`;
    throw new IndelibleError(code, `${at} ${unknown ? 'is not known' : (worst?.message ?? 'does not fit')}`, {
      details: { at: worst?.instancePath ?? '' },
    });
  };
}

/** One checked set of parameters per action; secret texts come by reference. Raises CONNECTOR_PARAMS. */
export function paramsCheck(actions: Connector['actions']): (action: string, params: unknown) => JsonObject {
  const checks = new Map(
    Object.entries(actions).map(([name, { params }]) => [
      name,
      schemaCheck<JsonObject>(byReference(params), 'CONNECTOR_PARAMS', name),
    ]),
  );
  return (action, params) => {
    const check = checks.get(action);
    if (check !== undefined) return check(params);
    const known = [...checks.keys()].join(', ');
    throw new IndelibleError(
      'CONNECTOR_PARAMS',
      `there is no action "${action.slice(0, 80)}" here; there is ${known}`,
    );
  };
}

/** Raises TARGET_CHANGED when the plan is not of this very connector. */
export function assertPlanOf(connector: Pick<Connector, 'id' | 'version'>, plan: ConnectorPlan): void {
  if (plan.connector === connector.id && plan.connector_version === connector.version) return;
  throw new IndelibleError(
    'TARGET_CHANGED',
    `planned with ${plan.connector} ${plan.connector_version}, but this is ${connector.id} ${connector.version}`,
  );
}

/** Raises TARGET_CHANGED, naming the first target whose version is not the plan's. */
export function assertVersions(
  targets: readonly Pick<PlannedTarget, 'resource' | 'version'>[],
  now: readonly (string | null)[],
): void {
  for (const [i, { resource, version }] of targets.entries()) {
    if ((now[i] ?? null) === version) continue;
    throw new IndelibleError('TARGET_CHANGED', `${resource.id} has changed since it was planned upon`, {
      details: { resource, planned: version, found: now[i] ?? null },
    });
  }
}

/** Raises TARGET_CHANGED when the snapshot is not of the plan's before-images. */
export function assertSnapshotOf(plan: ConnectorPlan, snapshot: ConnectorSnapshot): void {
  const matches =
    plan.targets.length === snapshot.targets.length &&
    plan.targets.every((target, i) => {
      const kept = snapshot.targets[i];
      return (
        kept !== undefined && kept.resource.id === target.resource.id && sameState(kept.before, target.before)
      );
    });
  if (matches) return;
  throw new IndelibleError('TARGET_CHANGED', `the snapshot is not of what ${plan.connector} planned upon`);
}

/** Raises CONNECTOR_LIMIT. */
export function assertLimits(
  limits: ConnectorLimits,
  size: { readonly targets: number; readonly bytes: number },
) {
  if (size.targets > limits.max_targets) {
    throw new IndelibleError(
      'CONNECTOR_LIMIT',
      `${size.targets} targets are more than the ${limits.max_targets} of one operation`,
    );
  }
  if (size.bytes > limits.max_bytes) {
    throw new IndelibleError(
      'CONNECTOR_LIMIT',
      `${size.bytes} bytes are more than the ${limits.max_bytes} of one operation`,
    );
  }
}

/** Raises CONNECTOR_UNAVAILABLE once the deadline has passed. */
export function assertInTime(signal: AbortSignal): void {
  if (!signal.aborted) return;
  throw new IndelibleError('CONNECTOR_UNAVAILABLE', 'not waited for any longer', { cause: signal.reason });
}

/** Raises ROLLBACK_IMPOSSIBLE, or ROLLBACK_REFUSED; `now` is in the order of the execution's targets. */
export function assertUndoable(
  capabilities: Capabilities,
  execution: Execution,
  now: readonly (TargetState | null)[],
  override: boolean,
): void {
  if (!capabilities.rollback.can_rollback) {
    throw new IndelibleError('ROLLBACK_IMPOSSIBLE', 'this operation has no undo');
  }
  if (override) return;
  for (const [i, { resource, after }] of execution.targets.entries()) {
    const found = now[i] ?? null;
    if (sameState(found, after)) continue;
    throw new IndelibleError('ROLLBACK_REFUSED', `${resource.id} has changed since the operation left it`, {
      details: { resource, left: after?.digest ?? null, found: found?.digest ?? null },
    });
  }
}
