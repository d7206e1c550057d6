/**
 * Checking of whole events and records against the format, version 1.
 *
 * Errors:  EVENT_INVALID for what a caller sends, RECORD_INVALID for stored bytes that are no record.
 * Source:  docs/format/record.md.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { parseCanonical } from '../json/parse-canonical.ts';
import type { Check } from './checks.ts';
import * as checks from './checks.ts';
import { LIMITS } from './limits.ts';
import type { Event, LedgerRecord } from './record.ts';

/** Members that a caller gives and a record keeps as they are. */
const SHARED: Readonly<Record<string, Check>> = {
  action: checks.line(LIMITS.action),
  actor: checks.actor,
  correlation_id: checks.correlationId,
  cost_usd: checks.amount,
  data: checks.anything,
  event_type: checks.line(LIMITS.event_type),
  input_ref: checks.line(LIMITS.reference),
  latency_ms: checks.amount,
  message: checks.text(LIMITS.message),
  occurred_at: checks.dateTime,
  outcome: checks.outcome,
  output_ref: checks.line(LIMITS.reference),
  params_hash: checks.hash64,
  related_resources: checks.list(checks.resource, LIMITS.related_resources),
  resource: checks.resource,
  session: checks.session,
  source: checks.line(LIMITS.source),
  span_id: checks.spanId,
};

const eventShape = checks.shape({ ...SHARED, idempotency_key: checks.line(LIMITS.idempotency_key) }, [
  'action',
]);

const recordMembers = checks.shape(
  {
    ...SHARED,
    attachment: checks.attachment,
    id: checks.uuid7,
    idempotency: checks.shape({ digest: checks.hash64, key: checks.line(LIMITS.idempotency_key) }, [
      'digest',
      'key',
    ]),
    key_id: checks.keyId,
    ledger: checks.ledgerName,
    prev_hash: checks.hash64,
    recorded_at: checks.form(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/, 'a time in UTC with milliseconds'),
    seq: checks.index,
    v: (value) =>
      value === 1 ? null : checks.broken('must be 1: this program reads version 1 of the format'),
  },
  ['action', 'actor', 'correlation_id', 'id', 'ledger', 'outcome', 'prev_hash', 'recorded_at', 'seq', 'v'],
);

/** A record holds its data itself or names the attachment that holds it. */
const recordShape = checks.either('attachment', 'data', recordMembers);

/** Raises unless the check passes; `what` names the value that the path begins at. */
function enforce(check: Check, value: unknown, what: string, code: 'EVENT_INVALID' | 'RECORD_INVALID'): void {
  const problem = check(value);
  if (problem === null) return;
  const member = what + problem.path;
  throw new IndelibleError(code, `${member} ${problem.rule}`, { details: { member } });
}

/** Returns the event as typed if it keeps to the format; members that are undefined count as absent. */
export function checkEvent(value: unknown): Event {
  enforce(eventShape, value, 'event', 'EVENT_INVALID');
  return value as Event;
}

/** Throws EVENT_INVALID unless the text can name a ledger: a C2SP origin. */
export function checkLedgerName(name: string): void {
  enforce(checks.ledgerName, name, 'ledger', 'EVENT_INVALID');
}

/** Throws EVENT_INVALID unless the text can name a chain key. */
export function checkKeyId(key_id: string): void {
  enforce(checks.keyId, key_id, 'key_id', 'EVENT_INVALID');
}

/** The record that stored bytes hold. The bytes must be canonical and have every member that a record needs. */
export function parseRecord(body: Uint8Array): LedgerRecord {
  if (body.length > LIMITS.record_bytes) {
    throw new IndelibleError('RECORD_INVALID', `a record of ${body.length} bytes is over the limit`);
  }
  const value = parseCanonical(body);
  enforce(recordShape, value, 'record', 'RECORD_INVALID');
  return value as unknown as LedgerRecord;
}
