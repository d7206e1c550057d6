/**
 * The record that keeps a policy set: later readers find the text of every policy that a decision names by its hash.
 *
 * Pure:    no I/O.
 */
import type { Event, JsonObject } from '@indelible/core';
import type { PolicySet } from './policy-set.ts';

/** The event to record before the first decision by a set; recording it again gives the first receipt. */
export function policySetEvent(set: PolicySet): Event {
  return {
    action: 'policy.loaded',
    resource: { type: 'policy-set', id: set.policy_set_hash },
    idempotency_key: `policy:${set.policy_set_hash}:${set.entities_hash}`,
    data: policySetDocument(set),
  };
}

/** Everything that decisions by this set depend on. */
export function policySetDocument(set: PolicySet): JsonObject {
  const policies = [...set.policies].map(([id, { effect, text, sha256, file, line }]) => [
    id,
    { effect, text, sha256, file, line },
  ]);
  return {
    policy_set_hash: set.policy_set_hash,
    entities_hash: set.entities_hash,
    cedar: set.cedar.getCedarLangVersion(),
    schema: { text: set.schema.text, sha256: set.schema.sha256 },
    calendar: set.calendar.source,
    directory: set.directory.source,
    policies: Object.fromEntries(policies),
  };
}
