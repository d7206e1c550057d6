/**
 * An operation's state, folded from its records and nothing else.
 *
 * The engine asks `problemOf` before it writes a record, and the fold asks it again of every record that it reads: a
 * record that the lifecycle does not allow changes nothing, and shows in `illegal`. It still uses up its number, so
 * that the next one can be written.
 *
 * Pure:    no I/O, no clock: times are those of the records.
 */
import type { Actor, JsonObject } from '@indelible/core';
import type { ConnectorPlan, ConnectorSnapshot, Execution, Verification } from '../connectors/contract.ts';
import { isMet, isVetoed, requirementsFor, requirementsOf, voteProblem } from './approvals.ts';
import { isState, type Part, type State, transitionBetween } from './lifecycle.ts';
import { planHash } from './plan-hash.ts';
import type {
  Deadlines,
  Decision,
  Envelope,
  HistoryEntry,
  MemberProgress,
  Operation,
  SecretHash,
  Vote,
} from './types.ts';

/** One record of an operation, as far as the fold needs it. */
export interface Entry {
  readonly seq: number;
  readonly recorded_at: string;
  readonly actor: Actor;
  readonly action: string;
  readonly data: EntryData;
}

/** What all have in common; the rest by action. */
export interface EntryData {
  readonly n: number;
  readonly from: State | null;
  readonly to: State;
  readonly by: Part;
  readonly reason?: string;
  readonly [member: string]: unknown;
}

/** A refusal stands beside the numbered records: it may come from whoever has not read the newest. */
export const REFUSED = 'operation.refused';
/** Names targets that a record has no room for. */
export const TARGETS = 'operation.targets';
/** Records without a change of state. */
export const UNMOVED = ['operation.vote', 'operation.step'];

/** The operation after one more record; null before the first valid one. */
export function fold(operation: Operation | null, entry: Entry): Operation | null {
  if (entry.action === TARGETS) return operation;
  if (entry.action === REFUSED)
    return operation === null ? null : { ...operation, refusals: operation.refusals + 1 };
  if (operation === null) return problemOf(null, entry) === null ? begin(entry) : null;
  const problem = problemOf(operation, entry);
  if (problem !== null) {
    const illegal = [
      ...operation.illegal,
      { n: entry.data.n, seq: entry.seq, action: entry.action, rule: problem },
    ];
    return { ...operation, illegal, next_n: nextNumber(operation.next_n, illegal) };
  }
  const history = [...operation.history, historyEntry(entry)];
  const next_n = nextNumber(operation.next_n + 1, operation.illegal);
  const moved = { ...operation, state: entry.data.to, next_n, history };
  return { ...moved, ...effectOf(moved, entry) };
}

/** The first number from `n` on that no record has: one that changed nothing has its number for good, too. */
function nextNumber(n: number, illegal: Operation['illegal']): number {
  return illegal.some((one) => one.n === n) ? nextNumber(n + 1, illegal) : n;
}

/** Which rule a record breaks; null when it may stand. */
export function problemOf(operation: Operation | null, entry: Entry): string | null {
  const { n, from, to, by } = entry.data;
  if (n !== (operation?.next_n ?? 0)) return `it is numbered ${n}, not ${operation?.next_n ?? 0}`;
  if (from !== (operation?.state ?? null))
    return `it starts from ${from}, not ${operation?.state ?? 'nothing'}`;
  if (!isState(to)) return 'it leads to no state';
  if (operation !== null && UNMOVED.includes(entry.action)) return unmovedProblem(operation, entry);
  if (entry.action !== `operation.${to}`) return `the action ${entry.action} does not lead to ${to}`;
  const transition = transitionBetween(from, to);
  if (transition === undefined) return `${from} is not followed by ${to}`;
  if (!transition.by.includes(by)) return `the ${by} may not take it from ${from} to ${to}`;
  if (operation === null) return beginProblem(entry);
  return guardProblem(operation, entry, transition.guard);
}

function beginProblem({ data }: Entry): string | null {
  const envelope = data.envelope as Envelope | undefined;
  if (typeof envelope?.operation_id !== 'string') return 'it has no envelope';
  return Array.isArray(data.members) && data.members.length > 0 ? null : 'it has no members';
}

function unmovedProblem(operation: Operation, entry: Entry): string | null {
  const { data } = entry;
  if (data.to !== data.from) return `${entry.action} changes no state`;
  if (entry.action === 'operation.vote') {
    const vote = voteOf(entry);
    return data.by === 'approver' ? voteProblem(operation, vote) : `the ${data.by} does not vote`;
  }
  if (operation.state !== 'executing') return 'nothing is executing';
  return data.by === 'executor' && holds(operation, data) ? null : 'another one holds the lease';
}

function guardProblem(operation: Operation, entry: Entry, guard: string | undefined): string | null {
  const { data, recorded_at } = entry;
  if (data.to === 'validated') return validatedProblem(operation, data);
  if (data.from === 'executing' && data.by === 'executor' && !holds(operation, data))
    return 'another one holds the lease';
  if (data.from === 'indeterminate' && data.to !== 'indeterminate' && !holds(operation, data))
    return 'another one holds the lease';
  if (guard === 'approved') return approvedProblem(operation, data);
  if (guard === 'refused')
    return operation.decision?.effect === 'deny' || isVetoed(operation.votes) ? null : 'nobody denied it';
  if (guard === 'may_execute') return executionProblem(operation, data, recorded_at);
  if (guard === 'reviewed') return isReviewed(operation) ? null : 'it has not been reviewed';
  if (guard === 'accepted')
    return isMet(requirementsFor(operation, 'exception'), operation.votes, 'exception')
      ? null
      : 'not enough people have accepted it';
  return null;
}

function validatedProblem({ envelope, members, secrets }: Operation, data: EntryData): string | null {
  const decision = data.policy as Decision | undefined;
  const deadlines = data.deadlines as Deadlines | undefined;
  if (decision === undefined || deadlines === undefined) return 'it has no decision or no deadlines';
  const { policy_set_hash, entities_hash } = decision;
  const hash = planHash({ envelope, members, secrets, policy_set_hash, entities_hash, deadlines });
  return data.plan_hash === hash ? null : 'its plan hash is not that of the plan';
}

function approvedProblem(operation: Operation, data: EntryData): string | null {
  const { decision, requirements, votes, envelope } = operation;
  if (decision === null || decision.effect === 'deny') return 'policy did not allow it';
  if (envelope.break_glass) {
    if (data.by !== 'requester' || data.signature === undefined) return 'its requester has not signed for it';
    return decision.review.length > 0 ? null : 'no review was asked for';
  }
  if (data.by !== 'engine') return 'the requester does not approve';
  if (isVetoed(votes)) return 'it was vetoed';
  if (data.from === 'validated' && requirements.length > 0) return 'it needs approval';
  return isMet(requirements, votes, 'approval') ? null : 'approvals are missing';
}

function executionProblem(operation: Operation, data: EntryData, at: string): string | null {
  if (data.plan_hash !== operation.plan_hash) return 'it is another plan than the approved one';
  if (at > (operation.deadlines?.execute_before ?? '')) return 'the time for execution is over';
  return operation.state === 'approved' && operation.approval_used ? 'its approval is used up' : null;
}

/** Null or met: only break-glass asks for a review. */
export function isReviewed(operation: Operation): boolean {
  if (!operation.envelope.break_glass) return true;
  return isMet(requirementsFor(operation, 'review'), operation.votes, 'review');
}

function holds({ lease }: Operation, data: EntryData): boolean {
  return lease !== null && data.holder === lease.holder && data.epoch === lease.epoch;
}

function begin(entry: Entry): Operation {
  const { envelope, members, secrets } = entry.data as unknown as {
    envelope: Envelope;
    members: readonly ConnectorPlan[];
    secrets?: readonly SecretHash[];
  };
  return {
    operation_id: envelope.operation_id,
    state: 'planned',
    next_n: 1,
    envelope,
    members,
    secrets: secrets ?? [],
    decision: null,
    requirements: [],
    plan_hash: null,
    deadlines: null,
    dry_run: null,
    votes: [],
    break_glass_signed: false,
    approval_used: false,
    attempts: 0,
    lease: null,
    snapshots: [],
    progress: members.map(() => ({ outcome: 'waiting', execution: null })),
    verifications: [],
    executed_at: null,
    rollback_until: null,
    before_rollback: null,
    rollbacks: [],
    refusals: 0,
    history: [historyEntry(entry)],
    illegal: [],
  };
}

/** What a record says beyond the new state. */
function effectOf(operation: Operation, entry: Entry): Partial<Operation> {
  const { data, seq, recorded_at } = entry;
  if (entry.action === 'operation.vote') return { votes: [...operation.votes, voteOf(entry)] };
  // A rollback that was not made: everything is as it was.
  if (data.from === 'rollback_requested') return { before_rollback: null };
  switch (data.to) {
    case 'validated': {
      const decision = data.policy as Decision;
      return {
        decision,
        requirements: requirementsOf(decision, operation.envelope, operation.members),
        plan_hash: data.plan_hash as string,
        deadlines: data.deadlines as Deadlines,
        dry_run: (data.dry_run as Operation['dry_run'] | undefined) ?? null,
      };
    }
    case 'approved':
      return { break_glass_signed: operation.envelope.break_glass };
    case 'executing':
      return executing(operation, data, seq);
    case 'indeterminate':
      return { lease: leaseOf(data, seq), ...progressOf(operation, data) };
    case 'executed':
    case 'partially_executed':
    case 'failed':
      return {
        ...progressOf(operation, data),
        lease: null,
        executed_at: data.to === 'failed' ? null : recorded_at,
        rollback_until: (data.rollback_until as string | null | undefined) ?? null,
      };
    case 'verified':
    case 'verify_failed':
      return { verifications: (data.verifications ?? []) as readonly Verification[] };
    case 'rollback_requested':
      return {
        before_rollback: data.from,
        rollbacks: [...operation.rollbacks, String(data.rollback)],
      };
    default:
      return {};
  }
}

function executing(operation: Operation, data: EntryData, epoch: number): Partial<Operation> {
  const lease = leaseOf(data, epoch);
  if (data.from === 'executing') return { lease, ...progressOf(operation, data) };
  return {
    lease,
    approval_used: true,
    attempts: operation.attempts + 1,
    snapshots: (data.snapshots as readonly ConnectorSnapshot[] | undefined) ?? operation.snapshots,
    ...progressOf(operation, data),
  };
}

function leaseOf(data: EntryData, epoch: number): Operation['lease'] {
  const { holder, expires_at } = data.lease as { holder: string; expires_at: string };
  return { holder, expires_at, epoch };
}

function progressOf(operation: Operation, data: EntryData): Pick<Operation, 'progress'> {
  const changed = (data.progress ?? {}) as Readonly<
    Record<string, { outcome: MemberProgress['outcome']; execution?: Execution }>
  >;
  const progress = operation.progress.map((known, i) => {
    const news = changed[i];
    return news === undefined
      ? known
      : { outcome: news.outcome, execution: news.execution ?? known.execution };
  });
  return { progress };
}

function voteOf({ data, seq, recorded_at }: Entry): Vote {
  const vote = data.vote as unknown as Omit<Vote, 'seq' | 'at'>;
  return { ...vote, at: recorded_at, seq };
}

function historyEntry({ seq, recorded_at, action, actor, data }: Entry): HistoryEntry {
  const { n, from, to, by, reason = null } = data;
  return { n, seq, at: recorded_at, action, from, to, by, actor, reason };
}

/** The data of a record, when it is of the shape that every record of an operation has. */
export function entryData(data: unknown): EntryData | null {
  if (typeof data !== 'object' || data === null || Array.isArray(data)) return null;
  const { n, from, to, by } = data as JsonObject;
  const shaped = Number.isSafeInteger(n) && (from === null || isState(from)) && isState(to);
  return shaped && typeof by === 'string' ? (data as unknown as EntryData) : null;
}
