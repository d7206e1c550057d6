/**
 * One decision for several: a change set is allowed when each member is, under everything that any member asks for.
 *
 * Pure:    no I/O.
 */
import {
  type DeterminingPolicy,
  decisionHash,
  mergeRequirements,
  type PolicyDecision,
  shortest,
} from './decision.ts';

/** What decides over a change set; requests and facts are in the members' own decisions. */
export type CombinedDecision = Omit<PolicyDecision, 'request' | 'resolved'>;

/** Combines the decisions of the members, in their order. All must be by the same set. Also right for a single one. */
export function combine(decisions: readonly [PolicyDecision, ...PolicyDecision[]]): CombinedDecision {
  const [first] = decisions;
  const { policy_set_hash, entities_hash } = first;
  const mixed = decisions.some(
    (each) => each.policy_set_hash !== policy_set_hash || each.entities_hash !== entities_hash,
  );
  const refused = decisions.find(({ effect }) => effect === 'deny');
  const approvals = mergeRequirements(decisions.flatMap((each) => each.approvals));
  const review = mergeRequirements(decisions.flatMap((each) => each.review));
  const denied = mixed || refused !== undefined;
  const reasons = [...new Set(decisions.map(({ reason }) => reason))].join('; ');
  const mixed_reason = 'the members were decided by different policy sets';
  const combined: Omit<CombinedDecision, 'decision_hash'> = {
    effect: denied ? 'deny' : approvals.length > 0 ? 'approve' : 'allow',
    reason: mixed ? mixed_reason : (refused?.reason ?? reasons),
    approvals: denied ? [] : approvals,
    review: denied ? [] : review,
    approval_expires_after_ms: denied
      ? null
      : shortest(decisions.map((each) => each.approval_expires_after_ms)),
    execute_within_ms: denied ? null : shortest(decisions.map((each) => each.execute_within_ms)),
    determining: distinct(
      decisions.filter(({ effect }) => !denied || effect === 'deny').flatMap((each) => each.determining),
    ),
    errors: [
      ...(mixed ? [{ policy: null, message: mixed_reason }] : []),
      ...decisions.flatMap(({ errors }) => errors),
    ],
    policy_set_hash,
    entities_hash,
  };
  return { ...combined, decision_hash: decisionHash(combined) };
}

function distinct(policies: readonly DeterminingPolicy[]): DeterminingPolicy[] {
  return [...new Map(policies.map((policy) => [policy.id, policy])).values()].sort((a, b) =>
    a.id < b.id ? -1 : 1,
  );
}
