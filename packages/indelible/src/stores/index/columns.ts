/**
 * What the index knows of one record: readable columns, and the terms it can be found by.
 *
 * A body that is not JSON still gets a row, all null but its sequence number: the record is there, and
 * whoever lists the log by number or looks for gaps must find it.
 *
 * Text search covers the words of all string and number values that the caller sent: of what the ledger
 * adds (NOT_SAID) most would be a new word per record, and all of it has filters of its own.
 *
 * Pure:    no I/O.
 */
import { LIMITS, parseJsonText } from '@indelible/core';
import { type Hasher, KIND } from './terms.ts';

/** The columns of a row behind `seq`, in the order in which the table has them. */
export const COLUMNS = [
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
export type Columns = (string | null)[];

/** Members of a record that the ledger assigns; text search leaves them out. */
const NOT_SAID = new Set(['v', 'ledger', 'seq', 'id', 'prev_hash', 'recorded_at', 'key_id']);

type Loose = Record<string, unknown>;

/** Parses a body as far as it goes; null when it is not a JSON object. */
export function parseBody(body: string): Loose | null {
  try {
    return object(parseJsonText(body));
  } catch {
    return null;
  }
}

/** The column values of a record, in the order of COLUMNS. */
export function columnsOf(record: Loose | null): Columns {
  if (record === null) return COLUMNS.map(() => null);
  const actor = object(record.actor);
  const resource = object(record.resource);
  return [
    text(record.id),
    text(record.recorded_at),
    text(record.action),
    text(actor?.type),
    text(actor?.id),
    text(resource?.type),
    text(resource?.id),
    text(record.outcome),
    text(record.correlation_id),
    text(object(record.session)?.id),
    text(object(record.idempotency)?.key),
  ];
}

/** Calls `visit` with every term of a record; some come more than once. */
export function termsOf(record: Loose, hasher: Hasher, visit: (term: number) => void): void {
  const file = (kind: (typeof KIND)[keyof typeof KIND], value: unknown): void => {
    if (typeof value === 'string') visit(hasher.term(kind, value));
  };
  file(KIND.id, record.id);
  file(KIND.action, record.action);
  file(KIND.outcome, record.outcome);
  file(KIND.correlation_id, record.correlation_id);
  file(KIND.session, object(record.session)?.id);

  let actor = object(record.actor);
  file(KIND.actor_type, actor?.type);
  for (; actor !== null; actor = object(actor.on_behalf_of)) file(KIND.actor, actor.id);

  fileResource(object(record.resource));
  if (Array.isArray(record.related_resources))
    for (const related of record.related_resources) fileResource(object(related));
  function fileResource(resource: Loose | null): void {
    file(KIND.resource, resource?.id);
    file(KIND.resource_type, resource?.type);
  }

  for (const name in record) {
    if (NOT_SAID.has(name)) continue;
    if (name === 'idempotency') wordsOf(object(record[name])?.key, hasher, visit);
    else wordsOf(record[name], hasher, visit);
  }
}

/** Deeper nesting than any record may have comes from damage; it must not exhaust the stack. */
const DEPTH_MAX = LIMITS.json_depth;

function wordsOf(value: unknown, hasher: Hasher, visit: (term: number) => void, depth = 0): void {
  if (typeof value === 'string') hasher.words(value, visit);
  else if (typeof value === 'number') hasher.words(String(value), visit);
  else if (typeof value !== 'object' || value === null || depth > DEPTH_MAX) return;
  else if (Array.isArray(value)) for (const item of value) wordsOf(item, hasher, visit, depth + 1);
  else for (const name in value) wordsOf((value as Loose)[name], hasher, visit, depth + 1);
}

function object(value: unknown): Loose | null {
  return typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Loose) : null;
}

function text(value: unknown): string | null {
  // Only damage brings lone surrogates; SQLite could not give them back.
  return typeof value === 'string' ? value.toWellFormed() : null;
}
