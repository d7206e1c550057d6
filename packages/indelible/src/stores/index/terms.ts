/**
 * Terms: what the index files a record under. A term is a 53-bit hash of a kind and a value.
 *
 * Hashing makes every term the same size, so that the postings of 32,768 records sort and search as plain
 * numbers. The hash starts from a random seed of the index file: nobody outside can prepare two values
 * that collide. A collision would show a record too many, never hide one.
 *
 * Words are the runs of letters and digits in a text, in lower case: `db/Password-2` has three.
 *
 * Pure:    no I/O.
 */

/** What a value is filed as; the number is part of the hash. */
export const KIND = {
  word: 1,
  id: 2,
  actor: 3,
  actor_type: 4,
  action: 5,
  resource: 6,
  resource_type: 7,
  outcome: 8,
  correlation_id: 9,
  session: 10,
} as const;
export type Kind = (typeof KIND)[keyof typeof KIND];

const PRIME_1 = 0x01000193;
const PRIME_2 = 0x5bd1e995;
const WORDS = /[\p{L}\p{N}\p{M}]+/gu;

/** For each ASCII code: its lower-case code when it belongs to a word, else 0. */
const WORD_CODE = Uint8Array.from({ length: 128 }, (_, code) =>
  /[0-9a-z]/i.test(String.fromCharCode(code)) ? String.fromCharCode(code).toLowerCase().charCodeAt(0) : 0,
);

export interface Hasher {
  term(kind: Kind, value: string): number;
  /** Calls `visit` with the term of every word, in order, repeated words included. */
  words(text: string, visit: (term: number) => void): void;
}

/** A hasher for one index file; `seed` is 8 random bytes. */
export function createHasher(seed: Uint8Array): Hasher {
  const view = new DataView(seed.buffer, seed.byteOffset, 8);
  const seed1 = view.getInt32(0);
  const seed2 = view.getInt32(4);
  const word1 = Math.imul(seed1 ^ KIND.word, PRIME_1);
  const word2 = Math.imul(seed2 ^ KIND.word, PRIME_2);

  function term(kind: Kind, value: string): number {
    let h1 = Math.imul(seed1 ^ kind, PRIME_1);
    let h2 = Math.imul(seed2 ^ kind, PRIME_2);
    for (let i = 0; i < value.length; i++) {
      const code = value.charCodeAt(i);
      h1 = Math.imul(h1 ^ code, PRIME_1);
      h2 = mix(h2, code);
    }
    return finish(h1, h2);
  }

  function words(text: string, visit: (term: number) => void): void {
    let h1 = word1;
    let h2 = word2;
    let start = -1;
    for (let i = 0; i < text.length; i++) {
      const code = text.charCodeAt(i);
      if (code > 127) {
        // Rare enough: the rest of this text goes through Unicode's own tables.
        for (const [word] of text
          .slice(start < 0 ? i : start)
          .toLowerCase()
          .matchAll(WORDS))
          visit(term(KIND.word, word));
        return;
      }
      const lower = WORD_CODE[code]!;
      if (lower !== 0) {
        if (start < 0) start = i;
        h1 = Math.imul(h1 ^ lower, PRIME_1);
        h2 = mix(h2, lower);
      } else if (start >= 0) {
        visit(finish(h1, h2));
        h1 = word1;
        h2 = word2;
        start = -1;
      }
    }
    if (start >= 0) visit(finish(h1, h2));
  }

  return { term, words };
}

/** A rotation between multiplications keeps this half from failing where the other does. */
function mix(hash: number, code: number): number {
  const mixed = Math.imul(hash ^ code, PRIME_2);
  return (mixed << 13) | (mixed >>> 19);
}

/** Spreads both halves over all bits and joins them into a whole number below 2^53. */
function finish(h1: number, h2: number): number {
  h1 ^= h2 >>> 15;
  h1 = Math.imul(h1 ^ (h1 >>> 16), 0x85ebca6b);
  h1 ^= h1 >>> 13;
  h2 = Math.imul(h2 ^ (h2 >>> 16), 0xc2b2ae35) ^ h1;
  h2 ^= h2 >>> 14;
  return (h1 >>> 0) * 2_097_152 + (h2 >>> 11);
}
