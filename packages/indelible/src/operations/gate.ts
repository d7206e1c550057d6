/**
 * What the engine asks of policy. operations/policy/ answers it with Cedar (`policy-gate.ts`).
 */
import type { Event } from '@indelible/core';
import type { ConnectorPlan } from '../connectors/contract.ts';
import type { RequestFacts } from './policy/request.ts';
import type { Decision } from './types.ts';

/** One state of policies, roles and calendars. */
export interface PolicyView {
  readonly policy_set_hash: string;
  readonly entities_hash: string;
  /** Never raises: whatever goes wrong denies. */
  decide(plan: ConnectorPlan, facts: RequestFacts): Decision;
  /** The decision on several as one: what any of them asks for; any that denies denies. */
  combine(decisions: readonly Decision[]): Decision;
  /** True for a person whom the directory knows; nobody else votes. */
  knows(person_id: string): boolean;
  rolesOf(person_id: string): readonly string[];
  /** The record that keeps the texts behind the hashes; null when there is nothing to keep. */
  loadedEvent(): Event | null;
}

export interface PolicyGate {
  /** Raises POLICY_SET_INVALID when the policies cannot be used: then no operation is accepted. */
  current(): Promise<PolicyView>;
}
