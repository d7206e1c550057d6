/**
 * One look at everything that is not over: what is due is done, and what was found is counted.
 *
 * Only what changed since the last look is read, and what is due. Several processes may sweep one ledger at the same
 * time: of two that do the same, the compare-and-set on the operation's next record lets one through, and the other
 * leaves it.
 */
import { isIndelibleError } from '@indelible/core';
import type { State } from './lifecycle.ts';
import { failureOf, type Parts } from './parts.ts';
import type { Operation } from './types.ts';

/** What one sweep did and found. */
export interface Sweep {
  readonly changed: readonly Operation[];
  /** What could not be done now, and is due again the next time. */
  readonly failed: readonly {
    readonly operation_id: string;
    readonly code: string;
    readonly message: string;
  }[];
  /** How many are in which state, of those that are not over. */
  readonly open: Readonly<Partial<Record<State, number>>>;
}

export interface SweepOptions {
  /** Reads every operation that is not over, and finds them in the whole log, whatever was noted about them. */
  readonly all?: boolean;
}

/** Has `proceed` do what is due. */
export async function sweep(
  parts: Parts,
  proceed: (operation: Operation) => Promise<Operation>,
  { all = false }: SweepOptions = {},
): Promise<Sweep> {
  const changed: Operation[] = [];
  const failed: Sweep['failed'][number][] = [];
  await (all ? parts.open.readAll() : parts.open.catchUp());
  for (const operation_id of parts.open.ids()) {
    try {
      if (!(await isDue(parts, operation_id)) && !all) continue;
      const before = await parts.journal.read(operation_id);
      const after = await proceed(before);
      if (after.next_n !== before.next_n) changed.push(after);
    } catch (error) {
      if (!isOthers(error)) failed.push({ operation_id, ...failureOf(error) });
    }
  }
  for (const failure of failed) parts.log.warn(failure, 'an operation could not be recovered yet');
  await parts.open.mark();
  return { changed, failed, open: parts.open.counts() };
}

async function isDue({ open, journal, now }: Parts, id: string): Promise<boolean> {
  const seq = open.seqOf(id);
  if (!open.isKnown(id)) open.note(await journal.asOf(id, seq), seq);
  const due = open.due(id);
  return due !== null && due < now;
}

/** Another one is at it. */
function isOthers(error: unknown): boolean {
  return isIndelibleError(error, 'IDEMPOTENCY_CONFLICT') || isIndelibleError(error, 'OPERATION_BUSY');
}
