/** What a conformance case is, and the few checks that several cases need. */
import assert from 'node:assert/strict';
import { type IndelibleError, isIndelibleError } from '@indelible/core';
import type { Head, LineBatch, LogStore } from '../contract.ts';
import { type SampleLine, sampleBatch } from './samples.ts';

/** Somewhere that a store can lie. */
export interface StorePlace {
  /** Opens the store that lies here; the first time, creates it. Opening again finds what was appended. */
  open(options?: { readonly read_only?: boolean }): Promise<LogStore>;
  /** Called once, after all stores were closed. */
  remove(): Promise<void>;
}

/** Makes an empty place. */
export type MakePlace = () => Promise<StorePlace>;

export interface StoreCase {
  readonly name: string;
  readonly run: (place: StorePlace) => Promise<void>;
}

const PATIENCE_MS = 20_000;

/** Fails instead of hanging, should a store never answer. */
export async function within<T>(promise: Promise<T>, what: string): Promise<T> {
  const { promise: tooLate, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error(`${what} took more than ${PATIENCE_MS} ms`)), PATIENCE_MS);
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}

/** The head after these lines. */
export function headOf(lines: readonly SampleLine[]): Head | null {
  const last = lines.at(-1);
  return last === undefined ? null : { seq: last.seq, hash: last.hash };
}

/** Appends lines that follow upon `before`, as one batch. */
export async function appendAfter(
  store: LogStore,
  before: readonly SampleLine[],
  lines: readonly SampleLine[],
): Promise<void> {
  await store.append(sampleBatch(lines), headOf(before));
}

/** One line as a store gave it back. */
export interface ReadLine {
  readonly seq: number;
  readonly text: string;
}

/** Copies the lines out of batches, checking that the batches hold together. */
export async function collect(batches: AsyncIterable<LineBatch> | Iterable<LineBatch>): Promise<ReadLine[]> {
  const lines: ReadLine[] = [];
  for await (const batch of batches) {
    const { first_seq, bytes, ends, stored_seqs } = batch;
    assert.ok(ends.length > 0, 'a batch has at least one line');
    assert.equal(ends[ends.length - 1], bytes.length, 'a batch ends with its last line');
    if (stored_seqs !== undefined)
      assert.equal(stored_seqs.length, ends.length, 'each line has its stored seq');
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      const seq = first_seq + i;
      if (stored_seqs !== undefined) assert.equal(stored_seqs[i], seq, 'lines are filed under their own seq');
      const text = Buffer.from(bytes.subarray(start, ends[i])).toString('utf8');
      lines.push({ seq, text });
      start = ends[i] as number;
    }
  }
  return lines;
}

/** Asserts that exactly these lines were read, byte for byte and in order. */
export function assertLines(actual: readonly ReadLine[], expected: readonly SampleLine[]): void {
  assert.deepEqual(
    actual.map(({ seq }) => seq),
    expected.map(({ seq }) => seq),
    'the sequence numbers read',
  );
  for (const [i, { seq, text }] of expected.entries()) {
    assert.ok(actual[i]?.text === text, `line ${seq} was read as ${actual[i]?.text.slice(0, 200)}`);
  }
}

/** Asserts that the store holds exactly these lines, by every way of asking. */
export async function assertHolds(store: LogStore, lines: readonly SampleLine[]): Promise<void> {
  assert.deepEqual(await store.head(), headOf(lines), 'the head');
  assertLines(await collect(store.read(0)), lines);
}

/** Asserts that `promise` rejects with an IndelibleError of this code, and returns its details. */
export async function assertCode(
  promise: Promise<unknown>,
  code: Parameters<typeof isIndelibleError>[1],
): Promise<IndelibleError['details']> {
  const error = await promise.then(
    () => assert.fail(`it succeeded instead of raising ${code}`),
    (error: unknown) => error,
  );
  if (!isIndelibleError(error, code))
    throw new assert.AssertionError({ message: `raised ${error} instead of ${code}` });
  return error.details;
}
