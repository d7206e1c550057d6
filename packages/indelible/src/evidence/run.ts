/**
 * What happened in one run: everything recorded under one correlation id, summed up and step by step.
 *
 * Errors:  NOT_FOUND when nothing carries the id, QUERY_INVALID when it is none, INDEX_DAMAGED without an index.
 */
import { IndelibleError } from '@indelible/core';
import type { LedgerReader, StoredRecord } from '../ledger/types.ts';
import { parseCorrelationId } from './filter.ts';
import { matchesFilter } from './matches.ts';
import { indexOf } from './query.ts';
import { actorText, happenedAt, type RunLogRow, runLogRow } from './run-log.ts';

/** Steps beyond these are counted, not shown. */
export const RUN_STEPS_MAX = 10_000;
/** Steps beyond these are not even counted one by one. */
const RUN_COUNT_MAX = 100_000_000;
const PAGE = 1000;

export interface Tally {
  readonly name: string;
  readonly steps: number;
}

export interface RunSummary {
  readonly correlation_id: string;
  readonly steps: number;
  /** True when there are more steps than shown: all but `steps` then covers the shown ones. */
  readonly truncated: boolean;
  /** The earliest and latest `ts`. */
  readonly started_at: string;
  readonly ended_at: string;
  readonly duration_ms: number;
  /** `error` when any step failed or was denied, else `pending` when the last one is, else `ok`. */
  readonly status: RunLogRow['status'];
  /** Most steps first. */
  readonly actors: readonly Tally[];
  readonly actions: readonly Tally[];
  readonly sources: readonly Tally[];
  /** Null when no step states a cost. */
  readonly cost_usd: number | null;
  readonly first_seq: number;
  readonly last_seq: number;
  readonly events: readonly RunLogRow[];
}

/** Sums a run up; `limit` bounds the steps that are shown. */
export async function whatHappened(
  reader: LedgerReader,
  correlationId: string,
  limit: number = RUN_STEPS_MAX,
): Promise<RunSummary> {
  const index = indexOf(reader);
  const filter = { correlation_id: parseCorrelationId(correlationId) };
  await reader.caughtUp();
  const shown = Math.min(Math.max(1, Math.trunc(limit)), RUN_STEPS_MAX);
  const { seqs, more } = await index.search({ filter, order: 'oldest', limit: shown });
  const records: StoredRecord[] = [];
  for (let i = 0; i < seqs.length; i += PAGE) records.push(...(await reader.get(seqs.slice(i, i + PAGE))));
  const steps = records.filter(({ record }) => matchesFilter(record, filter));
  if (steps.length === 0)
    throw new IndelibleError(
      'NOT_FOUND',
      `Nothing is recorded under correlation id ${filter.correlation_id}.`,
    );
  const total = more ? await index.count(filter, RUN_COUNT_MAX) : steps.length;
  return { correlation_id: filter.correlation_id, steps: total, truncated: more, ...summary(steps) };
}

function summary(steps: readonly StoredRecord[]) {
  const events = steps.map((stored, step) => runLogRow(stored, step));
  // Not the first and last step: callers' claims of when need not be in the ledger's order.
  const times = steps.map(({ record }) => Date.parse(happenedAt(record)));
  const started = times.reduce((earliest, time) => Math.min(earliest, time));
  const ended = times.reduce((latest, time) => Math.max(latest, time));
  const costs = events.map(({ cost_usd }) => cost_usd).filter((cost) => cost !== null);
  return {
    started_at: new Date(started).toISOString(),
    ended_at: new Date(ended).toISOString(),
    duration_ms: ended - started,
    status: runStatus(events),
    actors: tally(steps.map(({ record }) => actorText(record.actor))),
    actions: tally(steps.map(({ record }) => record.action)),
    sources: tally(steps.map(({ record }) => record.source).filter((source) => source !== undefined)),
    cost_usd: costs.length === 0 ? null : roundCost(costs.reduce((sum, cost) => sum + cost, 0)),
    first_seq: steps[0]!.record.seq,
    last_seq: steps.at(-1)!.record.seq,
    events,
  };
}

function runStatus(events: readonly RunLogRow[]): RunLogRow['status'] {
  if (events.some(({ status }) => status === 'error')) return 'error';
  return events.at(-1)?.status === 'pending' ? 'pending' : 'ok';
}

function tally(names: readonly string[]): Tally[] {
  const counts = new Map<string, number>();
  for (const name of names) counts.set(name, (counts.get(name) ?? 0) + 1);
  return [...counts].map(([name, steps]) => ({ name, steps })).sort((a, b) => b.steps - a.steps);
}

/** Sums of decimal fractions carry noise in the 16th digit; a billionth of a dollar is fine enough. */
function roundCost(cost: number): number {
  return Math.round(cost * 1e9) / 1e9;
}
