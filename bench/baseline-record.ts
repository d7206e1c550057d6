/**
 * The same record that a ledger would make, made by hand: what the designs beside ours write.
 */
import type { Event, Json } from '@indelible/core';

const LEDGER = 'bench.example/ledger';
const HEX = '0123456789abcdef';

/** Adds what a ledger adds. The id only has the size of a UUID; making a real one is part of our own work. */
export function baselineRecord(event: Event, seq: number, prev_hash: string, recorded_at: string): Json {
  const tail = seq.toString(16).padStart(12, '0');
  return {
    ...event,
    v: 1,
    ledger: LEDGER,
    seq,
    id: `019aa3f0-7c1e-7${HEX[seq & 15]}00-8000-${tail}`,
    prev_hash,
    recorded_at,
    outcome: event.outcome ?? 'ok',
  } as unknown as Json;
}

/** The columns that our index keeps of a record, in one order for all tables. */
export function baselineColumns(record: Json): (string | null)[] {
  const { id, recorded_at, action, actor, resource, outcome, correlation_id, session } =
    record as unknown as Event & {
      id: string;
      recorded_at: string;
    };
  return [
    id,
    recorded_at,
    action,
    actor?.type ?? null,
    actor?.id ?? null,
    resource?.type ?? null,
    resource?.id ?? null,
    outcome ?? null,
    correlation_id ?? null,
    session?.id ?? null,
    null,
  ];
}

export const BASELINE_COLUMNS = [
  'id',
  'recorded_at',
  'action',
  'actor_type',
  'actor_id',
  'resource_type',
  'resource_id',
  'outcome',
  'correlation_id',
  'session_id',
  'idempotency_key',
] as const;
