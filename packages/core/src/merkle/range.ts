/**
 * A range of neighbouring leaves, kept as the roots of the largest complete subtrees within it.
 *
 * Two ranges that meet can be joined, wherever they meet: so threads hash their own parts of a log, whose borders
 * nobody aligned, and the root is joined from a few hashes of each.
 *
 * Shapes:  leaf hashes are 64 lower-case hex digits, or 32 bytes inside a larger array.
 * Errors:  HASH_SIZE for what is no hash; PROOF_RANGE for ranges that do not meet, and for a root that is none.
 * Source:  RFC 6962 §2.1; the nodes are those of transparency-dev's "compact range".
 * Pure:    no I/O.
 */
import { sha256Into } from '#sha256';
import { IndelibleError } from '../errors.ts';
import { HASH_BYTES, readHash, writeHash } from './hash-bytes.ts';
import { EMPTY_ROOT } from './tree.ts';

/** What a range amounts to; structured-cloneable, so that threads can report it. */
export interface RangeState {
  readonly begin: number;
  readonly end: number;
  /** The roots of the largest complete subtrees over [begin, end), left to right, 32 bytes each. */
  readonly hashes: Uint8Array;
}

/** Going up from any leaf and down to any other, a range below 2^53 leaves has at most one node a level each way. */
const NODES_MAX = 2 * 53;
/** Input of the next hash: 0x01 and two children. Behind it the nodes, so that a pair is moved without allocating. */
const NODES_START = 1 + 2 * HASH_BYTES;

export class MerkleRange {
  readonly begin: number;
  #end: number;
  #count = 0;
  readonly #levels = new Uint8Array(NODES_MAX);
  readonly #bytes = new Uint8Array(NODES_START + (NODES_MAX + 1) * HASH_BYTES);
  readonly #input = this.#bytes.subarray(0, NODES_START);

  /** An empty range in front of leaf `begin`. */
  constructor(begin = 0) {
    if (!Number.isSafeInteger(begin) || begin < 0)
      throw invalid('a range begins at a whole number below 2^53');
    this.begin = begin;
    this.#end = begin;
    this.#bytes[0] = 0x01;
  }

  /** The range that another thread has hashed. */
  static from({ begin, end, hashes }: RangeState): MerkleRange {
    const range = new MerkleRange(begin);
    if (!Number.isSafeInteger(end) || end < begin) throw invalid('a range ends where it begins, or behind');
    let at = 0;
    while (range.#end < end) {
      if (at + HASH_BYTES > hashes.length) break;
      range.#bytes.set(hashes.subarray(at, at + HASH_BYTES), NODES_START + range.#count * HASH_BYTES);
      range.#add(levelAt(range.#end, end));
      at += HASH_BYTES;
    }
    if (range.#end !== end || at !== hashes.length) throw invalid('these are not the hashes of such a range');
    return range;
  }

  /** Just behind the last leaf. */
  get end(): number {
    return this.#end;
  }

  /** Adds the next leaf by its hash. */
  append(leaf: string): void {
    writeHash(leaf, this.#bytes, NODES_START + this.#count * HASH_BYTES);
    this.#add(0);
  }

  /** Adds the next leaf by the 32 bytes of its hash, which start at `at`. */
  appendBytes(source: Uint8Array, at: number): void {
    this.appendSubtree(source, at, 0);
  }

  /** Adds the next 2^level leaves, which begin at a multiple of that, by the root over them. */
  appendSubtree(source: Uint8Array, at: number, level: number): void {
    if (at + HASH_BYTES > source.length) throw new IndelibleError('HASH_SIZE', 'expected 32 bytes');
    if (this.#end % 2 ** level !== 0)
      throw invalid(`no subtree of level ${level} begins at leaf ${this.#end}`);
    const target = NODES_START + this.#count * HASH_BYTES;
    for (let i = 0; i < HASH_BYTES; i++) this.#bytes[target + i] = source[at + i]!;
    this.#add(level);
  }

  /** Adds all leaves of the range that begins where this one ends. That one stays as it is. */
  join(next: MerkleRange): void {
    if (next.begin !== this.#end) {
      throw invalid(`the range from leaf ${next.begin} does not continue one that ends before ${this.#end}`);
    }
    const { hashes } = next.state();
    const levels = next.#levels.slice(0, next.#count);
    for (let i = 0; i < levels.length; i++) {
      const hash = hashes.subarray(i * HASH_BYTES, (i + 1) * HASH_BYTES);
      this.#bytes.set(hash, NODES_START + this.#count * HASH_BYTES);
      this.#add(levels[i]!);
    }
  }

  /** The root over all leaves so far, of a range that begins at leaf 0. */
  root(): string {
    if (this.begin !== 0) throw invalid('a range that begins later than at leaf 0 has no root');
    if (this.#count === 0) return EMPTY_ROOT;
    const bytes = this.#bytes;
    // Joined from the right, in the slot behind the last node.
    const joined = NODES_START + this.#count * HASH_BYTES;
    bytes.copyWithin(joined, joined - HASH_BYTES, joined);
    for (let node = this.#count - 2; node >= 0; node--) {
      const left = NODES_START + node * HASH_BYTES;
      bytes.copyWithin(1, left, left + HASH_BYTES);
      bytes.copyWithin(1 + HASH_BYTES, joined, joined + HASH_BYTES);
      sha256Into(this.#input, bytes, joined);
    }
    return readHash(bytes, joined);
  }

  /** What this range amounts to so far. */
  state(): RangeState {
    const hashes = this.#bytes.slice(NODES_START, NODES_START + this.#count * HASH_BYTES);
    return { begin: this.begin, end: this.#end, hashes };
  }

  /** Takes the hash that was written behind the last node as the next complete subtree of this level. */
  #add(level: number): void {
    const end = this.#end + 2 ** level;
    if (!Number.isSafeInteger(end)) throw invalid('a range ends below 2^53');
    let index = this.#end / 2 ** level;
    this.#levels[this.#count++] = level;
    this.#end = end;
    // A right child and its sibling: they lie side by side, and their parent takes the sibling's place.
    while (index % 2 === 1 && this.#count > 1 && this.#levels[this.#count - 2] === level) {
      const left = NODES_START + (this.#count - 2) * HASH_BYTES;
      this.#bytes.copyWithin(1, left, left + 2 * HASH_BYTES);
      sha256Into(this.#input, this.#bytes, left);
      this.#count--;
      level++;
      index = (index - 1) / 2;
      this.#levels[this.#count - 1] = level;
    }
  }
}

/** The level of the largest complete subtree that begins at `start` and does not go beyond `end`. */
function levelAt(start: number, end: number): number {
  let level = 0;
  for (let width = 2; start % width === 0 && start + width <= end; width *= 2) level++;
  return level;
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('PROOF_RANGE', message);
}
