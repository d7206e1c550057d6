/**
 * Reads what the chain needs out of one stored line, without parsing the record.
 *
 * Part of the verifier: it takes bytes and shares nothing with the code that wrote them but the hash functions.
 *
 * Shapes:  offsets are positions in the bytes given last; `hash` is recomputed, never the stored one.
 * Errors:  none: what is wrong is told by `problem`, and by an empty `hash` when the key that a record names was not
 *          given.
 * Source:  docs/format/record.md, RFC 8785.
 * Pure:    no I/O.
 */
import { type BodyHash, leafHash } from '../chain/hash.ts';
import { isLine, LINE_BODY_START, LINE_HASH_START, LINE_TAIL } from '../chain/line.ts';
import { CanonicalScanner } from '../json/scan.ts';
import { LIMITS } from '../record/limits.ts';
import { PLACE, RecordForm } from './record-form.ts';

/** The hash for a key id (null: a plain ledger), or undefined when that secret was not given. */
export type HashByKey = (key_id: string | null) => BodyHash | undefined;

export type LineProblem = 'unreadable' | 'not_canonical' | null;

const decoder = new TextDecoder();
const encoder = new TextEncoder();
const TIME_BYTES = 24;
const HASH_DIGITS = 64;

export class LineReader {
  bytes: Uint8Array = new Uint8Array(0);
  start = 0;
  end = 0;
  problem: LineProblem = null;
  /** The number inside the record; -1 when it cannot be read. */
  seq = -1;
  /** Recomputed over the record's bytes; empty when the line is unreadable or its key is not at hand. */
  hash = '';
  key_id: string | null = null;
  /** True for the ledger's own records, which may announce keys and truncations. */
  is_ledger_action = false;
  /** True when the record refers to an attachment. */
  has_attachment = false;

  readonly #hashByKey: HashByKey;
  readonly #scanner = new CanonicalScanner();
  readonly #form = new RecordForm();
  /** `hash` as bytes, and that of the line before, for comparing many times as fast as with text. */
  #own = emptyHash();
  #before = emptyHash();
  #view = viewOf(this.bytes);
  #prev_start = -1;
  #time_start = -1;
  #ledger_start = -1;
  #ledger_end = -1;
  // Almost every record has the key id of the one before.
  #last_key: string | null | undefined = undefined;
  #last_hash: BodyHash | undefined = undefined;

  constructor(hashByKey: HashByKey) {
    this.#hashByKey = hashByKey;
  }

  /** Reads the line in [start, end) of `bytes`; `problem` then says how far it can be trusted to be a record. */
  read(bytes: Uint8Array, start: number, end: number): void {
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.#view = viewOf(bytes);
    }
    this.start = start;
    this.end = end;
    this.seq = -1;
    this.hash = '';
    this.key_id = null;
    this.is_ledger_action = false;
    this.has_attachment = false;
    this.#prev_start = this.#time_start = this.#ledger_start = -1;
    if (!isLine(bytes, start, end)) {
      this.problem = 'unreadable';
      return;
    }
    const canonical = this.#scanner.scan(bytes, start + LINE_BODY_START, end - LINE_TAIL);
    const is_record =
      canonical &&
      end - start - LINE_BODY_START - LINE_TAIL <= LIMITS.record_bytes &&
      this.#form.fits(bytes, this.#view, this.#scanner);
    const complete = is_record ? this.#takeMembers() : this.#findMembers();
    this.problem = is_record && complete ? null : 'not_canonical';
    this.hash = this.#hashFor(this.key_id)?.(this.body()) ?? '';
    if (this.hash === '') return;
    [this.#own, this.#before] = [this.#before, this.#own];
    this.#own.text = this.hash;
    encoder.encodeInto(this.hash, this.#own.bytes);
  }

  /** True when the secret of that key is at hand. */
  hasKey(key_id: string | null): boolean {
    return this.#hashByKey(key_id) !== undefined;
  }

  /** The record's bytes. */
  body(): Uint8Array {
    return this.bytes.subarray(this.start + LINE_BODY_START, this.end - LINE_TAIL);
  }

  /** The record's leaf hash in the Merkle tree. For a line that is none, a hash that no record has. */
  leaf(): string {
    if (this.problem === 'unreadable') return leafHash(this.bytes.subarray(this.start, this.end));
    // In a plain ledger the chain's hash is the leaf's: hashing each record once is half the work.
    return this.hash !== '' && this.#last_hash === leafHash ? this.hash : leafHash(this.body());
  }

  /** True when the hash beside the record is the one its bytes have. */
  hasOwnHash(): boolean {
    return this.hash !== '' && this.#hasHash(this.start + LINE_HASH_START, this.#own.view);
  }

  /** True when the record names `hash` as its predecessor's. */
  linksTo(hash: string): boolean {
    if (this.#prev_start < 0) return false;
    const { text, view } = this.#before;
    return hash === text ? this.#hasHash(this.#prev_start, view) : this.#equals(this.#prev_start, hash);
  }

  /** True when the record belongs to the ledger of that name. */
  isOf(ledger: string): boolean {
    const length = this.#ledger_end - this.#ledger_start;
    return this.#ledger_start >= 0 && length === ledger.length && this.#equals(this.#ledger_start, ledger);
  }

  /** Less than, equal to or greater than zero as the record's time is before, at or after `time` (RFC 3339, UTC, ms). */
  compareTime(time: string): number {
    for (let i = 0; i < TIME_BYTES; i++) {
      const difference = this.bytes[this.#time_start + i]! - time.charCodeAt(i);
      if (difference !== 0) return difference;
    }
    return 0;
  }

  stored_hash(): string {
    return this.problem === 'unreadable' ? '' : this.#text(this.start + LINE_HASH_START, 64);
  }

  prev_hash(): string {
    return this.#prev_start < 0 ? '' : this.#text(this.#prev_start, 64);
  }

  recorded_at(): string {
    return this.#time_start < 0 ? '' : this.#text(this.#time_start, TIME_BYTES);
  }

  ledger(): string {
    return this.#ledger_start < 0
      ? ''
      : this.#text(this.#ledger_start, this.#ledger_end - this.#ledger_start);
  }

  #hashFor(key_id: string | null): BodyHash | undefined {
    if (key_id !== this.#last_key) {
      this.#last_hash = this.#hashByKey(key_id);
      this.#last_key = key_id;
    }
    return this.#last_hash;
  }

  /** Takes the chain's members out of a record; false when one has the wrong form. */
  #takeMembers(): boolean {
    const { value_start, value_end } = this.#scanner;
    const form = this.#form;
    const key = form.memberAt(PLACE.key_id);
    if (key >= 0) this.key_id = this.#text(value_start[key]! + 1, value_end[key]! - value_start[key]! - 2);
    this.is_ledger_action = this.#equals(value_start[form.memberAt(PLACE.action)]!, '"ledger.');
    this.has_attachment = form.memberAt(PLACE.attachment) >= 0;
    const ledger = form.memberAt(PLACE.ledger);
    this.#ledger_start = value_start[ledger]! + 1;
    this.#ledger_end = value_end[ledger]! - 1;
    this.#time_start = value_start[form.memberAt(PLACE.recorded_at)]! + 1;
    const seq = form.memberAt(PLACE.seq);
    this.seq = readInteger(this.bytes, value_start[seq]!, value_end[seq]!);
    const prev = form.memberAt(PLACE.prev_hash);
    if (value_end[prev]! - value_start[prev]! === HASH_DIGITS + 2) this.#prev_start = value_start[prev]! + 1;
    return this.seq >= 0 && this.#prev_start >= 0;
  }

  /** Finds the chain's members among the outermost ones; false when one is missing or has the wrong form. */
  #findMembers(): boolean {
    const { members, key_start, key_end, value_start, value_end } = this.#scanner;
    const bytes = this.bytes;
    for (let i = 0; i < members; i++) {
      const key = key_start[i]!;
      const value = value_start[i]!;
      const length = value_end[i]! - value;
      switch (key_end[i]! - key) {
        case 3:
          if (this.#equals(key, 'seq')) this.seq = readInteger(bytes, value, value_end[i]!);
          break;
        case 6:
          if (bytes[key] === 0x6b && this.#equals(key, 'key_id'))
            this.key_id = this.#text(value + 1, length - 2);
          else if (bytes[key] === 0x6c && this.#equals(key, 'ledger')) {
            this.#ledger_start = value + 1;
            this.#ledger_end = value_end[i]! - 1;
          } else if (bytes[key] === 0x61 && this.#equals(key, 'action')) {
            this.is_ledger_action = this.#equals(value, '"ledger.');
          }
          break;
        case 9:
          if (length === 66 && this.#equals(key, 'prev_hash')) this.#prev_start = value + 1;
          break;
        case 10:
          if (this.#equals(key, 'attachment')) this.has_attachment = true;
          break;
        case 11:
          if (length === TIME_BYTES + 2 && this.#equals(key, 'recorded_at')) this.#time_start = value + 1;
          break;
      }
    }
    return this.seq >= 0 && this.#prev_start >= 0 && this.#time_start >= 0 && this.#ledger_start >= 0;
  }

  #equals(start: number, text: string): boolean {
    const bytes = this.bytes;
    for (let i = 0; i < text.length; i++) if (bytes[start + i] !== text.charCodeAt(i)) return false;
    return true;
  }

  #hasHash(start: number, wanted: DataView): boolean {
    for (let i = 0; i < HASH_DIGITS; i += 4)
      if (this.#view.getInt32(start + i) !== wanted.getInt32(i)) return false;
    return true;
  }

  #text(start: number, length: number): string {
    return decoder.decode(this.bytes.subarray(start, start + length));
  }
}

interface HashText {
  text: string;
  readonly bytes: Uint8Array;
  readonly view: DataView;
}

function emptyHash(): HashText {
  const bytes = new Uint8Array(HASH_DIGITS);
  return { text: '', bytes, view: viewOf(bytes) };
}

function viewOf({ buffer, byteOffset, byteLength }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, byteLength);
}

function readInteger(bytes: Uint8Array, start: number, end: number): number {
  if (end - start > 15) return -1;
  let value = 0;
  for (let i = start; i < end; i++) {
    const digit = bytes[i]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    value = value * 10 + digit;
  }
  return value;
}
