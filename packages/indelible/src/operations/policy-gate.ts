/**
 * The engine's questions to policy, answered by Cedar.
 */
import type { JsonObject } from '@indelible/core';
import type { PolicyGate, PolicyView } from './gate.ts';
import { combine } from './policy/combine.ts';
import { decide } from './policy/decide.ts';
import type { PolicyDecision } from './policy/decision.ts';
import type { Policies } from './policy/folder.ts';
import type { PolicySet } from './policy/policy-set.ts';
import { policyRequestOf } from './policy/request.ts';
import { policySetEvent } from './policy/set-record.ts';
import type { Decision } from './types.ts';

/** The gate to a folder of policies, read again whenever it changes. */
export function cedarGate(policies: Policies): PolicyGate {
  return { current: async () => viewOf(await policies.current()) };
}

function viewOf(set: PolicySet): PolicyView {
  const person = (id: string) => ({ kind: 'person', id }) as const;
  return {
    policy_set_hash: set.policy_set_hash,
    entities_hash: set.entities_hash,
    decide: (plan, facts) => decide(set, policyRequestOf(plan, facts)),
    combine: (decisions) =>
      combine(decisions as readonly Decision[] as [PolicyDecision, ...PolicyDecision[]]),
    knows: (id) => set.directory.has(person(id)),
    rolesOf: (id) => set.directory.rolesOf(person(id)),
    loadedEvent: () => {
      const event = policySetEvent(set);
      return { ...event, data: event.data as JsonObject };
    },
  };
}
