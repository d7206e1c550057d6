/**
 * Names of objects, and what stands in the small ones. docs/format/store-s3.md describes the same for readers.
 *
 *     ledger.json                                         what kind of ledger lies here
 *     log/<slot>                                          a batch of lines, where the server honours conditions
 *     log/<slot>-<last>-<nonce>                           a batch of lines, where another bucket decides
 *     <bucket>/<prefix>head/<slot>                        there: which of the batches for this slot counts
 *
 * A slot is the place of a batch in the log: the number of its first record, 0 for the first batch whatever its number.
 * It has 16 digits, so that names sort as the records do.
 *
 * Errors:  LEDGER_DAMAGED for an object that does not have its form, LEDGER_TOO_NEW.
 * Pure:    no I/O.
 */
import { canonicalize, IndelibleError, isIndelibleError, type JsonObject, parseJson } from '@indelible/core';

export const FORMAT = 1;
const DIGITS = 16;
const NONCE_LENGTH = 16;
const NONCE = /^[0-9a-f]{16}$/;
const HASH = /^[0-9a-f]{64}$/;

/** A batch that is part of the log. */
export interface Commit {
  readonly slot: number;
  readonly first_seq: number;
  readonly last_seq: number;
  /** The hash of its last record. */
  readonly hash: string;
  /** The object with its lines. */
  readonly key: string;
  readonly version_id: string | null;
  /** Tells it from others for the same slot. */
  readonly nonce: string;
}

/** What the name of a batch tells. */
export interface BatchName {
  readonly slot: number;
  /** Null where the name does not tell it. */
  readonly last_seq: number | null;
}

/** What kind of ledger lies in a place. */
export interface Settings {
  readonly id: string;
  /** The bucket that decides between writers; null: the one with the records. */
  readonly head_bucket: string | null;
}

/** Names whose newest version counts; of all others the first does. */
export const isChanging = (name: string): boolean => name === 'checkpoint' || name === 'log.vkey';

export const digits = (number: number): string => String(number).padStart(DIGITS, '0');

/** Where the manifest of a published size is. */
export const manifestPath = (size: number): string => `manifests/${digits(size)}`;
/** Whether a path is one of those: below the folder may lie what is no part of this log. */
export const isManifestPath = (path: string): boolean => /^manifests\/\d{16}$/.test(path);

/** A name that stands behind everything of this slot and before everything of the next. */
export const behind = (prefix: string, slot: number): string =>
  slot < 0 ? prefix : `${prefix}${digits(slot)}~`;

const BATCH = /^(\d{16})(?:-(\d{16})-[0-9a-f]{16})?$/;

/** Takes the name of a batch apart, without the prefix; null for another name. */
export function parseBatchName(name: string): BatchName | null {
  const match = BATCH.exec(name);
  if (match === null) return null;
  const slot = Number(match[1]);
  const last_seq = match[2] === undefined ? null : Number(match[2]);
  if (
    !Number.isSafeInteger(slot) ||
    (last_seq !== null && !(last_seq >= slot && Number.isSafeInteger(last_seq)))
  )
    return null;
  return { slot, last_seq };
}

export function parseSlot(name: string): number | null {
  const batch = parseBatchName(name);
  return batch === null || batch.last_seq !== null ? null : batch.slot;
}

/** The metadata of a batch, by which others find the head and see what its writer knew. */
export interface BatchFacts {
  readonly first_seq: number;
  readonly last_seq: number;
  readonly hash: string;
  readonly nonce: string;
  /** The last record that its writer knew to be durable; -1 for none. */
  readonly confirmed_seq: number;
}

export function batchMetadata(facts: BatchFacts): Record<string, string> {
  return {
    'first-seq': String(facts.first_seq),
    'last-seq': String(facts.last_seq),
    'last-hash': facts.hash,
    nonce: facts.nonce,
    'confirmed-seq': String(facts.confirmed_seq),
  };
}

/** What the metadata of a batch says; null when that is nothing of ours. */
export function batchFacts(metadata: Readonly<Record<string, string>>): BatchFacts | null {
  const first_seq = wholeNumber(metadata['first-seq']);
  const last_seq = wholeNumber(metadata['last-seq']);
  const confirmed_seq = metadata['confirmed-seq'] === '-1' ? -1 : wholeNumber(metadata['confirmed-seq']);
  const { 'last-hash': hash = '', nonce = '' } = metadata;
  if (first_seq === null || last_seq === null || confirmed_seq === null || last_seq < first_seq) return null;
  return HASH.test(hash) && NONCE.test(nonce) ? { first_seq, last_seq, hash, nonce, confirmed_seq } : null;
}

/** The object of a batch that a claim is for. */
export const claimedKey = (log: string, slot: number, last_seq: number, nonce: string): string =>
  `${log}${digits(slot)}-${digits(last_seq)}-${nonce}`;

export function formatClaim({ first_seq, last_seq, hash, key, version_id }: Commit): Uint8Array {
  return encode({ format: FORMAT, first_seq, last_seq, hash, key, version_id });
}

/**
 * The claim of a slot, as it lies in `place`. It can only be for a batch below `log`, the prefix of batches, under the
 * name that its writer gave it: anywhere else nobody would look at what became of the object, or of its lock.
 */
export function parseClaim(bytes: Uint8Array, slot: number, place: string, log: string): Commit {
  const { first_seq, last_seq, hash, key, version_id } = decode(bytes, place);
  const sound =
    isWhole(first_seq) &&
    isWhole(last_seq) &&
    last_seq >= first_seq &&
    (slot === 0 || slot === first_seq) &&
    typeof hash === 'string' &&
    HASH.test(hash) &&
    typeof key === 'string' &&
    NONCE.test(key.slice(-NONCE_LENGTH)) &&
    key === claimedKey(log, slot, last_seq, key.slice(-NONCE_LENGTH)) &&
    (version_id === null || typeof version_id === 'string');
  if (!sound) throw damaged(place);
  return { slot, first_seq, last_seq, hash, key, version_id, nonce: key.slice(-NONCE_LENGTH) };
}

export function formatSettings({ id, head_bucket }: Settings): Uint8Array {
  return encode({ format: FORMAT, head_bucket, id });
}

export function parseSettings(bytes: Uint8Array, place: string): Settings {
  const { id, head_bucket } = decode(bytes, place);
  if (typeof id !== 'string' || (head_bucket !== null && typeof head_bucket !== 'string'))
    throw damaged(place);
  return { id, head_bucket };
}

function encode(value: JsonObject): Uint8Array {
  return new TextEncoder().encode(`${canonicalize(value)}\n`);
}

function decode(bytes: Uint8Array, place: string): JsonObject {
  const value = parse(bytes, place);
  if (typeof value !== 'object' || value === null || Array.isArray(value)) throw damaged(place);
  const { format } = value as JsonObject;
  if (isWhole(format) && format > FORMAT)
    throw new IndelibleError('LEDGER_TOO_NEW', `${place} has format ${format}; this program knows ${FORMAT}`);
  if (format !== FORMAT) throw damaged(place);
  return value as JsonObject;
}

function parse(bytes: Uint8Array, place: string): unknown {
  try {
    return parseJson(new TextDecoder().decode(bytes));
  } catch (error) {
    if (isIndelibleError(error)) throw damaged(place);
    throw error;
  }
}

function isWhole(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function wholeNumber(text: string | undefined): number | null {
  const number = /^(?:0|[1-9]\d{0,15})$/.test(text ?? '') ? Number(text) : Number.NaN;
  return Number.isSafeInteger(number) ? number : null;
}

function damaged(place: string): IndelibleError {
  return new IndelibleError('LEDGER_DAMAGED', `${place} does not have its form: somebody else wrote it`);
}
