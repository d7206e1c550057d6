/**
 * Votes, and the statement that opens a break-glass operation.
 *
 * Errors:  APPROVAL_REFUSED with `details.rule`, APPROVER_KEY, PLAN_HASH. Each refusal is recorded.
 */
import { type Actor, IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import { isMet, isVetoed, requirementsFor, type VoteRule, voteProblem } from './approvals.ts';
import type { Step } from './journal.ts';
import { engineActor, failureOf, type Parts } from './parts.ts';
import { samePersonKey } from './people.ts';
import type { Operation, Vote, VotePurpose, VoteSignature } from './types.ts';
import { checkSignature, readStatement } from './votes.ts';

export interface VoteRequest {
  /** Which plan is meant: what the voter saw. */
  readonly plan_hash: string;
  readonly vote: 'approve' | 'deny';
  /** Default `approval`. */
  readonly purpose?: VotePurpose;
  /** By an enrolled key; its person votes. */
  readonly signature: VoteSignature;
  /** Id of whoever hands it in, where that was found out: the person must be the same. */
  readonly sender?: string;
}

/** Advice of somebody who does not vote: an agent. */
export interface AdviceRequest {
  readonly plan_hash: string;
  readonly vote: 'approve' | 'deny';
  readonly advisor: Actor;
  readonly reason: string;
}

const SENTENCES: Readonly<Record<VoteRule, string>> = {
  requester: 'whoever asked for it does not approve it',
  delegation: 'nobody for whom it was asked approves it',
  plan_hash: 'the vote is for another plan',
  not_open: 'there is nothing to vote on',
  expired: 'the time for approval is over',
  same_key: 'this key has voted under another name',
  already_voted: 'this person has voted',
  unsigned: 'the vote is not signed',
  unknown_person: 'this person is not in the directory',
  sender: 'whoever hands the vote in is not the person who signed it',
  agent: 'agents advise, they do not vote',
};

/** Casts a signed vote, and takes the operation where the votes lead. */
export async function castVote(parts: Parts, operation: Operation, request: VoteRequest): Promise<Operation> {
  const { purpose = 'approval', vote, signature, plan_hash, sender } = request;
  const person = await signatoryOf(parts, operation, signature, { purpose, vote, plan_hash });
  if (!isSender(person, sender)) return refuseVote(parts, operation, person, 'sender');
  const view = await parts.policy();
  if (!view.knows(person.id)) return refuseVote(parts, operation, person, 'unknown_person');
  const cast = {
    ...{ purpose, vote, person, plan_hash, counts: true, signature },
    roles: [...view.rolesOf(person.id)],
    reason: readStatement(signature).reason,
  };
  const repeated = operation.votes.some(
    (one) =>
      one.purpose === purpose &&
      one.vote === vote &&
      samePersonKey(one.person.id) === samePersonKey(person.id),
  );
  // Votes are idempotent: whoever got no answer asks again.
  if (repeated && plan_hash === operation.plan_hash) return operation;
  const problem = voteProblem(operation, { ...cast, at: parts.now });
  if (problem !== null) return refuseVote(parts, operation, person, problem);
  return parts.journal.append(operation, [voteStep(operation, person, cast), ...following(operation, cast)]);
}

/** Records advice: it shows to approvers, and does not count. */
export async function castAdvice(
  parts: Parts,
  operation: Operation,
  request: AdviceRequest,
): Promise<Operation> {
  const { vote, plan_hash, advisor, reason } = request;
  const cast = {
    ...({ purpose: 'approval', vote, plan_hash, counts: false, signature: null, roles: [] } as const),
    person: advisor,
    reason: reason.slice(0, 2000),
  };
  const problem = voteProblem(operation, { ...cast, at: parts.now });
  if (problem !== null) return refuseVote(parts, operation, advisor, problem);
  return parts.journal.append(operation, [voteStep(operation, advisor, cast)]);
}

/** Signs for a break-glass operation: its requester, by an enrolled key, over the plan hash; announced before it runs. */
export async function openBreakGlass(
  parts: Parts,
  operation: Operation,
  signature: VoteSignature,
  sender?: string,
): Promise<Operation> {
  const { plan_hash, envelope, state, operation_id } = operation;
  if (state !== 'validated' || !envelope.break_glass || plan_hash === null)
    return refuseVote(parts, operation, envelope.requester, 'not_open');
  const claims = { purpose: 'break_glass', vote: 'approve', plan_hash } as const;
  const person = await signatoryOf(parts, operation, signature, claims);
  if (!isSender(person, sender)) return refuseVote(parts, operation, person, 'sender');
  if (samePersonKey(person.id) !== samePersonKey(envelope.requester.id))
    return refuseVote(parts, operation, person, 'requester');
  if (envelope.requester.type === 'agent') return refuseVote(parts, operation, person, 'agent');
  if (isOld(parts, signature)) return refuseVote(parts, operation, person, 'expired');
  const { notify } = parts.options;
  if (notify === undefined)
    throw new IndelibleError(
      'OPERATION_STATE',
      'break-glass needs somewhere to be announced, and there is nowhere',
    );
  const { requester, reason, ledger } = envelope;
  await notify({ operation_id, ledger, requester, reason, plan_hash });
  const step: Step = {
    actor: requester,
    by: 'requester',
    to: 'approved',
    reason: 'break-glass',
    data: { signature, announced_at: parts.now },
  };
  return parts.journal.append(operation, [step]);
}

const FRESH_MS = 5 * 60_000;

/** Signing anew is how the requester shows to be there. */
function isOld(parts: Parts, signature: VoteSignature): boolean {
  const age = parts.clock() - Date.parse(readStatement(signature).signed_at);
  return !(Math.abs(age) <= FRESH_MS);
}

/** The person whose enrolled key made this statement. */
async function signatoryOf(
  parts: Parts,
  operation: Operation,
  signature: VoteSignature,
  claims: { purpose: VotePurpose | 'break_glass'; vote: 'approve' | 'deny'; plan_hash: string },
): Promise<Actor> {
  const nobody: Actor = { type: 'unauthenticated', id: 'unknown' };
  let person = nobody;
  try {
    const approver = await parts.approvers.of(signature.key);
    person = { type: 'user', id: approver.person_id };
    if (claims.plan_hash !== operation.plan_hash)
      throw new IndelibleError('PLAN_HASH', `the operation has the plan hash ${operation.plan_hash}`);
    const { reason, signed_at } = readStatement(signature);
    const { operation_id, envelope } = operation;
    const statement = { ...claims, operation_id, ledger: envelope.ledger, person, reason, signed_at };
    checkSignature(signature, statement, approver.key);
    return person;
  } catch (error) {
    if (!isIndelibleError(error)) throw error;
    await parts.journal.refuse(operation, person, {
      attempted: claims.purpose,
      ...failureOf(error),
      details: error.details as JsonObject,
    });
    throw error;
  }
}

function isSender(person: Actor, sender: string | undefined): boolean {
  return sender === undefined || samePersonKey(sender) === samePersonKey(person.id);
}

function voteStep(operation: Operation, actor: Actor, vote: Omit<Vote, 'seq' | 'at'>): Step {
  return {
    ...({ actor, by: 'approver', to: operation.state, action: 'operation.vote', data: { vote } } as const),
    outcome: vote.vote === 'deny' ? 'denied' : 'ok',
  };
}

/** Where a vote that is about to be cast leads. */
function following(operation: Operation, cast: Omit<Vote, 'seq' | 'at'>): Step[] {
  const votes: Vote[] = [...operation.votes, { ...cast, seq: 0, at: '' }];
  const engine = { actor: engineActor(operation), by: 'engine' } as const;
  const met = isMet(requirementsFor(operation, cast.purpose), votes, cast.purpose);
  if (cast.purpose === 'approval') {
    if (isVetoed(votes)) return [{ ...engine, to: 'denied', reason: `${cast.person.id} vetoed` }];
    return met ? [{ ...engine, to: 'approved', reason: 'enough people approved' }] : [];
  }
  if (cast.purpose === 'exception' && met)
    return [{ ...engine, to: 'accepted_with_exception', reason: 'enough people accepted it' }];
  return [];
}

async function refuseVote(parts: Parts, operation: Operation, person: Actor, rule: VoteRule): Promise<never> {
  const error = new IndelibleError('APPROVAL_REFUSED', SENTENCES[rule], { details: { rule } });
  await parts.journal.refuse(operation, person, {
    attempted: 'vote',
    ...failureOf(error),
    details: { rule },
  });
  throw error;
}
