/**
 * The engine's questions to policy, answered by Cedar.
 */
import type { Actor, JsonObject } from '@indelible/core';
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
    decide: (plan, facts) => decide(set, policyRequestOf(plan, { ...facts, actor: known(set, facts.actor) })),
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

/** A token that is named for an agent or a person of the directory asks as that one; any other as a service. */
function known(set: PolicySet, actor: Actor): Actor {
  const { type, id, on_behalf_of } = actor;
  const delegated = on_behalf_of === undefined ? {} : { on_behalf_of: known(set, on_behalf_of) };
  if (type !== 'api-token') return { ...actor, ...delegated };
  if (set.directory.has({ kind: 'agent', id })) return { ...actor, type: 'agent', ...delegated };
  if (set.directory.has({ kind: 'person', id })) return { ...actor, type: 'user', ...delegated };
  return { ...actor, ...delegated };
}
