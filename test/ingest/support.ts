/** What the ingest tests share: sources from bytes, and a ledger that only knows idempotency keys. */
import { readFileSync } from 'node:fs';
import { canonicalize, type Event, IndelibleError } from '@indelible/core';
import type { Importer, ImportItem, ImportSource } from '../../packages/indelible/src/ingest/contract.ts';

export type Faulty = Extract<ImportItem, { error: IndelibleError }>;
export type Good = Extract<ImportItem, { event: Event }>;
export type Remark = Extract<ImportItem, { remark: string }>;

export function fixture(name: string): Uint8Array {
  return readFileSync(new URL(`../fixtures/cloudtrail/${name}`, import.meta.url));
}

export function bytes(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}

/** A source that hands its bytes out in pieces of `size`. */
export function source(content: Uint8Array | string, size = 65_536, name = 'test'): ImportSource {
  const data = typeof content === 'string' ? bytes(content) : content;
  return {
    name,
    bytes: (async function* () {
      for (let i = 0; i < data.length; i += size) yield data.subarray(i, i + size);
    })(),
  };
}

export async function readAll(
  importer: Importer,
  from: ImportSource,
): Promise<{ good: Good[]; bad: Faulty[]; remarks: Remark[] }> {
  const good: Good[] = [];
  const bad: Faulty[] = [];
  const remarks: Remark[] = [];
  for await (const item of importer.read(from)) {
    if ('error' in item) bad.push(item);
    else if ('remark' in item) remarks.push(item);
    else good.push(item);
  }
  return { good, bad, remarks };
}

export function brief(bad: readonly Faulty[]): string[] {
  return bad.map(({ position, error }) => `${position} ${error.code}`);
}

/** Remembers events by idempotency key, as a ledger does. */
export class FakeLedger {
  readonly events: Event[] = [];
  readonly #known = new Map<string, { seq: number; text: string }>();

  readonly record = async (event: Event): Promise<{ duplicate?: true; seq: number }> => {
    const text = canonicalize(event);
    if (bytes(text).length > 65_535) throw new IndelibleError('RECORD_TOO_LARGE', 'too large');
    const key = event.idempotency_key;
    const earlier = key === undefined ? undefined : this.#known.get(key);
    if (earlier !== undefined) {
      if (earlier.text !== text)
        throw new IndelibleError('IDEMPOTENCY_CONFLICT', 'other content under this key');
      return { duplicate: true, seq: earlier.seq };
    }
    const seq = this.events.push(event) - 1;
    if (key !== undefined) this.#known.set(key, { seq, text });
    return { seq };
  };
}
