/**
 * One operation at a time on one target, and who touched a target.
 *
 * Within a process a table says which targets are taken. Between processes the log does: whoever has recorded that it
 * executes looks whether another one did so before it, on one of the same targets, and is still at it. Of two, at least
 * one sees the other, since both recorded before they looked; the later one gives way.
 */
import { type Actor, IndelibleError, isIndelibleError } from '@indelible/core';
import { TARGETS } from './fold.ts';
import { targetsOf } from './journal.ts';
import type { Parts } from './parts.ts';
import { findRecords } from './records.ts';
import type { Operation } from './types.ts';

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
  // With the record of the intent itself: what is left of it would be read again by every operation that follows.
  await parts.open.catchUp(epoch + 1);
  const targets = new Set(targetsOf(operation.members).map(({ id }) => id));
  for (const id of parts.open.executingBefore(epoch, targets)) {
    const { state, members } = await parts.journal.read(id);
    if (state !== 'executing' && state !== 'indeterminate') continue;
    if (targetsOf(members).some((target) => targets.has(target.id))) return id;
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
  const touches = new Map<string, Touch>();
  for (const { id } of targetsOf(operation.members)) {
    for (const touch of [...(await recordedTouches(parts, id, seq)), ...(await otherTouches(parts, id, seq))])
      if (touch.operation_id !== operation.operation_id) touches.set(`${touch.seq} ${id}`, touch);
  }
  return [...touches.values()].sort((a, b) => a.seq - b.seq).slice(0, TOUCHES_MAX);
}

/** Records that name the target themselves. */
async function recordedTouches({ options }: Parts, target: string, seq: number): Promise<Touch[]> {
  const search = { resource: target, order: 'oldest', limit: TOUCHES_MAX, behind: seq } as const;
  const records = await findRecords(options.ledger, search);
  return records
    .filter(({ action }) => isTouch(action))
    .map(({ seq, recorded_at: at, action, actor, resource }) => {
      const operation_id = resource?.type === 'operation' ? resource.id : null;
      return { target, seq, at, action, actor: nameOf(actor), operation_id };
    });
}

/** Records of operations with so many targets that this one is named by a record of its own. */
async function otherTouches({ options, journal }: Parts, target: string, seq: number): Promise<Touch[]> {
  const search = { resource: target, action: TARGETS, order: 'newest', limit: TOUCHES_MAX } as const;
  const touches: Touch[] = [];
  for (const { resource } of await findRecords(options.ledger, search)) {
    const other = await journal.read(resource!.id).catch((error: unknown) => {
      // It was never planned to the end.
      if (isIndelibleError(error, 'OPERATION_NOT_FOUND')) return null;
      throw error;
    });
    for (const entry of other?.history ?? []) {
      const { at, action, actor } = entry;
      if (entry.seq <= seq || !EFFECTS.includes(action)) continue;
      touches.push({ target, seq: entry.seq, at, action, actor: nameOf(actor), operation_id: resource!.id });
    }
  }
  return touches;
}

function nameOf({ type, id }: Actor): string {
  return `${type}:${id}`;
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
