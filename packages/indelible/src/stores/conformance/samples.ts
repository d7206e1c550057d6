/**
 * Lines to store: real records of a real chain, so that a store may look into them if it must.
 *
 * Shapes:  a batch made here owns its memory.
 */
import { canonicalize, frameLine, GENESIS_HASH, LIMITS, leafHash } from '@indelible/core';
import type { LineBatch } from '../contract.ts';

export interface SampleLine {
  readonly seq: number;
  readonly hash: string;
  readonly bytes: Uint8Array;
  readonly text: string;
}

export interface SampleOptions {
  /** The line that they follow. */
  readonly after?: SampleLine | undefined;
  /** What tells these records from others with the same numbers. */
  readonly note?: string;
  /** The exact size of each record. */
  readonly record_bytes?: number;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** `count` consecutive lines. */
export function sampleLines(count: number, options: SampleOptions = {}): SampleLine[] {
  const lines: SampleLine[] = [];
  let before = options.after;
  for (let i = 0; i < count; i++) {
    before = sampleLine(before, options);
    lines.push(before);
  }
  return lines;
}

function sampleLine(before: SampleLine | undefined, options: SampleOptions): SampleLine {
  const seq = before === undefined ? 0 : before.seq + 1;
  const record = (pad: string) => ({
    action: 'conformance.sample',
    actor: { id: 'zoë@example.test', type: 'user' },
    correlation_id: '4bf92f3577b34da6a3ce929d0e0e4736',
    data: { note: options.note ?? 'naïve “quotes”, 日本語, 🔏, \\ and \n\t\u0000', pad },
    id: `019aa0b0-0000-7000-8000-${seq.toString(16).padStart(12, '0')}`,
    ledger: 'conformance.example',
    outcome: 'ok',
    prev_hash: before?.hash ?? GENESIS_HASH,
    recorded_at: '2026-11-21T02:14:00.123Z',
    seq,
    v: 1,
  });
  let body = encoder.encode(canonicalize(record('')));
  if (options.record_bytes !== undefined) {
    body = encoder.encode(canonicalize(record('.'.repeat(options.record_bytes - body.length))));
  }
  if (body.length > LIMITS.record_bytes) throw new RangeError(`a sample of ${body.length} bytes`);
  const hash = leafHash(body);
  const bytes = frameLine(hash, body);
  return { seq, hash, bytes, text: decoder.decode(bytes) };
}

/** Consecutive lines as one batch. */
export function sampleBatch(lines: readonly SampleLine[]): LineBatch & { readonly ends: number[] } {
  const ends: number[] = [];
  let length = 0;
  for (const { bytes } of lines) {
    length += bytes.length;
    ends.push(length);
  }
  const joined = new Uint8Array(length);
  for (const [i, { bytes }] of lines.entries()) joined.set(bytes, ends[i]! - bytes.length);
  return { first_seq: lines[0]?.seq ?? 0, bytes: joined, ends };
}
