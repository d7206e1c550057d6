/**
 * What a policy decision is asked about: one planned operation, without its parameters.
 *
 * Shapes:  JSON. It is recorded with the decision, and `policy replay` decides it again; so nothing secret goes in.
 * Pure:    no clock; `at` is passed in.
 */
import { type Actor, canonicalize } from '@indelible/core';
import type { ConnectorPlan, DryRun, Guarantee, PlannedTarget } from '../../connectors/contract.ts';
import { actorChain, type PolicyActor } from './actor.ts';

export const REVERSIBILITIES = ['full', 'partial', 'none'] as const;
export type Reversibility = (typeof REVERSIBILITIES)[number];

export const CHANGES = ['create', 'update', 'delete'] as const;
export type Change = (typeof CHANGES)[number];

export interface PolicyTarget {
  readonly id: string;
  readonly type: string;
  readonly change: Change;
}

export interface PolicyRequest {
  readonly operation_id: string;
  /** When it is decided: RFC 3339 in UTC with milliseconds. */
  readonly at: string;
  readonly principal: PolicyActor;
  /** Those it acts for, nearest first. */
  readonly delegation: readonly PolicyActor[];
  /** The connector's name in the configuration. */
  readonly connector: string;
  /** The connector's kind, a colon and what it does: `postgres:update`, and `postgres:rollback` for every undo. */
  readonly action: string;
  /** At least one; each is asked for. */
  readonly targets: readonly PolicyTarget[];
  /** How many bytes the difference has, as approvers see it. */
  readonly diff_bytes: number;
  readonly reversibility: Reversibility;
  /** null: for as long as the target stays as it was left. */
  readonly rollback_window_ms: number | null;
  readonly guarantee: Guarantee;
  readonly dry_run: DryRun;
  readonly rollback: boolean;
  /** The undo of something that was changed since. */
  readonly override: boolean;
  readonly break_glass: boolean;
}

/** What a request says beside the plan. */
export interface RequestFacts {
  readonly operation_id: string;
  readonly actor: Actor;
  readonly connector_kind: string;
  readonly rollback?: boolean;
  readonly override?: boolean;
  readonly break_glass?: boolean;
  /** Milliseconds since 1970. */
  readonly now: number;
}

/** The request for a plan. */
export function policyRequestOf(plan: ConnectorPlan, facts: RequestFacts): PolicyRequest {
  const [principal, ...delegation] = actorChain(facts.actor);
  const { rollback: contract, guarantee, dry_run } = plan.capabilities;
  const rollback = facts.rollback ?? false;
  const diffs = plan.targets.map(({ diff }) => Buffer.byteLength(canonicalize(diff)));
  return {
    operation_id: facts.operation_id,
    at: new Date(facts.now).toISOString(),
    principal,
    delegation,
    connector: plan.connector,
    action: `${facts.connector_kind}:${rollback ? 'rollback' : plan.action}`,
    targets: plan.targets.map((target) => ({
      id: target.resource.id,
      type: target.resource.type,
      change: changeOf(target),
    })),
    diff_bytes: diffs.reduce((sum, bytes) => sum + bytes, 0),
    reversibility: reversibilityOf(contract),
    rollback_window_ms: contract.window_ms,
    guarantee,
    dry_run,
    rollback,
    override: facts.override ?? false,
    break_glass: facts.break_glass ?? false,
  };
}

function changeOf({ before, after }: PlannedTarget): Change {
  if (after === null) return 'delete';
  return before === null ? 'create' : 'update';
}

function reversibilityOf({ can_rollback, method }: ConnectorPlan['capabilities']['rollback']): Reversibility {
  if (!can_rollback || method === 'none') return 'none';
  return method === 'partial-compensate' ? 'partial' : 'full';
}
