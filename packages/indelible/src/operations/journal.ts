/**
 * Reading and writing an operation's records.
 *
 * Each record is numbered within its operation, and the number is its idempotency key: of two writers with the same
 * number one gets IDEMPOTENCY_CONFLICT, from whatever process it writes. That is the compare-and-set behind every
 * transition. What is remembered here is a cache; a conflict, and every question of a caller, reads the log.
 *
 * Errors:  OPERATION_NOT_FOUND; OPERATION_STATE for a record that the lifecycle does not allow; those of the ledger.
 */
import {
  type Actor,
  type Event,
  IndelibleError,
  type JsonObject,
  type LedgerRecord,
  LIMITS,
  type Receipt,
  type Resource,
} from '@indelible/core';
import type { ConnectorPlan } from '../connectors/contract.ts';
import type { LedgerWriter } from '../ledger/types.ts';
import { type Entry, type EntryData, entryData, fold, problemOf, REFUSED, TARGETS } from './fold.ts';
import type { Part, State } from './lifecycle.ts';
import { findRecords } from './records.ts';
import type { HistoryEntry, Operation } from './types.ts';

const CACHED_MAX = 1000;
const RECORDS_MAX = 10_000;
/** UTF-16 units of an event that fits into one record whatever they are. */
const SURELY_WHOLE = 15_000;

/** A record to be written: where it leads, and what it says. */
export interface Step {
  readonly actor: Actor;
  readonly by: Part;
  readonly to: State;
  /** Default: `operation.<to>`. */
  readonly action?: string;
  readonly data?: object;
  readonly reason?: string;
  readonly outcome?: 'ok' | 'error' | 'denied' | 'pending';
}

/** Who is told of what; must not raise. */
export interface JournalListeners {
  /** What was recorded, once it is durable. */
  readonly onAppend?: ((operation: Operation, entries: readonly HistoryEntry[]) => void) | undefined;
  /** Every operation that was read or written. */
  readonly onFolded?: (operation: Operation) => void;
  /** Each record of an operation that was written here, in order, before `onFolded` hears of the operation. */
  readonly onWritten?: (seq: number) => void;
}

const DENIED: readonly State[] = ['denied', 'rejected', 'expired', 'stale'];
const ERRORS: readonly State[] = [
  'failed',
  'partially_executed',
  'verify_failed',
  'rollback_failed',
  'needs_operator',
];
const PENDING: readonly State[] = ['pending_approval', 'executing', 'indeterminate', 'rollback_requested'];

export class Journal {
  readonly ledger: LedgerWriter;
  readonly #clock: () => number;
  readonly #listeners: JournalListeners;
  readonly #cache = new Map<string, Operation>();

  constructor(ledger: LedgerWriter, clock: () => number, listeners: JournalListeners = {}) {
    this.ledger = ledger;
    this.#clock = clock;
    this.#listeners = listeners;
  }

  /** As of the newest record of this process; another process may have gone on. */
  async known(id: string): Promise<Operation> {
    return this.#cache.get(id) ?? this.read(id);
  }

  /** With every record up to this one. */
  async asOf(id: string, seq: number): Promise<Operation> {
    const operation = this.#cache.get(id);
    return operation !== undefined && operation.history.at(-1)!.seq >= seq ? operation : this.read(id);
  }

  /** Folded from everything that is durable now. */
  async read(id: string): Promise<Operation> {
    const operation = (await this.entries(id)).reduce<Operation | null>(fold, null);
    if (operation === null)
      throw new IndelibleError('OPERATION_NOT_FOUND', `there is no operation ${clip(id)}`);
    this.#remember(operation);
    return operation;
  }

  async entries(id: string): Promise<Entry[]> {
    if (id.length === 0 || id.length > LIMITS.identifier) return [];
    const search = { resource: id, action: 'operation.*', order: 'oldest', limit: RECORDS_MAX } as const;
    const entries: Entry[] = [];
    for (const record of await findRecords(this.ledger, search)) {
      const entry = await this.#entryOf(record, id);
      if (entry !== null) entries.push(entry);
    }
    return entries;
  }

  async #entryOf(record: LedgerRecord, id: string): Promise<Entry | null> {
    if (record.resource?.type !== 'operation' || record.resource.id !== id) return null;
    const { seq, recorded_at, actor, action } = record;
    const found = await this.ledger.dataOf(record);
    if (action === REFUSED || action === TARGETS) {
      const data = { ...(found as object), n: -1, from: null, to: 'planned', by: 'engine' } as EntryData;
      return { seq, recorded_at, actor, action, data };
    }
    const data = entryData(found);
    return data === null ? null : { seq, recorded_at, actor, action, data };
  }

  /**
   * Writes records that follow one another, in one group if they are small. Raises IDEMPOTENCY_CONFLICT when another process was first:
   * then some of them may be there, and the operation must be read again.
   */
  async append(operation: Operation | null, steps: readonly Step[]): Promise<Operation> {
    const at = new Date(this.#clock()).toISOString();
    let expected = operation;
    const drafts = steps.map((step) => {
      const data = dataOf(expected, step);
      const action = step.action ?? `operation.${step.to}`;
      const draft = { seq: Number.MAX_SAFE_INTEGER, recorded_at: at, actor: step.actor, action, data };
      const next = fold(expected, draft);
      if (next === null || next.illegal.length > (expected?.illegal.length ?? 0))
        throw stateError(expected, step, problemOf(expected, draft)!);
      expected = next;
      return { draft, step };
    });
    const receipts = await this.#write(expected!, drafts, lastSeqOf(operation));
    let folded = operation;
    for (const [i, { draft }] of drafts.entries()) {
      const { seq, recorded_at } = receipts[i]!;
      folded = fold(folded, { ...draft, seq, recorded_at });
    }
    this.#remember(folded!);
    const illegal = folded!.illegal.slice(operation?.illegal.length ?? 0);
    if (illegal.length > 0) throw stateError(folded, steps.at(-1)!, illegal[0]!.rule);
    this.#listeners.onAppend?.(folded!, folded!.history.slice(operation?.history.length ?? 0));
    return folded!;
  }

  async #write(
    operation: Operation,
    drafts: readonly { draft: Entry; step: Step }[],
    behind: number,
  ): Promise<Receipt[]> {
    const { envelope, operation_id } = operation;
    const targets = targetsOf(operation.members);
    const events = drafts.map(({ draft, step }) => ({
      ...headOf(operation, draft.actor, targets.slice(0, LIMITS.related_resources)),
      action: draft.action,
      outcome: step.outcome ?? outcomeOf(step),
      data: draft.data as unknown as JsonObject,
      idempotency_key: keyOf(operation_id, draft.data.n, envelope.idempotency_key),
    }));
    // Before the operation is there, so that none is there whose targets are not all on record.
    const first = drafts[0]!.draft;
    const before = first.data.n === 0 ? targetEvents(operation, first.actor, targets) : [];
    try {
      const receipts = await this.#record([...before, ...events], behind);
      for (const { seq } of receipts) this.#listeners.onWritten?.(seq);
      return receipts.slice(before.length);
    } catch (error) {
      this.#cache.delete(operation_id);
      throw error;
    }
  }

  /** In this order: together, or one after the other where data goes elsewhere first and the next would overtake it. */
  async #record(events: readonly Event[], behind: number): Promise<Receipt[]> {
    const receipts: Receipt[] = [];
    // A requester's own key may be anywhere. Those of an operation come in the order of their numbers, since nobody
    // writes one who has not read, or written, the one before.
    const record = (event: Event) =>
      this.ledger.recordOwn(event, isNumbered(event) ? { key_behind: behind } : {});
    if (events.slice(0, -1).some((event) => JSON.stringify(event).length > SURELY_WHOLE)) {
      for (const event of events) receipts.push(await record(event));
      return receipts;
    }
    // All are under way when the first one fails; none may be left without somebody to listen.
    for (const one of await Promise.allSettled(events.map(record))) {
      if (one.status === 'rejected') throw one.reason;
      receipts.push(one.value);
    }
    return receipts;
  }

  /** Records that something was refused. It changes no state and cannot conflict. */
  async refuse(operation: Operation, actor: Actor, facts: Refusal): Promise<void> {
    const { operation_id, members, plan_hash, state } = operation;
    await this.ledger.recordOwn({
      ...headOf(operation, actor, targetsOf(members).slice(0, LIMITS.related_resources)),
      action: REFUSED,
      outcome: 'denied',
      message: facts.message.slice(0, LIMITS.message),
      data: { state, plan_hash, ...facts } as JsonObject,
    });
    this.#cache.delete(operation_id);
  }

  forget(id: string): void {
    this.#cache.delete(id);
  }

  #remember(operation: Operation): void {
    const { operation_id } = operation;
    this.#cache.delete(operation_id);
    this.#cache.set(operation_id, operation);
    if (this.#cache.size > CACHED_MAX) this.#cache.delete(this.#cache.keys().next().value!);
    this.#listeners.onFolded?.(operation);
  }
}

/** What was refused: the transition or request, the error's code, and the rule it broke. */
export interface Refusal {
  readonly attempted: string;
  readonly code: string;
  readonly message: string;
  readonly details?: JsonObject;
}

/** The things that these plans would change. */
export function targetsOf(members: readonly ConnectorPlan[]): Resource[] {
  return members.flatMap(({ targets }) => targets.map(({ resource }) => resource));
}

/** What all records of an operation have in common. */
function headOf({ operation_id, envelope }: Operation, actor: Actor, related_resources: readonly Resource[]) {
  const { correlation_id, session } = envelope;
  return {
    ...{ actor, related_resources, correlation_id, resource: { type: 'operation', id: operation_id } },
    ...(session === null ? {} : { session }),
  };
}

/** The targets that a record has no room for, in records of their own. */
function targetEvents(operation: Operation, actor: Actor, targets: readonly Resource[]): Event[] {
  const events: Event[] = [];
  for (let from = LIMITS.related_resources; from < targets.length; from += LIMITS.related_resources)
    events.push({
      ...headOf(operation, actor, targets.slice(from, from + LIMITS.related_resources)),
      action: TARGETS,
      data: { from, targets: targets.length },
      idempotency_key: `${NUMBERED}${operation.operation_id}:targets:${from}`,
    });
  return events;
}

/** The first record answers to the requester's own key, so that a retry finds the operation. */
function keyOf(id: string, n: number, request_key: string | null): string {
  if (n === 0 && request_key !== null) return requestKey(request_key);
  return `${NUMBERED}${id}:${n}`;
}

const NUMBERED = 'indelible:op:';

function isNumbered({ idempotency_key }: Event): boolean {
  return idempotency_key?.startsWith(NUMBERED) ?? false;
}

/** The newest record of the operation that was read. An operation that is not there yet has a new id: none has its keys. */
function lastSeqOf(operation: Operation | null): number {
  if (operation === null) return Number.MAX_SAFE_INTEGER - 1;
  return Math.max(operation.history.at(-1)!.seq, operation.illegal.at(-1)?.seq ?? -1);
}

/** The idempotency key under which an operation is found that was asked for with one. */
export function requestKey(key: string): string {
  return `indelible:request:${key}`;
}

function dataOf(operation: Operation | null, { by, to, data = {}, reason }: Step): EntryData {
  const common = { n: operation?.next_n ?? 0, from: operation?.state ?? null, to, by };
  return { ...common, ...(reason === undefined ? {} : { reason }), ...data };
}

function outcomeOf({ to, action }: Step): 'ok' | 'error' | 'denied' | 'pending' {
  if (action !== undefined) return 'ok';
  if (DENIED.includes(to)) return 'denied';
  if (ERRORS.includes(to)) return 'error';
  return PENDING.includes(to) ? 'pending' : 'ok';
}

function stateError(operation: Operation | null, { to }: Step, rule: string): IndelibleError {
  const state = operation?.state ?? null;
  return new IndelibleError(
    'OPERATION_STATE',
    `the operation is ${state ?? 'not there'}, not to be ${to}: ${rule}`,
    {
      details: { state, to, rule },
    },
  );
}

function clip(id: string): string {
  return JSON.stringify(id.slice(0, 64));
}
