/**
 * Segments: the postings of up to 32,768 consecutive records as blocks of bytes.
 *
 * The terms are spread over 2^bits blocks by their highest bits, about 256 to a block, so that looking one
 * term up reads one small block. A list is stored as whatever is smallest: nothing (all records have it),
 * a bit per record, or the gaps between offsets.
 *
 * Shapes:  a block is, little-endian: u32 number of terms, u32 0, terms (f64, ascending), references (u32), lists.
 *          A reference with its highest bit set is the one offset itself; others say where the list starts.
 *          A list is its length as a varint, then (unless all) a bitmap if at least 1/8 have it, else gaps.
 * Errors:  INDEX_DAMAGED for bytes that cannot be a block.
 * Pure:    no I/O.
 */
import { IndelibleError } from '@indelible/core';
import type { Postings } from './postings.ts';

/** The most records in one segment. */
export const SEGMENT_RECORDS_MAX = 32_768;
/** The most postings that a merge puts together: bounds its memory to about 60 MB. */
export const SEGMENT_POSTINGS_MAX = 4_194_304;
/** Block numbers stay below this, so that `first * BLOCKS_MAX + block` names a block. */
export const BLOCKS_MAX = 8192;
/** Terms in a block, on average at most. */
export const BLOCK_TERMS = 256;
const SINGLE = 0x8000_0000;
const TERM_BITS = 53;

/** Which block of a segment holds a term. */
export function blockOf(term: number, bits: number): number {
  return Math.floor(term / 2 ** (TERM_BITS - bits));
}

/** Lays postings out as blocks; `count` is how many records the segment covers. */
export function encodeSegment(postings: Postings, count: number): { bits: number; blocks: Uint8Array[] } {
  const terms = postings.sorted();
  const bits = Math.min(
    Math.max(0, Math.ceil(Math.log2(Math.max(1, terms.length) / BLOCK_TERMS))),
    Math.log2(BLOCKS_MAX),
  );
  const blocks: Uint8Array[] = [];
  const offsets = new Uint32Array(count);
  const lists = new ListWriter();
  let start = 0;
  for (let block = 0; block < 2 ** bits; block++) {
    let end = start;
    const limit = (block + 1) * 2 ** (TERM_BITS - bits);
    while (end < terms.length && terms[end]! < limit) end++;
    const references = new Uint32Array(end - start);
    lists.length = 0;
    for (let i = start; i < end; i++) {
      const length = postings.offsets(terms[i]!, offsets);
      references[i - start] = length === 1 ? SINGLE + offsets[0]! : lists.length;
      if (length > 1) lists.write(offsets, length, count);
    }
    const bytes = new Uint8Array(8 + (end - start) * 12 + lists.length);
    new DataView(bytes.buffer).setUint32(0, end - start, true);
    bytes.set(new Uint8Array(terms.buffer, start * 8, (end - start) * 8), 8);
    bytes.set(new Uint8Array(references.buffer), 8 + (end - start) * 8);
    bytes.set(lists.bytes.subarray(0, lists.length), 8 + (end - start) * 12);
    blocks.push(bytes);
    start = end;
  }
  return { bits, blocks };
}

/** A block opened for reading. */
export class Block {
  readonly terms: Float64Array;
  readonly #references: Uint32Array;
  readonly #lists: Uint8Array;
  readonly #count: number;

  constructor(stored: unknown, count: number) {
    if (!(stored instanceof Uint8Array)) throw damagedBlock();
    const bytes = stored.byteOffset % 8 === 0 ? stored : stored.slice();
    if (bytes.length < 8) throw damagedBlock();
    const terms = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
    if (bytes.length < 8 + terms * 12) throw damagedBlock();
    this.terms = new Float64Array(bytes.buffer, bytes.byteOffset + 8, terms);
    this.#references = new Uint32Array(bytes.buffer, bytes.byteOffset + 8 + terms * 8, terms);
    this.#lists = bytes.subarray(8 + terms * 12);
    this.#count = count;
  }

  /** Where a term stands in this block, or -1. */
  find(term: number): number {
    let low = 0;
    let high = this.terms.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const found = this.terms[middle]!;
      if (found === term) return middle;
      if (found < term) low = middle + 1;
      else high = middle - 1;
    }
    return -1;
  }

  /** Calls `visit` with the offsets of the i-th term, ascending. */
  each(i: number, visit: (offset: number) => void): void {
    const reference = this.#references[i]!;
    if (reference >= SINGLE) {
      visit(this.#checked(reference - SINGLE));
      return;
    }
    let at = reference;
    const varint = (): number => {
      for (let value = 0, scale = 1; ; scale *= 128) {
        const byte = this.#lists[at++];
        if (byte === undefined || scale > 2 ** 28) throw damagedBlock();
        value += (byte & 127) * scale;
        if (byte < 128) return value;
      }
    };
    const length = varint();
    if (length === this.#count) for (let offset = 0; offset < length; offset++) visit(offset);
    else if (isDense(length, this.#count)) {
      for (let offset = 0; offset < this.#count; offset++)
        if ((this.#lists[at + (offset >> 3)]! >> (offset & 7)) & 1) visit(offset);
    } else {
      for (let k = 0, offset = -1; k < length; k++) visit(this.#checked((offset += varint() + 1)));
    }
  }

  #checked(offset: number): number {
    if (offset >= this.#count) throw damagedBlock();
    return offset;
  }
}

class ListWriter {
  bytes = new Uint8Array(65_536);
  length = 0;

  write(offsets: Uint32Array, length: number, count: number): void {
    const most = 5 + (isDense(length, count) ? (count + 7) >> 3 : length * 5);
    if (this.length + most > this.bytes.length) {
      const larger = new Uint8Array((this.bytes.length + most) * 2);
      larger.set(this.bytes);
      this.bytes = larger;
    }
    this.#varint(length);
    if (length === count) return;
    if (isDense(length, count)) {
      const end = this.length + ((count + 7) >> 3);
      this.bytes.fill(0, this.length, end);
      for (let i = 0; i < length; i++)
        this.bytes[this.length + (offsets[i]! >> 3)]! |= 1 << (offsets[i]! & 7);
      this.length = end;
      return;
    }
    for (let i = 0, before = -1; i < length; i++) {
      this.#varint(offsets[i]! - before - 1);
      before = offsets[i]!;
    }
  }

  #varint(value: number): void {
    while (value > 127) {
      this.bytes[this.length++] = (value & 127) | 128;
      value >>>= 7;
    }
    this.bytes[this.length++] = value;
  }
}

function isDense(length: number, count: number): boolean {
  return length * 8 >= count;
}

export function damagedBlock(): IndelibleError {
  return new IndelibleError('INDEX_DAMAGED', 'A block of the index holds bytes that cannot be postings.');
}
