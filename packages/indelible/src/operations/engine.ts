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
import { mayCompensate } from './due.ts';
import { holderOfThisProcess, mayBeAlive } from './holder.ts';
import { inTime } from './in-time.ts';
import type { Step } from './journal.ts';
import type { State } from './lifecycle.ts';
import { type EngineOptions, engineActor, failureOf, Parts } from './parts.ts';
import { hasAgent, isInChain } from './people.ts';
import { planOperation } from './planning.ts';
import { checkAsEvent, checkText } from './request.ts';
import {
  checkUndoable,
  dryRunRollback,
  type RollbackRequest,
  requestCompensation,
  requestRollback,
  settle,
  settleParent,
} from './rollback.ts';
import {
  type ApplyOptions,
  execute,
  executorOf,
  type Runtime,
  refuseAgent,
  takeOverAbandoned,
} from './start.ts';
import { type Sweep, type SweepOptions, sweep } from './sweep.ts';
import { TargetTable, type Touch, touchesSince } from './targets.ts';
import type { Operation, OperationRequest, VoteSignature } from './types.ts';
import { undoUntil } from './undo-window.ts';
import { verifyExecuted } from './verification.ts';
import { type AdviceRequest, castAdvice, castVote, openBreakGlass, type VoteRequest } from './voting.ts';

export type { ApplyOptions } from './start.ts';

/** How often somebody else may be first before it is given up. */
const TRIES_MAX = 8;

export class OperationEngine {
  readonly #parts: Parts;
  readonly #runtime: Runtime;
  readonly #applying = new Set<string>();
  readonly #ids = new IdSource();

  constructor(options: EngineOptions) {
    this.#parts = new Parts({ mayBeAlive, ...options });
    this.#runtime = {
      ...{ parts: this.#parts, holder: options.holder ?? holderOfThisProcess() },
      ...{ targets: new TargetTable(), unsettled: new Map() },
    };
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
    return this.#change(id, null, async (operation) =>
      castVote(this.#parts, await inTime(this.#parts, operation), request),
    );
  }

  advise(id: string, request: AdviceRequest): Promise<Operation> {
    return this.#change(id, null, async (operation) =>
      castAdvice(this.#parts, await inTime(this.#parts, operation), request),
    );
  }

  /** The requester's signature that stands in for the approval of a break-glass operation. */
  breakGlass(id: string, signature: VoteSignature, sender?: string): Promise<Operation> {
    return this.#change(id, null, (operation) => openBreakGlass(this.#parts, operation, signature, sender));
  }

  /** Withdraws an operation that has not been executed. */
  async cancel(id: string, actor: Actor, reason: string): Promise<Operation> {
    checkText('reason', reason);
    const cancelled = await this.#change(id, actor, (operation) => {
      const own = isInChain(actor.id, operation.envelope.requester);
      return this.#append(operation, { actor, by: own ? 'requester' : 'operator', to: 'cancelled', reason });
    });
    return settle(this.#parts, cancelled);
  }

  /** Executes an approved operation, verifies it, and compensates a change set that failed half way. */
  async apply(id: string, options: ApplyOptions): Promise<Operation> {
    const working = this.#applying.has(id);
    this.#applying.add(id);
    try {
      const run = (known: Operation) => execute(this.#runtime, known, options);
      const operation = await this.#change(id, options.actor, run);
      return await this.#finish(operation);
    } finally {
      if (!working) this.#applying.delete(id);
      await this.#parts.open.mark();
    }
  }

  /** Proposes the undo of an operation, as an operation of its own. */
  async rollback(id: string, request: RollbackRequest): Promise<Operation> {
    checkText('reason', request.reason);
    checkAsEvent(request);
    return this.#change(id, request.requester, async (operation) =>
      requestRollback(this.#parts, await inTime(this.#parts, operation), request, () => this.#newId()),
    );
  }

  /** What a rollback would do; nothing is recorded but a refusal. */
  async dryRunRollback(id: string, request: { readonly actor: Actor; readonly override?: boolean }) {
    return this.#change(id, request.actor, async (operation) => {
      await checkUndoable(this.#parts, operation, request.actor);
      return dryRunRollback(this.#parts, operation, request.override ?? false);
    });
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
    return this.#change(id, actor, (operation) =>
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
    return this.#change(id, actor, async (operation) => {
      if (hasAgent(actor)) return refuseAgent(this.#parts, operation, actor, 'decide');
      const to: State = happened ? 'executed' : 'failed';
      const data = happened ? { rollback_until: undoUntil(this.#parts, operation) } : {};
      return this.#append(operation, { actor, by: 'operator', to, reason, data });
    });
  }

  /**
   * Does everything that is due: takes over what another process left, verifies, compensates, expires, closes. Runs on
   * start, by a timer, and by `indelible recover`. What cannot be done now is logged, and due again the next time.
   */
  async recover(options: SweepOptions = {}): Promise<readonly Operation[]> {
    return (await this.sweep(options)).changed;
  }

  /** `recover`, with what was found: for whoever watches. */
  sweep(options: SweepOptions = {}): Promise<Sweep> {
    const proceed = async (operation: Operation) => {
      // Whoever applies it, or what it compensates, goes on with it.
      const { operation_id, envelope } = operation;
      const ids = [operation_id, envelope.parent?.operation_id ?? operation_id];
      if (ids.some((id) => this.#applying.has(id))) return operation;
      return this.#finish(await this.#resume(operation));
    };
    return sweep(this.#parts, proceed, options);
  }

  #newId(): string {
    return this.#ids.next(this.#parts.clock());
  }

  #append(operation: Operation, step: Step): Promise<Operation> {
    return this.#parts.journal.append(operation, [step]);
  }

  /** Reads and changes, again when somebody else was first; a transition that is not allowed is recorded as refused `by`. */
  async #change<Result>(
    id: string,
    by: Actor | null,
    change: (operation: Operation) => Promise<Result>,
  ): Promise<Result> {
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
        await journal.refuse(operation, by ?? engineActor(operation), {
          attempted: to,
          ...failureOf(error),
          details,
        });
        throw error;
      }
    }
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
      else if (child !== null) await settle(this.#parts, child);
      current = await this.#parts.journal.read(current.operation_id);
    }
    return settle(this.#parts, current);
  }

  async #resume(operation: Operation): Promise<Operation> {
    const { state } = operation;
    if (state === 'executing' || state === 'indeterminate')
      return takeOverAbandoned(this.#runtime, operation);
    if (state === 'rollback_requested') return this.#followRollback(operation);
    if (state === 'rollback_failed' || state === 'partially_compensated') {
      const reason = 'its rollback did not end well';
      return this.#append(operation, {
        actor: engineActor(operation),
        by: 'engine',
        to: 'needs_operator',
        reason,
      });
    }
    if (state === 'approved' && operation.envelope.parent?.compensation === true)
      return this.#change(operation.operation_id, null, (known) =>
        execute(this.#runtime, known, { actor: executorOf(operation) }),
      );
    return inTime(this.#parts, operation);
  }

  async #followRollback(operation: Operation): Promise<Operation> {
    const child = await this.#parts.journal.read(operation.rollbacks.at(-1)!);
    return settleParent(this.#parts, operation, child);
  }
}
