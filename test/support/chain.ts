/** Builds small chains by hand, without the code under test that seals them. */
import { type Actor, canonicalize, GENESIS_HASH, keyedHash, leafHash } from '@indelible/core';

const encoder = new TextEncoder();

export interface SealedLine {
  readonly seq: number;
  readonly hash: string;
  readonly body: string;
}

export interface ChainShape {
  readonly length: number;
  readonly ledger?: string;
  readonly key?: { readonly key_id: string; readonly secret: Uint8Array };
  readonly action?: (seq: number) => string;
  readonly actor?: Actor;
}

/** One record behind another, sealed independently of the ledger. */
export function sealLine(
  seq: number,
  prev_hash: string,
  shape: Omit<ChainShape, 'length'> = {},
  members: object = {},
): SealedLine {
  const record = {
    action: shape.action?.(seq) ?? 'test.step',
    actor: shape.actor ?? { type: 'user', id: 'ann' },
    correlation_id: (seq + 1).toString(16).padStart(32, '0'),
    // An attachment stands in place of data.
    ...('attachment' in members ? {} : { data: { note: `step ${seq}`, prev_hash: 'decoy', seq: 7 } }),
    id: `019aa000-0000-7000-8000-${seq.toString(16).padStart(12, '0')}`,
    ledger: shape.ledger ?? 'test/chain',
    outcome: 'ok',
    prev_hash,
    recorded_at: new Date(1_800_000_000_000 + seq).toISOString(),
    seq,
    v: 1,
    ...(shape.key === undefined ? {} : { key_id: shape.key.key_id }),
    ...members,
  };
  const body = canonicalize(record);
  const hash = shape.key === undefined ? leafHash : keyedHash(shape.key.secret);
  return { seq, hash: hash(encoder.encode(body)), body };
}

/** A chain of `length` records from 0 on. */
export function sealChain(shape: ChainShape): SealedLine[] {
  const lines: SealedLine[] = [];
  for (let seq = 0; seq < shape.length; seq++)
    lines.push(sealLine(seq, lines.at(-1)?.hash ?? GENESIS_HASH, shape));
  return lines;
}

/** The stored form of lines, as one batch. */
export function batchOf(lines: readonly { hash: string; body: string }[]): {
  bytes: Uint8Array;
  ends: number[];
} {
  const parts = lines.map(({ hash, body }) => encoder.encode(`{"hash":"${hash}","record":${body}}\n`));
  const ends: number[] = [];
  let length = 0;
  for (const part of parts) ends.push((length += part.length));
  const bytes = new Uint8Array(length);
  for (const [i, part] of parts.entries()) bytes.set(part, i === 0 ? 0 : ends[i - 1]);
  return { bytes, ends };
}
