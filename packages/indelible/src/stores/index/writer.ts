/**
 * The writing side of the index: rows, segments and the position, all in one transaction.
 *
 * Each `add` writes its own small segments; when 32 of one size class have gathered they are merged, so that
 * a search has few segments to probe and each record is rewritten three times at most.
 */
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { lineBody, lineHash } from '@indelible/core';
import { COLUMNS, columnsOf, parseBody, termsOf } from './columns.ts';
import type { IndexTip } from './contract.ts';
import { readState, transaction } from './database.ts';
import { Postings } from './postings.ts';
import {
  BLOCK_TERMS,
  BLOCKS_MAX,
  Block,
  blockOf,
  damagedBlock,
  encodeSegment,
  SEGMENT_POSTINGS_MAX,
  SEGMENT_RECORDS_MAX,
} from './segment.ts';
import { createHasher, type Hasher } from './terms.ts';

/** Bounds the memory of one segment under construction; larger adds make several. */
const BUILD_BYTES_MAX = 32 * 1024 * 1024;
const ACTIONS_MAX = 100_000;
const MERGE_WIDTH = 32;
/** Segments this full are final. */
const FULL = 0.75;

/** Consecutive lines, owned by the worker. */
export interface OwnedBatch {
  readonly first_seq: number;
  readonly bytes: Uint8Array;
  readonly ends: Uint32Array;
}

export interface SegmentRow {
  readonly first: number;
  readonly count: number;
  /** Its blocks are 0 to 2^bits - 1. */
  readonly bits: number;
  readonly postings: number;
}

export interface IndexWriter {
  /** Returns the position behind it. */
  add(batch: OwnedBatch): number;
  reset(from: number, only_at?: IndexTip): void;
  truncate(keepFrom: number): void;
}

export function createWriter(database: DatabaseSync): IndexWriter {
  const insertRow = database.prepare(`INSERT INTO records VALUES (?${', ?'.repeat(COLUMNS.length)})`);
  const insertAction = database.prepare('INSERT OR IGNORE INTO actions VALUES (?)');
  const insertSegment = database.prepare('INSERT INTO segments VALUES (?, ?, ?, ?)');
  const insertBlock = database.prepare('INSERT INTO blocks VALUES (?, ?)');
  const deleteBlocks = database.prepare('DELETE FROM blocks WHERE id >= ? AND id < ?');
  const deleteSegment = database.prepare('DELETE FROM segments WHERE first = ?');
  const selectBlock = database.prepare('SELECT bytes FROM blocks WHERE id = ?');
  const newestSegments = database.prepare('SELECT * FROM segments ORDER BY first DESC LIMIT 64');
  const setTip = database.prepare('UPDATE state SET position = ?, last_hash = ?');
  const actionColumn = COLUMNS.indexOf('action');
  const dataVersion = database.prepare('PRAGMA data_version');
  /** Actions known to be in the table; void as soon as another process has written (it may have reset). */
  const actions = new Set<string>();
  let actionsVersion: unknown;
  const slice = new Postings();
  const merged = new Postings();
  /** Terms and postings per record in the last slice: how large the next one's tables should be. */
  let termsEach = 16;
  let postingsEach = 64;

  function add(batch: OwnedBatch): number {
    let { first_seq: position } = batch;
    try {
      transaction(database, () => {
        const version = dataVersion.get()?.data_version;
        if (version !== actionsVersion) actions.clear();
        actionsVersion = version;
        const state = readState(database);
        position = state.position;
        if (batch.first_seq !== position || batch.ends.length === 0) return;
        const hasher = createHasher(state.seed);
        for (let from = 0; from < batch.ends.length; ) {
          const to = sliceEnd(batch, from);
          addSlice(batch, from, to, hasher);
          from = to;
        }
        position += batch.ends.length;
        setTip.run(position, hashOf(batch, batch.ends.length - 1));
        mergeSegments();
      });
      if (actions.size > ACTIONS_MAX) actions.clear();
      return position;
    } catch (error) {
      // What this transaction added to the table is gone again.
      actions.clear();
      throw error;
    }
  }

  function addSlice(batch: OwnedBatch, from: number, to: number, hasher: Hasher): void {
    const postings = slice;
    postings.start((to - from) * termsEach, (to - from) * postingsEach);
    for (let i = from; i < to; i++) {
      const record = parseBody(bodyText(batch, i));
      const columns = columnsOf(record);
      insertRow.run(batch.first_seq + i, ...columns);
      const action = columns[actionColumn];
      if (typeof action === 'string' && !actions.has(action)) {
        insertAction.run(action);
        actions.add(action);
      }
      if (record !== null) termsOf(record, hasher, (term) => postings.add(term, i - from));
    }
    termsEach = Math.ceil((postings.terms * 1.1) / (to - from));
    postingsEach = Math.ceil((postings.size * 1.1) / (to - from));
    writeSegment(postings, batch.first_seq + from, to - from);
  }

  function writeSegment(postings: Postings, first: number, count: number): void {
    const { bits, blocks } = encodeSegment(postings, count);
    insertSegment.run(first, count, bits, postings.size);
    for (const [number, bytes] of blocks.entries()) insertBlock.run(first * BLOCKS_MAX + number, bytes);
  }

  function mergeSegments(): void {
    for (;;) {
      const segments = newestSegments.all() as unknown as SegmentRow[];
      const run = mergeable(segments);
      if (run.length < 2) return;
      const first = run[0]!.first;
      const sum = (of: (segment: SegmentRow) => number): number =>
        run.reduce((total, segment) => total + of(segment), 0);
      const postings = merged;
      postings.start(
        sum(({ bits }) => 2 ** bits * BLOCK_TERMS),
        sum((segment) => segment.postings),
      );
      let count = 0;
      for (const segment of run) {
        readSegment(segment, selectBlock, (term, offset) =>
          postings.add(term, segment.first - first + offset),
        );
        dropSegment(segment.first);
        count += segment.count;
      }
      writeSegment(postings, first, count);
    }
  }

  function dropSegment(first: number): void {
    deleteBlocks.run(first * BLOCKS_MAX, (first + 1) * BLOCKS_MAX);
    deleteSegment.run(first);
  }

  function reset(from: number, only_at?: IndexTip): void {
    transaction(database, () => {
      if (only_at !== undefined && !isAt(only_at, readState(database))) return;
      database.exec('DELETE FROM records; DELETE FROM actions; DELETE FROM segments; DELETE FROM blocks');
      database.prepare('UPDATE state SET first_seq = ?, position = ?, last_hash = NULL').run(from, from);
    });
    actions.clear();
  }

  function truncate(keepFrom: number): void {
    transaction(database, () => {
      const { first_seq, position, last_hash } = readState(database);
      if (keepFrom <= first_seq) return;
      database.prepare('DELETE FROM records WHERE seq < ?').run(keepFrom);
      const affected = database.prepare('SELECT * FROM segments WHERE first < ?').all(keepFrom);
      for (const segment of affected as unknown as SegmentRow[]) {
        const dropped = keepFrom - segment.first;
        if (dropped < segment.count) keepTail(segment, dropped);
        else dropSegment(segment.first);
      }
      const reached = Math.max(position, keepFrom);
      database
        .prepare('UPDATE state SET first_seq = ?, position = ?, last_hash = ?')
        .run(keepFrom, reached, keepFrom < position ? last_hash : null);
    });
  }

  /** Replaces a segment by one without its first records. */
  function keepTail(segment: SegmentRow, dropped: number): void {
    const postings = merged;
    postings.start(segment.postings, segment.postings);
    readSegment(segment, selectBlock, (term, offset) => {
      if (offset >= dropped) postings.add(term, offset - dropped);
    });
    dropSegment(segment.first);
    writeSegment(postings, segment.first + dropped, segment.count - dropped);
  }

  return { add, reset, truncate };
}

function sliceEnd(batch: OwnedBatch, from: number): number {
  const start = from === 0 ? 0 : batch.ends[from - 1]!;
  let to = from + 1;
  while (
    to < batch.ends.length &&
    to - from < SEGMENT_RECORDS_MAX &&
    batch.ends[to]! - start <= BUILD_BYTES_MAX
  )
    to++;
  return to;
}

function isAt(tip: IndexTip, state: IndexTip): boolean {
  return (
    tip.first_seq === state.first_seq && tip.position === state.position && tip.last_hash === state.last_hash
  );
}

/** The i-th record's hash as its line has it. */
export function hashOf(batch: OwnedBatch, i: number): string {
  return lineHash(batch.bytes, i === 0 ? 0 : batch.ends[i - 1]!);
}

/** The i-th record's text; bytes that are no UTF-8 become replacement characters. */
export function bodyText(batch: OwnedBatch, i: number): string {
  const body = lineBody(batch.bytes, i === 0 ? 0 : batch.ends[i - 1]!, batch.ends[i]!);
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8');
}

/** Calls `visit` for every posting of a segment, term by term. */
export function readSegment(
  segment: SegmentRow,
  selectBlock: StatementSync,
  visit: (term: number, offset: number) => void,
): void {
  for (let number = 0; number < 2 ** segment.bits; number++) {
    const row = selectBlock.get(segment.first * BLOCKS_MAX + number);
    const block = new Block(row?.bytes, segment.count);
    for (let i = 0; i < block.terms.length; i++) {
      const term = block.terms[i]!;
      // A term in another place than its own would never be found.
      if (blockOf(term, segment.bits) !== number || term <= (block.terms[i - 1] ?? -1)) throw damagedBlock();
      block.each(i, (offset) => visit(term, offset));
    }
  }
}

/** The newest segments of at most the newest one's size class, oldest first, if enough have gathered. */
function mergeable(newestFirst: readonly SegmentRow[]): SegmentRow[] {
  const level = newestFirst[0] === undefined ? 0 : levelOf(newestFirst[0].count);
  const run: SegmentRow[] = [];
  let count = 0;
  let postings = 0;
  const full = (records: number, entries: number): boolean =>
    records >= SEGMENT_RECORDS_MAX * FULL || entries >= SEGMENT_POSTINGS_MAX * FULL;
  for (const segment of newestFirst) {
    if (levelOf(segment.count) > level || full(segment.count, segment.postings)) break;
    if (count + segment.count > SEGMENT_RECORDS_MAX) break;
    if (postings + segment.postings > SEGMENT_POSTINGS_MAX) break;
    run.push(segment);
    count += segment.count;
    postings += segment.postings;
  }
  return run.length >= MERGE_WIDTH || full(count, postings) ? run.reverse() : [];
}

function levelOf(count: number): number {
  return Math.floor(Math.log2(count) / Math.log2(MERGE_WIDTH));
}
