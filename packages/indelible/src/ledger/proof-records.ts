/**
 * The ledger's own records that a verifier of proofs wants to see: anchorings, and signing keys. Found in passing,
 * without parsing the others; what they say is for others to judge.
 *
 * Pure:    no I/O.
 */
import { isLine, LINE_BODY_START, LINE_TAIL } from '@indelible/core';
import type { LineBatch } from '../stores/contract.ts';

/** `action` comes first in a canonical record. */
const PREFIXES = ['{"action":"ledger.anchored"', '{"action":"ledger.signing_key_'].map((text) =>
  new TextEncoder().encode(text),
);
/** Where almost every other record differs. */
const TELLING = '{"action":"'.length;
const TELLING_BYTE = 'l'.charCodeAt(0);
/** An anchoring an hour for ten years; with more of them the oldest are not looked at. */
const RECORDS_MAX = 100_000;

/** Their canonical bytes, in the order of the log. */
export class ProofRecords {
  #bodies: Uint8Array[] = [];

  add({ bytes, ends }: LineBatch): void {
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      const end = ends[i]!;
      const body = start + LINE_BODY_START;
      if (bytes[body + TELLING] === TELLING_BYTE && isWanted(bytes, body) && isLine(bytes, start, end))
        this.#bodies.push(new Uint8Array(bytes.subarray(body, end - LINE_TAIL)));
      start = end;
    }
    this.#limit();
  }

  addAll(bodies: readonly Uint8Array[]): void {
    for (const body of bodies) this.#bodies.push(body);
    this.#limit();
  }

  list(): readonly Uint8Array[] {
    return this.#bodies;
  }

  #limit(): void {
    if (this.#bodies.length > RECORDS_MAX) this.#bodies = this.#bodies.slice(-RECORDS_MAX);
  }
}

function isWanted(bytes: Uint8Array, at: number): boolean {
  return PREFIXES.some((prefix) => prefix.every((byte, i) => bytes[at + i] === byte));
}
