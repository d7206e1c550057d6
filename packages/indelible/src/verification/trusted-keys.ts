/**
 * Whose signatures count: keys that were given, or else those that the log itself announces. Either way a key hands
 * over to the next by a record that both have signed.
 *
 * Pure:    no I/O.
 */
import { formatVerifierKey, type LedgerRecord, parseRecord, parseVerifierKey } from '@indelible/core';
import { KeyChain } from '../transparency/key-chain.ts';
import { statementOf } from '../transparency/key-records.ts';

export interface TrustedKeys {
  readonly keys: readonly string[];
  readonly from: 'given' | 'log' | null;
  /** Those that the log says are its own, the active one first. */
  readonly announced: readonly string[];
}

/**
 * `bodies` are the log's own records, in its order; `known` are the keys that it announced before them, the active one
 * first.
 */
export function trustedKeys(
  given: readonly string[],
  policy_has_keys: boolean,
  bodies: readonly Uint8Array[],
  known: readonly string[] = [],
): TrustedKeys {
  const records = bodies.map(read).filter((record) => record !== null);
  const announced = announcedKeys(records, known);
  if (given.length === 0 && !policy_has_keys)
    return { keys: announced, from: announced.length > 0 ? 'log' : null, announced };
  const keys = given.map((text) => formatVerifierKey(parseVerifierKey(text)));
  for (const record of records) {
    const statement = statementOf(record);
    if (statement?.kind === 'rotated' && keys.includes(statement.from) && !keys.includes(statement.to))
      keys.push(statement.to);
  }
  return { keys, from: 'given', announced };
}

function announcedKeys(records: readonly LedgerRecord[], known: readonly string[]): readonly string[] {
  if (known.length === 0) {
    const chain = new KeyChain();
    for (const record of records) chain.apply(record.seq, record);
    return chain.keys;
  }
  let keys = known;
  for (const record of records) {
    const statement = statementOf(record);
    if (statement?.kind !== 'rotated' || statement.from !== keys[0] || keys.includes(statement.to)) continue;
    keys = [statement.to, ...keys];
  }
  return keys;
}

/** A damaged record says nothing; the verifier of the chain names it. */
function read(body: Uint8Array): LedgerRecord | null {
  try {
    return parseRecord(body);
  } catch {
    return null;
  }
}
