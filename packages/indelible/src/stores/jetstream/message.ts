/**
 * The messages of a stream: what their headers say and what they hold.
 *
 *     Indelible-First-Seq: 1024      the number of the first record
 *     Indelible-Count: 128           how many records
 *     Indelible-Last-Hash: 9c…       the hash of the last one
 *     Indelible-Part: 2/3 77…        only in a batch of several messages: which it is, of how many, and the hash of the
 *                                    last record of the batch. The last one makes the batch count; it is sent when the
 *                                    others are stored right before it.
 *     Indelible-Encoding: zstd       how the payload is compressed; absent when it is not
 *
 * A payload is lines, as in a file.
 *
 * Pure:    no I/O.
 */
import { isLine, lineHash } from '@indelible/core';
import { decodeLines, type Encoding } from './payload.ts';

/** Bounds what a reader must hold to see a batch as a whole. */
export const PARTS_MAX = 256;

const HEADER = {
  first_seq: 'Indelible-First-Seq',
  count: 'Indelible-Count',
  last_hash: 'Indelible-Last-Hash',
  part: 'Indelible-Part',
  encoding: 'Indelible-Encoding',
} as const;

/** Which message of a batch of several it is; the first is 1. */
export interface Part {
  readonly index: number;
  readonly count: number;
  /** The hash of the last record of the batch. */
  readonly batch: string;
}

export interface RecordsMessage {
  readonly kind: 'records';
  /** Its place in the stream; the first is 1. */
  readonly number: number;
  readonly first_seq: number;
  readonly count: number;
  readonly last_hash: string;
  readonly part: Part | null;
  /** The lines; none when the payload cannot be decoded. */
  readonly bytes: Uint8Array;
}

/** A message to be published. */
export interface OutgoingMessage extends Omit<RecordsMessage, 'kind' | 'number' | 'bytes'> {
  readonly payload: Uint8Array;
  readonly encoding: Encoding;
}

export type StreamMessage =
  | RecordsMessage
  /** Nothing that this software has written. */
  | { readonly kind: 'foreign'; readonly number: number; readonly why: string };

/** The headers that say what a message holds. */
export function headersOf(message: Omit<OutgoingMessage, 'payload'>): Record<string, string> {
  const { first_seq, count, last_hash, part, encoding } = message;
  return {
    [HEADER.first_seq]: String(first_seq),
    [HEADER.count]: String(count),
    [HEADER.last_hash]: last_hash,
    ...(part === null ? {} : { [HEADER.part]: `${part.index}/${part.count} ${part.batch}` }),
    ...(encoding === null ? {} : { [HEADER.encoding]: encoding }),
  };
}

/** The part of the driver's headers that is used here. */
export interface Headers {
  has(name: string): boolean;
  values(name: string): string[];
}

export function parseMessage(
  number: number,
  headers: Headers | undefined,
  payload: Uint8Array,
): StreamMessage {
  const foreign = (why: string): StreamMessage => ({ kind: 'foreign', number, why });
  if (headers === undefined) return foreign('it has no headers that can be read');
  const one = (name: string): string => (headers.values(name).length === 1 ? headers.values(name)[0]! : '');
  const first_seq = wholeNumber(one(HEADER.first_seq));
  const count = wholeNumber(one(HEADER.count));
  const last_hash = one(HEADER.last_hash);
  if (first_seq === null || count === null || count === 0 || !isHash(last_hash))
    return foreign('its headers do not say which records it holds');
  const part = headers.has(HEADER.part) ? parsePart(one(HEADER.part)) : null;
  if (part === 'wrong') return foreign(`its ${HEADER.part} is none`);
  const encoding = headers.has(HEADER.encoding) ? one(HEADER.encoding) : null;
  const bytes = decodeLines(payload, encoding) ?? new Uint8Array();
  return { kind: 'records', number, first_seq, count, last_hash, part, bytes };
}

/** Makes the records that it ends count: alone, or with the parts before it. */
export function isLast({ part }: RecordsMessage): boolean {
  return part === null || part.index === part.count;
}

/** Where each line ends. What follows the last newline counts as a line: a verifier must meet it. */
export function lineEnds(bytes: Uint8Array): number[] {
  const ends: number[] = [];
  for (let end = 0; end < bytes.length; ends.push(end)) {
    const newline = bytes.indexOf(0x0a, end);
    end = newline < 0 ? bytes.length : newline + 1;
  }
  return ends;
}

/** What the headers say that the payload does not bear out; null when they agree. */
export function disagreement(message: RecordsMessage, ends: readonly number[]): string | null {
  const { count, last_hash, bytes } = message;
  if (ends.length === 0) return `its headers say ${count} records, its payload cannot be read`;
  if (ends.length !== count) return `its headers say ${count} records, it holds ${ends.length}`;
  const start = ends.at(-2) ?? 0;
  if (!isLine(bytes, start, bytes.length) || lineHash(bytes, start) !== last_hash)
    return 'its last record is not the one that its headers say';
  return null;
}

function parsePart(text: string): Part | 'wrong' {
  const [, index_text = '', count_text = '', batch = ''] = /^(\d+)\/(\d+) (.*)$/.exec(text) ?? [];
  const index = wholeNumber(index_text);
  const count = wholeNumber(count_text);
  if (index === null || count === null || !isHash(batch)) return 'wrong';
  return index >= 1 && index <= count && count >= 2 && count <= PARTS_MAX ? { index, count, batch } : 'wrong';
}

function wholeNumber(text: string): number | null {
  return /^(0|[1-9][0-9]{0,15})$/.test(text) && Number(text) <= Number.MAX_SAFE_INTEGER ? Number(text) : null;
}

function isHash(text: string): boolean {
  return /^[0-9a-f]{64}$/.test(text);
}
