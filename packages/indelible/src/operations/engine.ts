/**
 * Governed writes: plan, have approved, apply, verify, roll back. Every step is a record, and the state is folded from
 * the records alone, so any process with the ledger can go on where another one stopped.
 *
 *     const engine = new OperationEngine({ ledger, connectors, policy, blobs });
 *     const operation = await engine.plan({ members, requester, reason });
 *     await engine.vote(operation.operation_id, { plan_hash, vote: 'approve', signature });
 *     await engine.apply(operation.operation_id, { actor });
 *
 * Errors:  OPERATION_* for what the lifecycle does not allow, APPROVAL_REFUSED, PLAN_HASH; those of connectors while
 *          planning; those of the ledger. What goes wrong during an execution is no error but a state.
 */
import { type Actor, IndelibleError, isIndelibleError, type JsonObject } from '@indelible/core';
import { IdSource } from '../ledger/identity.ts';
import { type Executor, intent, run, takeSnapshots, type Unsettled } from './execution.ts';
import { isReviewed } from './fold.ts';
import { holderOfThisProcess, mayBeAlive } from './holder.ts';
import type { Step } from './journal.ts';
import type { State } from './lifecycle.ts';
import { type EngineOptions, engineActor, failureOf, Parts } from './parts.ts';
import { hasAgent, isInChain } from './people.ts';
import { planOperation } from './planning.ts';
import { isAbandoned, isStillRunning, resolve, takeOver } from './recovery.ts';
import { checkText } from './request.ts';
import {
  checkUndoable,
  dryRunRollback,
  type RollbackRequest,
  requestCompensation,
  requestRollback,
  settleParent,
} from './rollback.ts';
import { type Difference, recheck } from './staleness.ts';
import { type Sweep, sweep } from './sweep.ts';
import { earlierExecution, TargetTable, type Touch, touchesSince } from './targets.ts';
import type { Operation, OperationRequest, VoteSignature } from './types.ts';
import { undoUntil } from './undo-window.ts';
import { verifyExecuted } from './verification.ts';
import { type AdviceRequest, castAdvice, castVote, openBreakGlass, type VoteRequest } from './voting.ts';

/** How often somebody else may be first before it is given up. */
const TRIES_MAX = 8;

export interface ApplyOptions {
  /** Who executes: never an agent, nor anybody through one. */
  readonly actor: Actor;
  /** Refuses (PLAN_HASH) when the operation has another one. */
  readonly plan_hash?: string;
}

export class OperationEngine {
  readonly #parts: Parts;
  readonly #holder: string;
  readonly #targets = new TargetTable();
  readonly #applying = new Set<string>();
  readonly #unsettled: Unsettled = new Map();
  readonly #ids = new IdSource();

  constructor(options: EngineOptions) {
    this.#parts = new Parts({ mayBeAlive, ...options });
    this.#holder = options.holder ?? holderOfThisProcess();
  }

  /** Plans one write, or several as one, up to where it waits for approval or for `apply`. */
  plan(request: OperationRequest): Promise<Operation> {
    return planOperation(this.#parts, request, () => this.#newId());
  }

  /** As of now, from the ledger. */
  read(id: string): Promise<Operation> {
    return this.#parts.journal.read(id);
  }

  /** A signed vote: approval, review after break-glass, or acceptance of an exception. */
  vote(id: string, request: VoteRequest): Promise<Operation> {
    return this.#change(id, async (operation) =>
      castVote(this.#parts, await this.#inTime(operation), request),
    );
  }

  advise(id: string, request: AdviceRequest): Promise<Operation> {
    return this.#change(id, async (operation) =>
      castAdvice(this.#parts, await this.#inTime(operation), request),
    );
  }

  /** The requester's signature that stands in for the approval of a break-glass operation. */
  breakGlass(id: string, signature: VoteSignature, sender?: string): Promise<Operation> {
    return this.#change(id, (operation) => openBreakGlass(this.#parts, operation, signature, sender));
  }

  /** Withdraws an operation that has not been executed. */
  async cancel(id: string, actor: Actor, reason: string): Promise<Operation> {
    checkText('reason', reason);
    const cancelled = await this.#change(id, (operation) => {
      const own = isInChain(actor.id, operation.envelope.requester);
      return this.#append(operation, { actor, by: own ? 'requester' : 'operator', to: 'cancelled', reason });
    });
    return this.#settle(cancelled);
  }

  /** Executes an approved operation, verifies it, and compensates a change set that failed half way. */
  async apply(id: string, options: ApplyOptions): Promise<Operation> {
    const working = this.#applying.has(id);
    this.#applying.add(id);
    try {
      const operation = await this.#change(id, (known) => this.#execute(known, options));
      return await this.#finish(operation);
    } finally {
      if (!working) this.#applying.delete(id);
    }
  }

  /** Proposes the undo of an operation, as an operation of its own. */
  rollback(id: string, request: RollbackRequest): Promise<Operation> {
    checkText('reason', request.reason);
    return this.#change(id, async (operation) =>
      requestRollback(this.#parts, await this.#inTime(operation), request, () => this.#newId()),
    );
  }

  /** What a rollback would do; nothing is recorded but a refusal. */
  async dryRunRollback(id: string, request: { readonly actor: Actor; readonly override?: boolean }) {
    const operation = await this.read(id);
    await checkUndoable(this.#parts, operation, request.actor);
    return dryRunRollback(this.#parts, operation, request.override ?? false);
  }

  /** What anybody recorded about the operation's targets since it was executed. */
  async touchedSince(id: string): Promise<Touch[]> {
    const operation = await this.read(id);
    const executed = operation.history.findLast(({ to }) => to === 'executed' || to === 'partially_executed');
    return touchesSince(this.#parts, operation, executed?.seq ?? operation.history[0]!.seq);
  }

  /** Closes a verified operation before its window ends: it can then no longer be undone. */
  async close(id: string, actor: Actor, reason: string): Promise<Operation> {
    checkText('reason', reason);
    return this.#change(id, (operation) =>
      this.#append(operation, { actor, by: 'operator', to: 'closed', reason, data: { undo: 'given up' } }),
    );
  }

  /** What a person found out about an operation that nobody else could tell about. */
  async decideOutcome(
    id: string,
    decision: { readonly actor: Actor; readonly happened: boolean; readonly reason: string },
  ): Promise<Operation> {
    checkText('reason', decision.reason);
    const { actor, happened, reason } = decision;
    return this.#change(id, async (operation) => {
      if (hasAgent(actor)) return this.#refuseAgent(operation, actor, 'decide');
      const to: State = happened ? 'executed' : 'failed';
      const data = happened ? { rollback_until: undoUntil(this.#parts, operation) } : {};
      return this.#append(operation, { actor, by: 'operator', to, reason, data });
    });
  }

  /**
   * Does everything that is due: takes over what another process left, verifies, compensates, expires, closes. Runs on
   * start, by a timer, and by `indelible recover`. What cannot be done now is logged, and due again the next time.
   */
  async recover(): Promise<readonly Operation[]> {
    return (await this.sweep()).changed;
  }

  /** `recover`, with what was found: for whoever watches. */
  sweep(): Promise<Sweep> {
    return sweep(this.#parts, async (operation) => {
      // Whoever applies it goes on with it.
      if (this.#applying.has(operation.operation_id)) return operation;
      return this.#finish(await this.#resume(operation));
    });
  }

  #newId(): string {
    return this.#ids.next(this.#parts.clock());
  }

  #append(operation: Operation, step: Step): Promise<Operation> {
    return this.#parts.journal.append(operation, [step]);
  }

  /** Reads and changes, again when somebody else was first; a transition that is not allowed is recorded as refused. */
  async #change(id: string, change: (operation: Operation) => Promise<Operation>): Promise<Operation> {
    const { journal } = this.#parts;
    for (let tries = 1; ; tries++) {
      // What is remembered may be old: what it leads to may be wrong, but it cannot be written.
      const operation = tries === 1 ? await journal.known(id) : await journal.read(id);
      try {
        return await change(operation);
      } catch (error) {
        const raced = isIndelibleError(error, 'IDEMPOTENCY_CONFLICT');
        if (raced && tries < TRIES_MAX) continue;
        if (raced)
          throw new IndelibleError('OPERATION_BUSY', 'others change this operation at the same time');
        if (!isIndelibleError(error, 'OPERATION_STATE')) throw error;
        if (tries === 1) continue;
        const { to = 'unknown' } = error.details as { to?: string };
        const details = error.details as JsonObject;
        await journal.refuse(operation, this.#engine(operation), {
          attempted: to,
          ...failureOf(error),
          details,
        });
        throw error;
      }
    }
  }

  #engine(operation: Operation): Actor {
    return engineActor(operation);
  }

  async #execute(operation: Operation, { actor, plan_hash }: ApplyOptions): Promise<Operation> {
    if (hasAgent(actor)) return this.#refuseAgent(operation, actor, 'executing');
    if (plan_hash !== undefined && plan_hash !== operation.plan_hash)
      return this.#refuse(
        operation,
        actor,
        'PLAN_HASH',
        `the operation has the plan hash ${operation.plan_hash}`,
      );
    const timely = await this.#inTime(operation);
    if (timely.state === 'expired') {
      await this.#settle(timely);
      return this.#refuse(timely, actor, 'OPERATION_EXPIRED', 'the time for execution is over');
    }
    if (timely.state !== 'approved')
      throw new IndelibleError('OPERATION_STATE', `the operation is ${timely.state}, not approved`, {
        details: { state: timely.state, to: 'executing' },
      });
    return this.#targets.with(timely, () => this.#start(timely, { actor, holder: this.#holder }));
  }

  async #start(operation: Operation, executor: Executor): Promise<Operation> {
    const parts = this.#parts;
    const { differences, decision } = await recheck(parts, operation);
    if (differences.length > 0) return this.#goStale(operation, executor.actor, differences);
    let snapshots: Awaited<ReturnType<typeof takeSnapshots>>;
    try {
      snapshots = await takeSnapshots(parts, operation, 0);
    } catch (error) {
      if (!isIndelibleError(error, 'TARGET_CHANGED')) throw error;
      return this.#goStale(operation, executor.actor, [{ what: 'plan', detail: error.message }]);
    }
    await parts.reached('checked', operation.operation_id);
    const step = intent(parts, operation, executor, 'executor', 0, { decision, snapshots });
    const executing = await this.#append(operation, step);
    await parts.reached('intended', operation.operation_id);
    const { holder, epoch } = executing.lease!;
    const other = await earlierExecution(parts, executing, epoch);
    if (other !== null) {
      const reason = `a target is in use by operation ${other}`;
      const data = { holder, epoch, code: 'OPERATION_BUSY', progress: { 0: { outcome: 'not_applied' } } };
      return this.#append(executing, { actor: executor.actor, by: 'executor', to: 'failed', reason, data });
    }
    const ended = await run(parts, executing, executor, 0, this.#unsettled);
    await parts.reached('received', operation.operation_id);
    return ended.state === 'indeterminate' ? resolve(parts, ended, executor, this.#unsettled) : ended;
  }

  async #goStale(operation: Operation, actor: Actor, differences: readonly Difference[]): Promise<never> {
    const reason = differences
      .map(({ detail }) => detail)
      .join('; ')
      .slice(0, 1000);
    const step: Step = {
      actor: this.#engine(operation),
      by: 'engine',
      to: 'stale',
      reason,
      data: { differences },
    };
    const stale = await this.#append(operation, step);
    await this.#settle(stale);
    return this.#refuse(stale, actor, 'OPERATION_STALE', reason);
  }

  /** What follows from where the operation is now, as far as nobody has to be waited for. */
  async #finish(operation: Operation): Promise<Operation> {
    try {
      return await this.#follow(operation);
    } catch (error) {
      // Another process does what follows: what it has come to is the answer.
      if (!isIndelibleError(error, 'IDEMPOTENCY_CONFLICT')) throw error;
      return this.read(operation.operation_id);
    }
  }

  async #follow(operation: Operation): Promise<Operation> {
    let current = operation;
    if (current.state === 'executed') current = await verifyExecuted(this.#parts, current);
    await this.#parts.reached('verified', current.operation_id);
    if (current.state === 'partially_executed' && mayCompensate(current)) {
      const child = await requestCompensation(this.#parts, current, () => this.#newId());
      if (child?.state === 'approved') await this.apply(child.operation_id, { actor: executorOf(current) });
      else if (child !== null) await this.#settle(child);
      current = await this.#parts.journal.read(current.operation_id);
    }
    return this.#settle(current);
  }

  /** Has the parent of a rollback show what became of it. */
  async #settle(operation: Operation): Promise<Operation> {
    const { parent } = operation.envelope;
    if (parent === null) return operation;
    const undone = await this.#parts.journal.read(parent.operation_id);
    await settleParent(this.#parts, undone, operation);
    return operation;
  }

  async #resume(operation: Operation): Promise<Operation> {
    const { state } = operation;
    if (state === 'executing' || state === 'indeterminate') return this.#takeOverAbandoned(operation);
    if (state === 'rollback_requested') return this.#followRollback(operation);
    if (state === 'approved' && operation.envelope.parent?.compensation === true)
      return this.#change(operation.operation_id, (known) =>
        this.#execute(known, { actor: executorOf(operation) }),
      );
    return this.#inTime(operation);
  }

  async #takeOverAbandoned(operation: Operation): Promise<Operation> {
    const { operation_id } = operation;
    if (this.#targets.has(operation) || !isAbandoned(this.#parts, operation, this.#holder)) return operation;
    if (isStillRunning(this.#parts, operation, this.#unsettled)) return operation;
    const executor = { actor: executorOf(operation), holder: this.#holder };
    return this.#targets.with(operation, async () => {
      const taken = await takeOver(this.#parts, await this.#parts.journal.read(operation_id), executor);
      await this.#parts.reached('taken', operation_id);
      return resolve(this.#parts, taken, executor, this.#unsettled);
    });
  }

  async #followRollback(operation: Operation): Promise<Operation> {
    const child = await this.#parts.journal.read(operation.rollbacks.at(-1)!);
    return settleParent(this.#parts, operation, child);
  }

  /** The operation after whatever its deadlines bring. */
  async #inTime(operation: Operation): Promise<Operation> {
    const { state, deadlines, rollback_until } = operation;
    const { now } = this.#parts;
    const step = (to: State, reason: string, data = {}): Promise<Operation> =>
      this.#append(operation, { actor: this.#engine(operation), by: 'engine', to, reason, data });
    if (
      (state === 'pending_approval' || state === 'validated') &&
      (deadlines?.approval_expires_at ?? now) < now
    )
      return this.#settle(await step('expired', 'the time for approval is over'));
    if (state === 'approved' && (deadlines?.execute_before ?? now) < now)
      return step('expired', 'the time for execution is over');
    const ends = state === 'verified' || state === 'accepted_with_exception';
    if (ends && (rollback_until ?? '') < now && isReviewed(operation)) {
      const reason =
        rollback_until === null ? 'it cannot be undone' : `its undo window ended at ${rollback_until}`;
      return step('closed', reason, { undo: rollback_until === null ? 'none' : 'no longer possible' });
    }
    return operation;
  }

  #refuseAgent(operation: Operation, actor: Actor, attempted: string): Promise<never> {
    return this.#refuse(operation, actor, 'OPERATION_DENIED', 'agents ask, they do not execute', attempted);
  }

  async #refuse(
    operation: Operation,
    actor: Actor,
    code: 'PLAN_HASH' | 'OPERATION_EXPIRED' | 'OPERATION_STALE' | 'OPERATION_DENIED',
    message: string,
    attempted = 'executing',
  ): Promise<never> {
    await this.#parts.journal.refuse(operation, actor, { attempted, code, message });
    throw new IndelibleError(code, message, { details: { state: operation.state } });
  }
}

/** Only what is certain: a member that was half done is for a person to look at. */
function mayCompensate({ members, progress, rollbacks }: Operation): boolean {
  const clean = progress.every(({ outcome }) => outcome !== 'partial' && outcome !== 'unknown');
  return members.length > 1 && clean && rollbacks.length === 0;
}

/** Whoever executed it, or began to. */
function executorOf(operation: Operation): Actor {
  const begun = operation.history.findLast(({ to, by }) => to === 'executing' && by === 'executor');
  return begun?.actor ?? { type: 'service', id: 'indelible' };
}
