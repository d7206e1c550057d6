/**
 * What an operation is: the envelope it was asked for in, its plan, and the state that its records fold to.
 *
 * Shapes:  everything here is JSON, in snake case: it is hashed, recorded and sent as it is.
 */
import type { Actor, Json, JsonObject, Session } from '@indelible/core';
import type { ConnectorPlan, ConnectorSnapshot, Execution, Verification } from '../connectors/contract.ts';
import type { Part, State } from './lifecycle.ts';

/** One thing to do. */
export interface MemberRequest {
  readonly connector: string;
  readonly action: string;
  readonly params: JsonObject;
}

/** What a requester asks for: one write, or several as one. */
export interface OperationRequest {
  /** 1 to 16, done in this order. No two may have a target in common. */
  readonly members: readonly MemberRequest[];
  readonly requester: Actor;
  /** Why; for approvers and auditors. */
  readonly reason: string;
  readonly intent?: string;
  readonly correlation_id?: string;
  readonly session?: Session;
  /** A retry with the same key returns the first operation; with other content it is an error. */
  readonly idempotency_key?: string;
  /** Without approval beforehand, and never closed without a review. */
  readonly break_glass?: boolean;
}

/** A secret that parameters refer to: which one, and a salted hash of the value it had when the plan was made. */
export interface SecretHash {
  readonly name: string;
  readonly salt: string;
  readonly hash: string;
}

/** Of which operation this is the rollback. */
export interface Parent {
  readonly operation_id: string;
  readonly plan_hash: string;
  /** Which members of the parent are undone by which of these, in order. */
  readonly members: readonly number[];
  /** Goes over what others did to the target since. */
  readonly override: boolean;
  /** Made by the engine because a later member failed: the parent's approval covered it. */
  readonly compensation: boolean;
}

export interface Envelope {
  readonly operation_id: string;
  readonly kind: 'change' | 'rollback';
  readonly ledger: string;
  readonly requester: Actor;
  readonly reason: string;
  readonly intent: string | null;
  readonly correlation_id: string;
  readonly session: Session | null;
  readonly idempotency_key: string | null;
  readonly break_glass: boolean;
  readonly parent: Parent | null;
  readonly created_at: string;
  /** SHA-256 over what was asked for, so that a retry can be told from another request with its key. */
  readonly request_hash: string;
}

export interface Deadlines {
  readonly approval_expires_at: string;
  readonly execute_before: string;
}

/** So many distinct people; with a role, or whoever may vote. */
export interface Requirement {
  readonly role: string | null;
  readonly count: number;
}

/** What policy says to an operation (operations/policy/decide.ts). */
export interface Decision {
  readonly effect: 'allow' | 'approve' | 'deny';
  readonly reason: string;
  readonly approvals: readonly Requirement[];
  readonly review: readonly Requirement[];
  readonly approval_expires_after_ms: number | null;
  readonly execute_within_ms: number | null;
  readonly policy_set_hash: string;
  readonly entities_hash: string;
  readonly decision_hash: string;
}

export type VotePurpose = 'approval' | 'review' | 'exception';

export interface Vote {
  readonly purpose: VotePurpose;
  readonly vote: 'approve' | 'deny';
  readonly person: Actor;
  readonly roles: readonly string[];
  readonly plan_hash: string;
  /** False for an agent's, which is advice. */
  readonly counts: boolean;
  readonly reason: string | null;
  /** Who signed with what; null for advice. */
  readonly signature: VoteSignature | null;
  readonly at: string;
  readonly seq: number;
}

/** Signatures by kind, so that others can follow. */
export interface VoteSignature {
  readonly kind: 'signed-note';
  /** The verifier key, as in a signed note. */
  readonly key: string;
  /** What was signed, with the signature (c2sp.org/signed-note). */
  readonly note: string;
}

export interface Lease {
  /** Which process: nobody else may end the execution while it lasts. */
  readonly holder: string;
  readonly expires_at: string;
  /** The record that took it: grows with every one who takes over. */
  readonly epoch: number;
}

/** What is known about one member's execution. */
export interface MemberProgress {
  /** `started`: its intent is durable, and no answer is. */
  readonly outcome: 'waiting' | 'started' | 'applied' | 'not_applied' | 'partial' | 'unknown';
  readonly execution: Execution | null;
}

export interface HistoryEntry {
  readonly n: number;
  readonly seq: number;
  readonly at: string;
  readonly action: string;
  readonly from: State | null;
  readonly to: State;
  readonly by: Part;
  readonly actor: Actor;
  readonly reason: string | null;
}

/** A record that the lifecycle does not allow: it changed nothing. */
export interface IllegalEntry {
  readonly n: number;
  readonly seq: number;
  readonly action: string;
  readonly rule: string;
}

export interface Operation {
  readonly operation_id: string;
  readonly state: State;
  /** The number of the next record of this operation. */
  readonly next_n: number;
  readonly envelope: Envelope;
  readonly members: readonly ConnectorPlan[];
  readonly secrets: readonly SecretHash[];
  readonly decision: Decision | null;
  /** What must be met: the policy's, and what the engine adds. */
  readonly requirements: readonly Requirement[];
  readonly plan_hash: string | null;
  readonly deadlines: Deadlines | null;
  readonly dry_run: Json | null;
  readonly votes: readonly Vote[];
  /** A break-glass statement was signed by the requester. */
  readonly break_glass_signed: boolean;
  readonly approval_used: boolean;
  readonly attempts: number;
  readonly lease: Lease | null;
  readonly snapshots: readonly ConnectorSnapshot[];
  readonly progress: readonly MemberProgress[];
  readonly verifications: readonly Verification[];
  readonly executed_at: string | null;
  /** Until when it can be undone; null before it was executed, or when it cannot. */
  readonly rollback_until: string | null;
  /** Where it goes back to when a rollback is not made. */
  readonly before_rollback: State | null;
  readonly rollbacks: readonly string[];
  readonly refusals: number;
  readonly history: readonly HistoryEntry[];
  readonly illegal: readonly IllegalEntry[];
}
