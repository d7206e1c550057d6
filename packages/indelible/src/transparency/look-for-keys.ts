/**
 * Finding the records about signing keys among all others, in passing.
 */
import { LINE_BODY_START, LINE_TAIL, parseRecord } from '@indelible/core';
import type { LineBatch } from '../stores/contract.ts';
import type { KeyChain } from './key-chain.ts';
import { mayBeStatement } from './key-records.ts';

/** Applies those of a batch, from the line at position `from` on; tells of each that says something. */
export function lookForKeys(
  { first_seq, bytes, ends }: LineBatch,
  from: number,
  keys: KeyChain,
  onKeyRecord: (seq: number) => void,
): void {
  let start = from === 0 ? 0 : ends[from - 1]!;
  for (let i = from; i < ends.length; i++) {
    const end = ends[i]!;
    const body_start = start + LINE_BODY_START;
    if (mayBeStatement(bytes, body_start)) {
      if (applied(keys, first_seq + i, bytes.slice(body_start, end - LINE_TAIL))) onKeyRecord(first_seq + i);
    }
    start = end;
  }
}

function applied(keys: KeyChain, seq: number, body: Uint8Array): boolean {
  try {
    return keys.apply(seq, parseRecord(body));
  } catch {
    // Damaged: the verifier names it, here it says nothing.
    return false;
  }
}
