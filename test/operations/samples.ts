/** Plans, envelopes and records of operations, for tests of what folds and judges them. */
import type { Actor } from '@indelible/core';
import type { ConnectorPlan } from '../../packages/indelible/src/connectors/contract.ts';
import { type Entry, fold } from '../../packages/indelible/src/operations/fold.ts';
import type { Part, State } from '../../packages/indelible/src/operations/lifecycle.ts';
import { planHash } from '../../packages/indelible/src/operations/plan-hash.ts';
import type { Decision, Envelope, Operation, Vote } from '../../packages/indelible/src/operations/types.ts';

export const ALICE: Actor = { type: 'user', id: 'alice' };
export const BOT: Actor = { type: 'agent', id: 'bot', on_behalf_of: ALICE };
export const HASH = 'ab'.repeat(32);
export const DEADLINES = {
  approval_expires_at: '2026-11-21T01:00:00.000Z',
  execute_before: '2026-11-21T02:00:00.000Z',
};

export function plan(over: Partial<ConnectorPlan> = {}): ConnectorPlan {
  return {
    connector: 'memory',
    connector_version: '1',
    action: 'set',
    params: { key: 'price', value: 2 },
    targets: [
      {
        resource: { type: 'key', id: 'memory:price' },
        version: '1',
        before: { digest: HASH, facts: { value: 1 } },
        after: { digest: HASH, facts: { value: 2 } },
        diff: { format: 'json-patch', patch: [{ op: 'replace', path: '/value', value: 2 }] },
      },
    ],
    steps: ['set price to 2'],
    rollback_steps: ['set price to 1'],
    capabilities: {
      guarantee: 'cas',
      dry_run: 'computed',
      rollback: { can_rollback: true, method: 'inverse', window_ms: 3_600_000, limitations: [] },
      probe: true,
      limits: { max_targets: 10, max_bytes: 1000, timeout_ms: 1000 },
    },
    ...over,
  };
}

export function envelope(over: Partial<Envelope> = {}): Envelope {
  return {
    operation_id: '019a0000-0000-7000-8000-000000000001',
    kind: 'change',
    ledger: 'acme.example/prod',
    requester: BOT,
    reason: 'the price is wrong',
    intent: null,
    correlation_id: '1'.repeat(32),
    session: null,
    idempotency_key: null,
    break_glass: false,
    parent: null,
    created_at: '2026-11-21T00:00:00.000Z',
    request_hash: HASH,
    ...over,
  };
}

export function decision(over: Partial<Decision> = {}): Decision {
  return {
    effect: 'approve',
    reason: 'policy asks for two',
    approvals: [{ role: null, count: 2 }],
    review: [],
    approval_expires_after_ms: null,
    execute_within_ms: null,
    policy_set_hash: HASH,
    entities_hash: HASH,
    decision_hash: HASH,
    ...over,
  };
}

/** Builds an operation's records one by one, and folds them. */
export class Story {
  operation: Operation | null = null;
  readonly entries: Entry[] = [];
  at = '2026-11-21T00:00:00.000Z';

  add(action: string, to: State, by: Part, more: Record<string, unknown> = {}): Operation {
    const { state = null, next_n = 0 } = this.operation ?? {};
    const data = { n: next_n, from: state, to, by, ...more };
    const seq = this.entries.length + 10;
    this.entries.push({ seq, recorded_at: this.at, actor: ALICE, action, data });
    this.operation = fold(this.operation, this.entries.at(-1)!);
    return this.operation!;
  }

  to(to: State, by: Part, more: Record<string, unknown> = {}): Operation {
    return this.add(`operation.${to}`, to, by, more);
  }

  planned(over: Partial<Envelope> = {}, members = [plan()]): Operation {
    return this.to('planned', 'requester', { envelope: envelope(over), members });
  }

  validated(over: Partial<Decision> = {}): Operation {
    const policy = decision(over);
    const { envelope, members, secrets } = this.operation!;
    const hashed = { envelope, members, secrets, deadlines: DEADLINES, ...pick(policy) };
    return this.to('validated', 'engine', { policy, deadlines: DEADLINES, plan_hash: planHash(hashed) });
  }

  vote(id: string, over: Partial<Vote> = {}): Operation {
    const { state, plan_hash } = this.operation!;
    const key = `${id}+00000000+${Buffer.from(id).toString('base64')}`;
    const signature = { kind: 'signed-note', key, note: '' } as const;
    const vote = {
      purpose: 'approval',
      vote: 'approve',
      person: { type: 'user', id },
      roles: [],
      plan_hash,
      counts: true,
      reason: null,
      signature,
      ...over,
    };
    return this.add('operation.vote', state, 'approver', { vote });
  }

  /** To `executing`, approved by policy alone. */
  executing(holder = 'one'): Operation {
    this.planned();
    this.validated({ effect: 'allow', approvals: [] });
    this.to('approved', 'engine');
    return this.execute(holder);
  }

  execute(holder = 'one', over: Record<string, unknown> = {}): Operation {
    const lease = { holder, expires_at: '2026-11-21T00:01:00.000Z' };
    return this.to('executing', 'executor', {
      plan_hash: this.operation!.plan_hash,
      lease,
      snapshots: [],
      ...over,
    });
  }

  /** What the holder of the lease says to show that it holds it. */
  get held(): { holder: string; epoch: number } {
    const { holder, epoch } = this.operation!.lease!;
    return { holder, epoch };
  }
}

function pick({ policy_set_hash, entities_hash }: Decision) {
  return { policy_set_hash, entities_hash };
}
