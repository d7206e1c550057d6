/**
 * Which operations are not over, when something is due with each, and which are executing on what: followed record by
 * record, so that nobody reads operations that are over.
 *
 * Of each record only its number and where it leads are looked at. What is due is known from the whole operation, which
 * is folded once after it changed. Now and then a record `operation.recovered` says who is open, so that the next
 * process begins there and not at the beginning of the log. It is only a place to begin: `readAll` does without it.
 */
import { type Json, type LedgerRecord, LIMITS } from '@indelible/core';
import type { LedgerLog, LedgerWriter } from '../ledger/types.ts';
import { dueAt } from './due.ts';
import { type EntryData, entryData, REFUSED, TARGETS } from './fold.ts';
import { targetsOf } from './journal.ts';
import { isOver, type State, transitionBetween } from './lifecycle.ts';
import { findRecords, recordsBetween } from './records.ts';
import type { Operation } from './types.ts';

/** A record that says which operations are open. */
const RECOVERED = 'operation.recovered';
/** Saying so costs a record as long as the list: only after as many records as it then saves. */
const MARK_AFTER = 1000;
const MARK_AFTER_PER_OPEN = 10;

/** What is known of an operation without reading all of it. */
interface Sight {
  /** The number of its next record, and its state by those that followed one another. */
  n: number;
  state: State | null;
  /** Its newest record. */
  seq: number;
  /** As of the record `known_at`; older than the newest record, it must be read. */
  due: string | null;
  known_at: number;
  /** By which record it began to execute; null unless it is at it. */
  began: number | null;
  /** The targets that this record names. */
  targets: readonly string[];
}

export class OpenSet {
  readonly #ledger: LedgerWriter;
  readonly #log: LedgerLog;
  #sights = new Map<string, Sight>();
  /** Every record below is taken in; null before the first. */
  #position: number | null = null;
  #since_mark = 0;
  #catching: Promise<void> = Promise.resolve();

  constructor(ledger: LedgerWriter, log: LedgerLog) {
    this.#ledger = ledger;
    this.#log = log;
  }

  /** Takes in everything that is durable now, or all that is below a record that is. */
  catchUp(below?: number): Promise<void> {
    return this.#inTurn(() => this.#catchUp(below));
  }

  /** Takes in what was there before, once: what takes long must not come between an intent and its effect. */
  async begin(): Promise<void> {
    if (this.#position === null) await this.catchUp();
  }

  /** Takes in everything anew from the beginning of the log, whatever was noted about it. */
  readAll(): Promise<void> {
    return this.#inTurn(() => {
      this.#sights = new Map();
      this.#position = 0;
      return this.#catchUp();
    });
  }

  #inTurn(work: () => Promise<void>): Promise<void> {
    const done = this.#catching.then(work);
    this.#catching = done.catch(() => {});
    return done;
  }

  ids(): string[] {
    return [...this.#sights.keys()];
  }

  /** False when the operation must be read before anybody can tell what is due. */
  isKnown(id: string): boolean {
    const sight = this.#sights.get(id);
    return sight === undefined || sight.known_at >= sight.seq;
  }

  /** See `dueAt`; null also for one that is over. */
  due(id: string): string | null {
    return this.#sights.get(id)?.due ?? null;
  }

  counts(): Partial<Record<State, number>> {
    const counts: Partial<Record<State, number>> = {};
    for (const { state } of this.#sights.values())
      if (state !== null) counts[state] = (counts[state] ?? 0) + 1;
    return counts;
  }

  /** The newest record that was seen of it. */
  seqOf(id: string): number {
    return this.#sights.get(id)?.seq ?? -1;
  }

  /** What the whole of an operation says. `upto`: it was read when this record was durable. */
  note(operation: Operation, upto = -1): void {
    const { operation_id, state, next_n, history } = operation;
    const seq = Math.max(history.at(-1)!.seq, upto);
    const sight = this.#sights.get(operation_id);
    if (sight !== undefined && sight.seq > seq) return;
    if (isOver(state)) {
      this.#sights.delete(operation_id);
      return;
    }
    const at_it = state === 'executing' || state === 'indeterminate';
    this.#sights.set(operation_id, {
      ...{ n: next_n, state, seq, known_at: seq, due: dueAt(operation) },
      began: at_it ? (history.find(({ to }) => to === 'executing')?.seq ?? seq) : null,
      targets: at_it ? targetsOf(operation.members).map(({ id }) => id) : [],
    });
  }

  /** A record of an operation that this process wrote, and notes: it need not be read. */
  wrote(seq: number): void {
    if (seq !== this.#position) return;
    this.#position = seq + 1;
    this.#since_mark++;
  }

  /** Operations that began to execute before this record, are still at it, and may do so on one of these targets. */
  executingBefore(seq: number, targets: ReadonlySet<string>): string[] {
    const found: string[] = [];
    for (const [id, sight] of this.#sights) {
      if (sight.began === null || sight.began >= seq) continue;
      // A record names no more targets than this; the operation may have others.
      const more = sight.targets.length >= LIMITS.related_resources;
      if (more || sight.targets.some((target) => targets.has(target))) found.push(id);
    }
    return found;
  }

  /** Says who is open, when that saves more than it costs. Failing that, the next process has more to read. */
  async mark(): Promise<void> {
    const { size } = this.#sights;
    if (this.#position === null || this.#since_mark < Math.max(MARK_AFTER, size * MARK_AFTER_PER_OPEN))
      return;
    const open = [...this.#sights].map(([id, sight]) => ({ id, ...sight }));
    const mark = { below: this.#position, open } as unknown as Record<string, Json>;
    this.#since_mark = 0;
    try {
      const actor = { type: 'service', id: 'indelible' };
      await this.#ledger.recordOwn({ action: RECOVERED, actor, data: mark });
    } catch (error) {
      this.#log.warn({ error: String(error) }, 'the open operations could not be recorded');
    }
  }

  async #catchUp(below?: number): Promise<void> {
    this.#position ??= await this.#beginning();
    const to = below ?? ((await this.#ledger.head())?.seq ?? -1) + 1;
    const filter = { action: 'operation.*' };
    for await (const record of recordsBetween(this.#ledger, this.#position, to, filter)) this.#take(record);
    this.#position = Math.max(this.#position, to);
  }

  /** Where it begins: behind the newest record that says who is open. */
  async #beginning(): Promise<number> {
    const [mark] = await findRecords(this.#ledger, { action: RECOVERED, order: 'newest', limit: 1 });
    if (mark === undefined) return 0;
    const data = (await this.#ledger.dataOf(mark).catch(() => null)) as unknown as {
      below: number;
      open: readonly (Sight & { id: string })[];
    } | null;
    if (data === null) return 0;
    for (const { id, ...sight } of data.open) this.#sights.set(id, sight);
    return data.below;
  }

  #take({ seq, action, resource, related_resources = [], data }: LedgerRecord): void {
    this.#since_mark = action === RECOVERED ? 0 : this.#since_mark + 1;
    if (resource?.type !== 'operation' || action === REFUSED || action === TARGETS) return;
    const { id } = resource;
    const entry = entryData(data);
    const sight = this.#sights.get(id) ?? begun(action, entry);
    if (sight === null || sight.seq >= seq) return;
    sight.seq = seq;
    this.#sights.set(id, sight);
    if (action === 'operation.executing' && sight.began === null) {
      sight.began = seq;
      sight.targets = related_resources.map((target) => target.id);
    }
    // Data that lies elsewhere, or a record that does not follow: reading the operation will tell.
    if (entry === null || entry.n !== sight.n) return;
    sight.n++;
    if (entry.from !== sight.state) return;
    if (entry.to !== entry.from && transitionBetween(entry.from, entry.to) === undefined) return;
    sight.state = entry.to;
    if (entry.to !== 'executing' && entry.to !== 'indeterminate') sight.began = null;
    if (isOver(entry.to)) this.#sights.delete(id);
  }
}

/** The sight of an operation that was not in sight; null when there is nothing to follow. */
function begun(action: string, entry: EntryData | null): Sight | null {
  // Unless it is its first record, it is one of an operation that was over.
  if (action !== 'operation.planned' && (entry === null || isOver(entry.to))) return null;
  const { n, from } = entry ?? { n: 0, from: null };
  return { n, state: from, seq: -1, due: null, known_at: -1, began: null, targets: [] };
}
