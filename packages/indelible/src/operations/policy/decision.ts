/**
 * What a policy decision says. JSON, and recorded whole: later readers see what was decided, by what, and about what.
 *
 * Pure:    no I/O.
 */
import { canonicalize, type JsonObject, sha256Hex } from '@indelible/core';
import type { PolicyRequest } from './request.ts';

export type DecisionEffect = 'allow' | 'approve' | 'deny';

/** So many distinct people who hold the role; null: who are in the directory. */
export interface Requirement {
  readonly role: string | null;
  readonly count: number;
}

/** A policy that determined the decision; its text is in the `policy.loaded` record of the set. */
export interface DeterminingPolicy {
  readonly id: string;
  readonly effect: 'permit' | 'forbid';
  readonly sha256: string;
}

export interface PolicyFault {
  /** The policy that failed while it was evaluated; null when the request did. */
  readonly policy: string | null;
  readonly message: string;
}

/** What folder and clock added to the request. `policy replay` takes roles, environment and labels from here. */
export interface Resolved {
  readonly risk: number;
  readonly environment: string;
  /** By `person:alice`: the principal and everyone it acts for. */
  readonly roles: Readonly<Record<string, readonly string[]>>;
  /** By target; only targets that have some. */
  readonly labels: Readonly<Record<string, readonly string[]>>;
  readonly freezes: readonly string[];
  readonly time: {
    readonly zone: string;
    readonly date: string;
    readonly weekday: number;
    readonly hour: number;
    readonly minute: number;
  };
}

export interface PolicyDecision {
  /** `approve`: allowed once every one of `approvals` is met. */
  readonly effect: DecisionEffect;
  /** One sentence. */
  readonly reason: string;
  readonly approvals: readonly Requirement[];
  /** After break-glass: each must be met before the operation can be closed. Empty otherwise. */
  readonly review: readonly Requirement[];
  readonly approval_expires_after_ms: number | null;
  /** After the approval, or after the decision when it needs none. */
  readonly execute_within_ms: number | null;
  readonly determining: readonly DeterminingPolicy[];
  readonly errors: readonly PolicyFault[];
  readonly policy_set_hash: string;
  readonly entities_hash: string;
  /** The same for decisions that let the same happen under the same conditions by the same set, whenever they were made. */
  readonly decision_hash: string;
  readonly request: PolicyRequest;
  /** null when the request could not be understood at all. */
  readonly resolved: Resolved | null;
}

/** What is compared later; see `decision_hash`. */
type Compared = Omit<PolicyDecision, 'decision_hash' | 'request' | 'resolved'>;

export function decisionHash(decision: Compared): string {
  const { effect, approvals, review, approval_expires_after_ms, execute_within_ms } = decision;
  const { policy_set_hash, entities_hash } = decision;
  const compared: JsonObject = {
    ...{ effect, approval_expires_after_ms, execute_within_ms, policy_set_hash, entities_hash },
    approvals: approvals.map(({ role, count }) => ({ role, count })),
    review: review.map(({ role, count }) => ({ role, count })),
  };
  return sha256Hex(new TextEncoder().encode(canonicalize(compared)));
}

/** Adds the hash by which a later decision is compared. */
export function sealDecision(decision: Omit<PolicyDecision, 'decision_hash'>): PolicyDecision {
  return { ...decision, decision_hash: decisionHash(decision) };
}

/** For each role the highest count; by role, those without one first. */
export function mergeRequirements(requirements: readonly Requirement[]): Requirement[] {
  const counts = new Map<string | null, number>();
  for (const { role, count } of requirements) counts.set(role, Math.max(counts.get(role) ?? 0, count));
  return [...counts]
    .map(([role, count]) => ({ role, count }))
    .sort((a, b) => ((a.role ?? '') < (b.role ?? '') ? -1 : 1));
}

/** The shortest of the times that are set. */
export function shortest(times: readonly (number | null)[]): number | null {
  const set = times.filter((time) => time !== null);
  return set.length === 0 ? null : Math.min(...set);
}

/** `2 people with the role dba and 1 person`. */
export function requirementsText(requirements: readonly Requirement[]): string {
  return requirements
    .map(({ role, count }) => {
      const people = count === 1 ? '1 person' : `${count} people`;
      return role === null ? people : `${people} with the role ${role}`;
    })
    .join(' and ');
}
