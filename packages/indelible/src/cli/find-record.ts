/**
 * Finding one record by what a person has of it: its number or its id.
 */
import type { Ledger } from '../ledger/ledger.ts';
import type { StoredRecord } from '../ledger/types.ts';

const SEQ = /^\d{1,15}$/;
const UUID = /^[0-9a-f]{8}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{4}-?[0-9a-f]{12}$/;

/** A record's number or id as a person gave it. */
export type RecordName = { readonly seq: number } | { readonly id: string };

/** Reads a sequence number or an id (in any case, with dashes or without); null for what is neither. */
export function parseRecordName(text: string): RecordName | null {
  const wanted = text.trim().toLowerCase();
  if (SEQ.test(wanted)) return { seq: Number(wanted) };
  return UUID.test(wanted) ? { id: wanted } : null;
}

/** The record with this name, or null. */
export async function findRecord(ledger: Ledger, name: RecordName): Promise<StoredRecord | null> {
  return 'seq' in name ? bySeq(ledger, name.seq) : byId(ledger, name.id);
}

/** The record with this id, or null. */
async function byId(ledger: Ledger, id: string): Promise<StoredRecord | null> {
  if (ledger.index === null) return null;
  await ledger.caughtUp();
  const hex = id.replaceAll('-', '');
  const dashed = [
    hex.slice(0, 8),
    hex.slice(8, 12),
    hex.slice(12, 16),
    hex.slice(16, 20),
    hex.slice(20),
  ].join('-');
  const seq = await ledger.index.byId(dashed);
  return seq === null ? null : bySeq(ledger, seq);
}

/** The record with this sequence number, or null. */
async function bySeq(ledger: Ledger, seq: number): Promise<StoredRecord | null> {
  const [found] = await ledger.get([seq]);
  return found ?? null;
}

/** Whether the stored hash is the hash of the stored bytes; null when the secret for it is not here. */
export function hashVerifies(ledger: Ledger, { record, hash, body }: StoredRecord): boolean | null {
  const hashOf = ledger.keyring.hash(record.key_id ?? null);
  return hashOf === undefined ? null : hashOf(new TextEncoder().encode(body)) === hash;
}
