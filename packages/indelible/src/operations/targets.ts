/**
 * One operation at a time on one target, and who touched a target.
 *
 * Within a process a table says which targets are taken. Between processes the log does: whoever has recorded that it
 * executes looks whether another one did so before it, on one of the same targets, and is still at it. Of two, at least
 * one sees the other, since both recorded before they looked; the later one gives way.
 */
import { IndelibleError, type LedgerRecord } from '@indelible/core';
import { targetsOf } from './journal.ts';
import type { Parts } from './parts.ts';
import type { Operation } from './types.ts';

const LOOK_BACK = 50;
const TOUCHES_MAX = 100;

/** Targets that operations of this process are working on. */
export class TargetTable {
  readonly #taken = new Map<string, string>();

  /** True while this process works on the operation. */
  has({ operation_id }: Operation): boolean {
    return this.#taken.has(`operation:${operation_id}`);
  }

  /** Runs `work` with the operation's targets taken; OPERATION_BUSY when one of them is. */
  async with<T>(operation: Operation, work: () => Promise<T>): Promise<T> {
    const { operation_id } = operation;
    const ids = [
      `operation:${operation_id}`,
      ...targetsOf(operation.members).map(({ id }) => `target:${id}`),
    ];
    for (const id of ids) {
      const by = this.#taken.get(id);
      if (by !== undefined) throw busy(id.slice(id.indexOf(':') + 1), by);
    }
    for (const id of ids) this.#taken.set(id, operation_id);
    try {
      return await work();
    } finally {
      for (const id of ids) this.#taken.delete(id);
    }
  }
}

/** The operation that recorded before `epoch` that it executes on a target of this one, and has not ended. */
export async function earlierExecution(
  parts: Parts,
  operation: Operation,
  epoch: number,
): Promise<string | null> {
  const { ledger } = parts.options;
  await ledger.caughtUp();
  for (const { id } of targetsOf(operation.members)) {
    const filter = { resource: id, action: 'operation.executing' };
    const found = await ledger.index!.search({ filter, order: 'newest', limit: LOOK_BACK, below: epoch });
    for (const { record } of await ledger.get(found.seqs)) {
      const other = record.resource?.id;
      if (!concerns(record, id) || other === undefined || other === operation.operation_id) continue;
      const { state } = await parts.journal.read(other);
      if (state === 'executing' || state === 'indeterminate') return other;
    }
  }
  return null;
}

/** A record about a target. */
export interface Touch {
  readonly target: string;
  readonly seq: number;
  readonly at: string;
  readonly action: string;
  readonly actor: string;
  readonly operation_id: string | null;
}

/** Everything recorded about these targets behind `seq`, but for attempts; by operations, and by whoever records. */
export async function touchesSince(parts: Parts, operation: Operation, seq: number): Promise<Touch[]> {
  const { ledger } = parts.options;
  await ledger.caughtUp();
  const touches: Touch[] = [];
  for (const { id } of targetsOf(operation.members)) {
    const filter = { resource: id };
    const { seqs } = await ledger.index!.search({ filter, order: 'oldest', limit: TOUCHES_MAX, beyond: seq });
    for (const { record } of await ledger.get(seqs)) {
      if (!concerns(record, id) || !isTouch(record.action)) continue;
      const operation_id = record.resource?.type === 'operation' ? record.resource.id : null;
      if (operation_id === operation.operation_id) continue;
      const { recorded_at, action, actor } = record;
      const who = `${actor.type}:${actor.id}`;
      touches.push({ target: id, seq: record.seq, at: recorded_at, action, actor: who, operation_id });
    }
  }
  return touches.sort((a, b) => a.seq - b.seq).slice(0, TOUCHES_MAX);
}

/** The index is derived: the record has the last word. */
function concerns({ resource, related_resources = [] }: LedgerRecord, id: string): boolean {
  return resource?.id === id || related_resources.some((one) => one.id === id);
}

const EFFECTS = ['operation.executed', 'operation.partially_executed', 'operation.indeterminate'];

function isTouch(action: string): boolean {
  return !action.startsWith('operation.') || EFFECTS.includes(action);
}

export function busy(what: string, by: string): IndelibleError {
  return new IndelibleError('OPERATION_BUSY', `${what} is in use by operation ${by}`, {
    details: { target: what, operation_id: by },
  });
}
