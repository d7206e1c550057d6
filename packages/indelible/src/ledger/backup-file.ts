/**
 * A backup file, opened for reading: a store that never changes, so that everything that reads a ledger reads a backup.
 *
 * Opening reads the whole file once and checks that it is complete and unaltered; nothing is used before that.
 *
 * Errors:  BACKUP_INVALID; IMPORT_SOURCE when the file cannot be read; STORE_READ_ONLY for an append.
 */
import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import { IndelibleError, isLine, LIMITS, LINE_BODY_START, LINE_TAIL, lineHash } from '@indelible/core';
import { isPartLine } from '../attachments/part-lines.ts';
import type { Head, LineBatch, LogStore, StoreFinding } from '../stores/contract.ts';
import { BackupAttachments } from './backup-attachments.ts';
import {
  type BackupHeader,
  type BackupTrailer,
  invalid,
  parseHeader,
  parseTrailer,
} from './backup-format.ts';

const CHUNK_BYTES = 1 << 20;
const LINE_BYTES_MAX = LINE_BODY_START + LIMITS.record_bytes + LINE_TAIL;
/** A place in the file is remembered for every so many lines. */
const LANDMARK_LINES = 1024;

interface Contents {
  readonly header: BackupHeader;
  readonly trailer: BackupTrailer;
  /** Offsets in the file of every LANDMARK_LINES-th line. */
  readonly landmarks: readonly number[];
  /** Where the lines end. */
  readonly end: number;
  readonly attachments: BackupAttachments;
}

export class BackupFile implements LogStore {
  readonly url: string;
  readonly read_only = true;
  readonly header: BackupHeader;
  readonly trailer: BackupTrailer;
  readonly attachments: BackupAttachments;
  readonly #file: FileHandle;
  readonly #contents: Contents;

  /** Opens a backup; raises BACKUP_INVALID unless every byte is there and as it was written. */
  static async open(path: string, signal?: AbortSignal): Promise<BackupFile> {
    const file = await open(path, 'r').catch((error: NodeJS.ErrnoException) => {
      throw new IndelibleError('IMPORT_SOURCE', `${path} cannot be read (${error.code})`, { cause: error });
    });
    try {
      if (!(await file.stat()).isFile()) throw new IndelibleError('IMPORT_SOURCE', `${path} is not a file`);
      const attachments = new BackupAttachments(`backup:${path}`, file);
      return new BackupFile(path, file, await survey(file, attachments, signal));
    } catch (error) {
      await file.close();
      throw error;
    }
  }

  private constructor(path: string, file: FileHandle, contents: Contents) {
    this.url = `backup:${path}`;
    this.#file = file;
    this.#contents = contents;
    this.header = contents.header;
    this.trailer = contents.trailer;
    this.attachments = contents.attachments;
  }

  async head(): Promise<Head> {
    return this.trailer.head;
  }

  async firstSeq(): Promise<number> {
    return this.header.first_seq;
  }

  async *read(from: number, to: number = this.header.last_seq + 1): AsyncGenerator<LineBatch> {
    const { landmarks, end } = this.#contents;
    const first = Math.max(from, this.header.first_seq);
    const landmark = Math.floor((first - this.header.first_seq) / LANDMARK_LINES);
    if (first >= to || landmark >= landmarks.length) return;
    let seq = this.header.first_seq + landmark * LANDMARK_LINES;
    for await (const { bytes, ends } of lines(this.#file, landmarks[landmark]!, end)) {
      const skip = Math.min(Math.max(first - seq, 0), ends.length);
      const keep = Math.min(to - seq, ends.length);
      if (keep > skip) {
        const start = skip === 0 ? 0 : ends[skip - 1]!;
        const kept = ends.slice(skip, keep).map((offset) => offset - start);
        yield { first_seq: seq + skip, bytes: bytes.subarray(start, ends[keep - 1]!), ends: kept };
      }
      seq += ends.length;
      if (seq >= to) return;
    }
  }

  async get(seqs: readonly number[]): Promise<{ seq: number; line: Uint8Array }[]> {
    const found: { seq: number; line: Uint8Array }[] = [];
    for (const seq of seqs) {
      for await (const { bytes } of this.read(seq, seq + 1)) found.push({ seq, line: bytes.slice() });
    }
    return found;
  }

  append(): Promise<never> {
    return Promise.reject(
      new IndelibleError('STORE_READ_ONLY', `${this.url} is a backup: nothing is ever added to it`),
    );
  }

  waitForAppend(_seq: number, signal: AbortSignal): Promise<void> {
    if (signal.aborted) return Promise.resolve();
    return new Promise((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  async inspect(): Promise<StoreFinding[]> {
    return [];
  }

  async close(): Promise<void> {
    await this.#file.close();
  }
}

/** Reads everything once: frame, count, head and digest. */
async function survey(
  file: FileHandle,
  attachments: BackupAttachments,
  signal: AbortSignal | undefined,
): Promise<Contents> {
  const digest = createHash('sha256');
  const landmarks: number[] = [];
  let offset = 0;
  let header: BackupHeader | null = null;
  let trailer: BackupTrailer | null = null;
  let count = 0;
  let last_hash = '';
  let end_of_lines = 0;
  for await (const { bytes, ends } of lines(file, 0, null)) {
    signal?.throwIfAborted();
    let start = 0;
    for (const end of ends) {
      const line = bytes.subarray(start, end);
      if (trailer !== null) throw invalid('something follows its last line');
      if (header === null) {
        header = parseHeader(line.subarray(0, -1));
      } else if (isLine(line, 0, line.length)) {
        if (attachments.count > 0) throw invalid('a record follows its attachments');
        if (count % LANDMARK_LINES === 0) landmarks.push(offset + start);
        last_hash = lineHash(line, 0);
        count++;
        end_of_lines = offset + end;
      } else if (isPartLine(line)) {
        attachments.note(line, offset + start);
      } else {
        trailer = parseTrailer(line.subarray(0, -1));
        break;
      }
      start = end;
    }
    digest.update(bytes.subarray(0, start));
    if (trailer !== null && start + trailerLength(bytes, start) < bytes.length)
      throw invalid('something follows its last line');
    offset += trailer === null ? bytes.length : start;
  }
  if (header === null) throw invalid('it is empty');
  if (trailer === null) throw invalid('its last line is missing: the file is incomplete');
  if (digest.digest('hex') !== trailer.sha256)
    throw invalid('its SHA-256 is not the one in its last line: it was altered');
  const { first_seq, last_seq } = header;
  const agrees =
    trailer.count === count &&
    count === last_seq - first_seq + 1 &&
    trailer.head.seq === last_seq &&
    trailer.head.hash === last_hash;
  if (!agrees) throw invalid('its first and last line do not agree with the records between them');
  attachments.mustBeWhole();
  return { header, trailer, landmarks, end: end_of_lines, attachments };
}

function trailerLength(bytes: Uint8Array, start: number): number {
  return bytes.indexOf(0x0a, start) + 1 - start;
}

interface Lines {
  readonly bytes: Uint8Array;
  readonly ends: number[];
}

/** Whole lines from `start` up to `end` (null: the end of the file), about a chunk at a time. */
async function* lines(file: FileHandle, start: number, end: number | null): AsyncGenerator<Lines> {
  const buffer = new Uint8Array(CHUNK_BYTES + LINE_BYTES_MAX);
  let held = 0;
  let position = start;
  for (;;) {
    const wanted = Math.min(CHUNK_BYTES, (end ?? Number.POSITIVE_INFINITY) - position);
    const { bytesRead } = wanted === 0 ? { bytesRead: 0 } : await file.read(buffer, held, wanted, position);
    if (bytesRead === 0) break;
    position += bytesRead;
    held += bytesRead;
    const ends: number[] = [];
    for (let at = buffer.indexOf(0x0a); at >= 0 && at < held; at = buffer.indexOf(0x0a, at + 1))
      ends.push(at + 1);
    const whole = ends.at(-1) ?? 0;
    if (whole > 0) yield { bytes: buffer.subarray(0, whole), ends };
    buffer.copyWithin(0, whole, held);
    held -= whole;
    if (held >= LINE_BYTES_MAX) throw invalid('it has a line longer than any record');
  }
  if (held > 0) throw invalid('its last line breaks off: the file is incomplete');
}
