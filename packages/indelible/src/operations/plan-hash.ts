/**
 * The plan hash: what approvers sign and executors must find unchanged.
 *
 * SHA-256 over the canonical JSON of the envelope and of everything that decides what happens: parameters, targets with
 * version tokens, predicted states, steps, rollback plans, capabilities and connector versions (all in the members), the
 * hashes of secrets, what policy was asked, and the deadlines. Not in it: what follows from these, such as the decision
 * itself, which is compared at execution by its own hash.
 *
 * Pure:    no I/O.
 */
import { canonicalize, type Json, sha256Hex } from '@indelible/core';
import type { ConnectorPlan } from '../connectors/contract.ts';
import type { Deadlines, Envelope, OperationRequest, SecretHash } from './types.ts';

export interface HashedPlan {
  readonly envelope: Envelope;
  readonly members: readonly ConnectorPlan[];
  readonly secrets: readonly SecretHash[];
  readonly policy_set_hash: string;
  readonly entities_hash: string;
  readonly deadlines: Deadlines;
}

/** 64 hex digits. */
export function planHash({
  envelope,
  members,
  secrets,
  policy_set_hash,
  entities_hash,
  deadlines,
}: HashedPlan): string {
  return hashOf({ v: 1, envelope, members, secrets, policy_set_hash, entities_hash, deadlines });
}

/** Names the effect of one member over all tries. */
export function effectKey(operation_id: string, plan_hash: string, member: number): string {
  return sha256Hex(new TextEncoder().encode(`indelible/effect\n${operation_id}\n${plan_hash}\n${member}`));
}

/** What a retry with the same idempotency key must ask for again. */
export function requestHash(request: OperationRequest): string {
  const { members, requester, reason, intent = null, break_glass = false } = request;
  return hashOf({ members, requester, reason, intent, break_glass });
}

/** SHA-256 of the canonical JSON. */
export function hashOf(value: unknown): string {
  return sha256Hex(new TextEncoder().encode(canonicalize(value as Json)));
}
