/**
 * Who may vote on an operation, what votes add up to, and what they must add up to.
 *
 * Pure:    no I/O, no clock. The rules are checked before a vote is recorded, and again by the fold.
 */
import type { ConnectorPlan } from '../connectors/contract.ts';
import { isInChain, samePersonKey } from './people.ts';
import type {
  Decision,
  Envelope,
  Operation,
  Requirement,
  Vote,
  VotePurpose,
  VoteSignature,
} from './types.ts';

/** Why somebody may not vote; `details.rule` of APPROVAL_REFUSED. */
export type VoteRule =
  | 'requester'
  | 'delegation'
  | 'plan_hash'
  | 'not_open'
  | 'expired'
  | 'same_key'
  | 'already_voted'
  | 'unsigned'
  | 'unknown_person'
  | 'sender'
  | 'agent';

/** The votes that each purpose is open for, by state. */
const OPEN: Readonly<Record<VotePurpose, readonly string[]>> = {
  approval: ['pending_approval'],
  review: ['verified', 'accepted_with_exception'],
  exception: ['partially_executed', 'verify_failed', 'needs_operator'],
};

/** What an operation must have before it runs: policy's requirements, and what no policy can waive. */
export function requirementsOf(
  decision: Decision,
  envelope: Envelope,
  members: readonly ConnectorPlan[],
): Requirement[] {
  // The parent's approval covered the compensation; break-glass is reviewed afterwards instead.
  if (envelope.parent?.compensation === true || envelope.break_glass) return [];
  const asked = decision.approvals.filter(({ count }) => count > 0);
  if (asked.length > 0) return asked;
  const blind = members.some(({ capabilities }) => capabilities.dry_run === 'none');
  return blind || envelope.parent?.override === true ? [{ role: null, count: 1 }] : [];
}

/** What the votes of a purpose must meet. */
export function requirementsFor(operation: Operation, purpose: VotePurpose): readonly Requirement[] {
  if (purpose === 'approval') return operation.requirements;
  if (purpose === 'review') return operation.decision?.review ?? [];
  return operation.requirements.length > 0 ? operation.requirements : [{ role: null, count: 2 }];
}

/** True when so many distinct people approved, for every requirement. One person may count for several roles. */
export function isMet(
  requirements: readonly Requirement[],
  votes: readonly Vote[],
  purpose: VotePurpose,
): boolean {
  const yes = votes.filter((vote) => vote.purpose === purpose && vote.counts && vote.vote === 'approve');
  return requirements.every(({ role, count }) => {
    const people = yes.filter(({ roles }) => role === null || roles.includes(role));
    return new Set(people.map(({ person }) => samePersonKey(person.id))).size >= count;
  });
}

/** How many are still missing for each requirement. */
export function missing(operation: Operation, purpose: VotePurpose): Requirement[] {
  return requirementsFor(operation, purpose).flatMap(({ role, count }) => {
    let left = 0;
    while (!isMet([{ role, count: count - left }], operation.votes, purpose)) left++;
    return left === 0 ? [] : [{ role, count: left }];
  });
}

/** True when a vote that counts denies. */
export function isVetoed(votes: readonly Vote[]): boolean {
  return votes.some(({ purpose, counts, vote }) => purpose === 'approval' && counts && vote === 'deny');
}

/** Null when this vote may be cast now; `at` is an RFC 3339 time in UTC. */
export function voteProblem(operation: Operation, vote: Omit<Vote, 'seq'>): VoteRule | null {
  const { envelope, plan_hash, deadlines, state, votes } = operation;
  const { purpose, person, signature } = vote;
  if (!OPEN[purpose].includes(state)) return 'not_open';
  if (purpose === 'review' && !envelope.break_glass) return 'not_open';
  if (vote.plan_hash !== plan_hash) return 'plan_hash';
  if (purpose === 'approval' && vote.at > (deadlines?.approval_expires_at ?? '')) return 'expired';
  if (samePersonKey(person.id) === samePersonKey(envelope.requester.id)) return 'requester';
  if (isInChain(person.id, envelope.requester)) return 'delegation';
  const before = votes.filter((one) => one.purpose === purpose);
  const own = before.filter((one) => samePersonKey(one.person.id) === samePersonKey(person.id));
  // Whoever approved may still veto, as long as it is open.
  if (own.some((one) => one.vote === vote.vote || one.vote === 'deny')) return 'already_voted';
  if (!vote.counts) return null;
  if (person.type === 'agent' || person.on_behalf_of !== undefined) return 'agent';
  if (signature === null) return 'unsigned';
  if (
    before.some(
      (one) => !own.includes(one) && one.signature !== null && samePublicKey(one.signature, signature),
    )
  )
    return 'same_key';
  return null;
}

/** One key under two names is one voter. */
function samePublicKey(one: VoteSignature, other: VoteSignature): boolean {
  return publicPart(one.key) === publicPart(other.key);
}

/** What is behind the name and the id of a verifier key. */
export function publicPart(key: string): string {
  return key.split('+').slice(2).join('+');
}
