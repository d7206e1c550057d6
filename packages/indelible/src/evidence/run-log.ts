/**
 * The run log: one row per record under the portable fields that exports and mirrors use.
 *
 * - `ts` is when it happened: the caller's `occurred_at` where there is one, else the ledger's `recorded_at`.
 *   Both stand in `event_json`.
 * - `seq` is the 0-based step within the run, not the record's number in the ledger (that is in `event_json`).
 * - `status` folds `denied` into `error`; `event_type` falls back to the action.
 * - `actor` is `type:id`, and with a delegation `agent:bot on behalf of user:alice`.
 * - `event_json` is the stored text itself, never serialised again: `row_hash` is the hash of exactly these bytes.
 *
 * Pure:    no I/O.
 */
import type { Actor, LedgerRecord, Outcome, Resource } from '@indelible/core';
import type { StoredRecord } from '../ledger/types.ts';
import { delegation } from './matches.ts';

export interface RunLogRow {
  readonly ts: string;
  readonly correlation_id: string;
  readonly seq: number;
  readonly source: string | null;
  readonly event_type: string;
  readonly status: 'ok' | 'error' | 'pending';
  readonly actor: string;
  readonly input_ref: string | null;
  readonly output_ref: string | null;
  readonly latency_ms: number | null;
  readonly cost_usd: number | null;
  readonly message: string | null;
  readonly event_json: string;
  readonly prev_hash: string;
  readonly row_hash: string;
}

/** The fields in the order in which exports have them. */
export const RUN_LOG_FIELDS = [
  'ts',
  'correlation_id',
  'seq',
  'source',
  'event_type',
  'status',
  'actor',
  'input_ref',
  'output_ref',
  'latency_ms',
  'cost_usd',
  'message',
  'event_json',
  'prev_hash',
  'row_hash',
] as const satisfies readonly (keyof RunLogRow)[];

export function runLogRow({ hash, record, body }: StoredRecord, step: number): RunLogRow {
  return {
    ts: happenedAt(record),
    correlation_id: record.correlation_id,
    seq: step,
    source: record.source ?? null,
    event_type: record.event_type ?? record.action,
    status: statusOf(record.outcome),
    actor: actorText(record.actor),
    input_ref: record.input_ref ?? null,
    output_ref: record.output_ref ?? null,
    latency_ms: record.latency_ms ?? null,
    cost_usd: record.cost_usd ?? null,
    message: record.message ?? null,
    event_json: body,
    prev_hash: record.prev_hash,
    row_hash: hash,
  };
}

/** When it happened, as far as anybody said. */
export function happenedAt(record: LedgerRecord): string {
  return record.occurred_at ?? record.recorded_at;
}

export function statusOf(outcome: Outcome): RunLogRow['status'] {
  return outcome === 'denied' ? 'error' : outcome;
}

export function actorText(actor: Actor): string {
  return delegation(actor)
    .map(({ type, id }) => `${type}:${id}`)
    .join(' on behalf of ');
}

export function resourceText(resource: Resource | undefined): string | null {
  return resource === undefined ? null : `${resource.type}:${resource.id}`;
}
