/**
 * Records of another ledger as new events: history that is adopted, with its origin stated.
 *
 * A line `{"hash":"…","record":{…}}` becomes an event with the same action, actor, resource and so on. What only its
 * own ledger could say (seq, id, hash, times) moves to `data.imported_from`, the old data to `data.original`; when the
 * record names no time of its own, `occurred_at` is when it was recorded there. The record keeps no idempotency key
 * but its hash, so one record is adopted once, from however many exports.
 *
 * What the other ledger recorded about itself (`ledger.created`, `access.read`, …) is history here: its action becomes
 * `imported.ledger.created`, and its actor names the ledger, because this ledger's own records must stay its own.
 *
 * The data of a record that refers to an attachment is that attachment, where it is at hand; else the reference itself
 * stands under `data.attachment`.
 *
 * The hash of a plain ledger's record is checked, so a line that was altered is not adopted. That of a keyed
 * ledger cannot be checked without its key and is taken as stated.
 *
 * Errors:  RECORD_INVALID when the line is no record or does not have the hash it states.
 * Pure:    no I/O.
 */
import {
  type Actor,
  type Attachment,
  canonicalize,
  type Event,
  IndelibleError,
  type Json,
  type JsonObject,
  leafHash,
  parseCanonical,
  parseRecord,
} from '@indelible/core';
import { isObject, member } from './json-bytes.ts';

const encoder = new TextEncoder();
const OWN_ACTION = /^(?:ledger|access)\./;

/** True for the JSON Lines form of a record. */
export function isRecordLine(value: Json): value is JsonObject {
  return isObject(value) && isObject(member(value, 'record')) && typeof member(value, 'hash') === 'string';
}

/** A record adopted. */
export interface Adopted {
  readonly event: Event;
  /** The attachment that was not at hand. */
  readonly lacks: Attachment | null;
}

/** The event that adopts the record of such a line. `take` gives the bytes of its attachment, if they are there. */
export function adoptRecord(line: JsonObject, take: (attachment: Attachment) => Uint8Array | null): Adopted {
  const body = encoder.encode(canonicalize(member(line, 'record')));
  const hash = member(line, 'hash') as string;
  const record = parseRecord(body);
  const { v, ledger, seq, id, prev_hash, recorded_at, idempotency, key_id, data, attachment, ...kept } =
    record;
  if (key_id === undefined ? leafHash(body) !== hash : !/^[0-9a-f]{64}$/.test(hash)) {
    throw new IndelibleError(
      'RECORD_INVALID',
      `record ${seq} does not have the hash that its line states: it was altered`,
    );
  }
  const imported_from = { ledger, seq, id, hash, recorded_at, ...(key_id === undefined ? {} : { key_id }) };
  const bytes = attachment?.media_type === 'application/json' ? take(attachment) : null;
  const original = bytes === null ? data : parseCanonical(bytes);
  const lacks = attachment !== undefined && bytes === null ? attachment : null;
  const event: Event = {
    ...kept,
    action: OWN_ACTION.test(kept.action) ? `imported.${kept.action}` : kept.action,
    actor: ofLedger(kept.actor, ledger),
    occurred_at: record.occurred_at ?? recorded_at,
    data: {
      imported_from,
      ...(original === undefined ? {} : { original }),
      ...(lacks === null ? {} : { attachment: { ...lacks } }),
    },
    idempotency_key: `record:${hash}`,
  };
  return { event, lacks };
}

function ofLedger(actor: Actor, ledger: string): Actor {
  return actor.type === 'service' && actor.id === 'indelible'
    ? { ...actor, id: `indelible:${ledger}` }
    : actor;
}
