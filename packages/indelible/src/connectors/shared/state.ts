/**
 * States of targets, and what is compared of them.
 *
 * Pure:    no I/O.
 */
import { canonicalize, type JsonObject, sha256Hex } from '@indelible/core';
import type { Execution, PlannedTarget, TargetState, Verification } from '../contract.ts';

const encoder = new TextEncoder();

/** SHA-256 in hex over the canonical JSON of a value. */
export function digestOf(value: unknown): string {
  return sha256Hex(encoder.encode(canonicalize(value)));
}

/** The version of a connector: another one as soon as its code or its configuration is. */
export function connectorVersion(code_version: number, configuration: unknown): string {
  return `${code_version}-${digestOf(configuration).slice(0, 16)}`;
}

/** The digest covers `facts` alone. */
export function stateOf(facts: JsonObject, observed?: JsonObject): TargetState {
  return { digest: digestOf(facts), facts, ...(observed === undefined ? {} : { observed }) };
}

export function sameState(one: TargetState | null, other: TargetState | null): boolean {
  return (one?.digest ?? null) === (other?.digest ?? null);
}

/** Compares what was found with what the execution left. `found` is in the order of the execution's targets. */
export function verificationOf(execution: Execution, found: readonly (TargetState | null)[]): Verification {
  const targets = execution.targets.map(({ resource, after }, i) => ({
    resource,
    expected: after?.digest ?? null,
    found: found[i] ?? null,
  }));
  const differences = targets
    .filter(({ expected, found: state }) => expected !== (state?.digest ?? null))
    .map(({ resource, expected, found: state }) => {
      if (state === null) return `${resource.id} does not exist`;
      return expected === null ? `${resource.id} still exists` : `${resource.id} is not what was left`;
    });
  return { matches: differences.length === 0, targets, differences };
}

/** In the order that plans list targets in. */
export function byResource(one: Pick<PlannedTarget, 'resource'>, other: Pick<PlannedTarget, 'resource'>) {
  return one.resource.id < other.resource.id ? -1 : one.resource.id > other.resource.id ? 1 : 0;
}
