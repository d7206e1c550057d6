/**
 * Compares the index with the lines it was derived from: every column, and every term of every record.
 *
 * The stored terms of a record and the derived ones are compared by a sum of keyed hashes. The key is drawn
 * for each check, so nobody can prepare postings that are wrong but sum up right. Runs on one snapshot: the
 * tail may go on writing meanwhile.
 */
import { randomBytes } from 'node:crypto';
import type { DatabaseSync } from 'node:sqlite';
import { isIndelibleError } from '@indelible/core';
import { COLUMNS, columnsOf, parseBody, termsOf } from './columns.ts';
import type { IndexFinding } from './contract.ts';
import { readState } from './database.ts';
import { createHasher } from './terms.ts';
import { bodyText, hashOf, type OwnedBatch, readSegment, type SegmentRow } from './writer.ts';

/** `seq`, then COLUMNS. */
type Row = [number, ...unknown[]];
type Parsed = ReturnType<typeof parseBody>;

/** Bounds what a wholly wrong index reports in one answer; the rest is counted by its absence of `ok`. */
const FINDINGS_MAX = 1000;
const ACTIONS_MAX = 100_000;

export interface IndexChecker {
  feed(batch: OwnedBatch): IndexFinding[];
  finish(): IndexFinding[];
}

/** `database` must be a connection of its own: it stays in a read transaction until `finish`. */
export function createChecker(database: DatabaseSync): IndexChecker {
  database.exec('BEGIN');
  const { first_seq, position, last_hash, seed } = readState(database);
  const hasher = createHasher(seed);
  const selectRows = database.prepare('SELECT * FROM records ORDER BY seq');
  selectRows.setReturnArrays(true);
  const rows = selectRows.iterate() as unknown as Iterator<Row>;
  const selectSegments = database.prepare('SELECT * FROM segments ORDER BY first');
  const segments = selectSegments.iterate() as unknown as Iterator<SegmentRow>;
  const selectBlock = database.prepare('SELECT bytes FROM blocks WHERE id = ?');
  const hasAction = database.prepare('SELECT 1 FROM actions WHERE action = ?');
  const actionColumn = COLUMNS.indexOf('action');
  const actions = new Set<string>();
  const sums = createSums();

  let row = rows.next();
  let segment: SegmentRow | null = null;
  let stored = new Int32Array(0);
  /** The next sequence number expected from the log. */
  let next: number | null = null;

  function feed(batch: OwnedBatch): IndexFinding[] {
    const findings: IndexFinding[] = [];
    for (let i = 0; i < batch.ends.length; i++) {
      const seq = batch.first_seq + i;
      if (seq >= position) break;
      if (next === null && seq > first_seq)
        findings.push({
          seq: first_seq,
          detail: `the index starts at record ${first_seq}, the log at ${seq}`,
        });
      const record = parseBody(bodyText(batch, i));
      compareRow(seq, record, findings);
      compareTerms(seq, record, findings);
      next = seq + 1;
      if (next === position && hashOf(batch, i) !== last_hash)
        findings.push({ seq, detail: 'the index has another hash of this record, its last' });
    }
    return findings.slice(0, FINDINGS_MAX);
  }

  function compareRow(seq: number, record: Parsed, findings: IndexFinding[]): void {
    surplusRows(seq, findings);
    const columns = columnsOf(record);
    if (row.done || row.value[0] !== seq) {
      findings.push({ seq, detail: 'the index has no row for this record' });
    } else {
      const values = row.value;
      const differing = columns.findIndex((value, i) => values[i + 1] !== value);
      if (differing >= 0)
        findings.push({ seq, detail: `column ${COLUMNS[differing]} differs from the record` });
      row = rows.next();
    }
    const action = columns[actionColumn];
    if (typeof action === 'string' && !actions.has(action)) {
      if (hasAction.get(action) === undefined)
        findings.push({ seq, detail: 'the list of actions lacks the action of this record' });
      if (actions.size >= ACTIONS_MAX) actions.clear();
      actions.add(action);
    }
  }

  /** Rows below `seq` that no record answers for. */
  function surplusRows(seq: number, findings: IndexFinding[]): void {
    for (; !row.done && row.value[0] < seq; row = rows.next())
      if (findings.length < FINDINGS_MAX)
        findings.push({ seq: row.value[0], detail: 'the index has a row without a record' });
  }

  function compareTerms(seq: number, record: Parsed, findings: IndexFinding[]): void {
    while (segment === null || seq >= segment.first + segment.count) {
      const following = segments.next();
      if (following.done) break;
      segment = following.value;
      stored = sumsOf(segment, findings);
    }
    const offset = segment === null ? -1 : seq - segment.first;
    if (segment === null || offset < 0 || offset >= segment.count) {
      findings.push({ seq, detail: 'no segment of the index covers this record' });
      return;
    }
    sums.start();
    if (record !== null) termsOf(record, hasher, sums.add);
    if (stored.length > 0 && (stored[offset * 2] !== sums.low() || stored[offset * 2 + 1] !== sums.high()))
      findings.push({ seq, detail: 'what this record can be found by differs from the record' });
  }

  /** Two sums per record of a segment; none when its bytes cannot be read. */
  function sumsOf(of: SegmentRow, findings: IndexFinding[]): Int32Array<ArrayBuffer> {
    const totals = new Int32Array(of.count * 2);
    try {
      readSegment(of, selectBlock, (term, offset) => {
        totals[offset * 2]! += sums.lowOf(term);
        totals[offset * 2 + 1]! += sums.highOf(term);
      });
      return totals;
    } catch (error) {
      if (!isIndelibleError(error, 'INDEX_DAMAGED')) throw error;
      findings.push({ seq: of.first, detail: `the postings from this record on cannot be read` });
      return new Int32Array(0);
    }
  }

  function finish(): IndexFinding[] {
    const findings: IndexFinding[] = [];
    surplusRows(Number.POSITIVE_INFINITY, findings);
    const reached = next ?? first_seq;
    if (reached < position)
      findings.push({
        seq: reached,
        detail: `the index reaches to record ${position - 1}, the log does not`,
      });
    database.exec('COMMIT');
    return findings;
  }

  return { feed, finish };
}

/** Sums keyed hashes of distinct terms. */
function createSums() {
  const [key1, key2, key3, key4] = new Int32Array(new Uint8Array(randomBytes(16)).buffer) as unknown as [
    number,
    number,
    number,
    number,
  ];
  const lowOf = (term: number): number =>
    scramble(scramble((term | 0) ^ key1) ^ Math.trunc(term / 2 ** 32) ^ key2);
  const highOf = (term: number): number =>
    scramble(scramble((term | 0) ^ key3) ^ Math.trunc(term / 2 ** 32) ^ key4);

  let table = new Float64Array(4096);
  let stamps = new Uint32Array(4096);
  let stamp = 0;
  let distinct = 0;
  let low = 0;
  let high = 0;

  function start(): void {
    stamp++;
    distinct = low = high = 0;
    if (stamp === 2 ** 32) {
      stamps.fill(0);
      stamp = 1;
    }
  }

  function add(term: number): void {
    if (!isNew(term)) return;
    low = (low + lowOf(term)) | 0;
    high = (high + highOf(term)) | 0;
    if (++distinct * 2 > table.length) grow();
  }

  function isNew(term: number): boolean {
    let slot = (term | 0) & (table.length - 1);
    while (stamps[slot] === stamp) {
      if (table[slot] === term) return false;
      slot = (slot + 1) & (table.length - 1);
    }
    stamps[slot] = stamp;
    table[slot] = term;
    return true;
  }

  function grow(): void {
    const terms = table.filter((_, slot) => stamps[slot] === stamp);
    table = new Float64Array(table.length * 2);
    stamps = new Uint32Array(table.length);
    for (const term of terms) isNew(term);
  }

  return { start, add, lowOf, highOf, low: () => low, high: () => high };
}

function scramble(value: number): number {
  let mixed = Math.imul(value ^ (value >>> 16), 0x7feb352d);
  mixed = Math.imul(mixed ^ (mixed >>> 15), 0x846ca68b | 0);
  return mixed ^ (mixed >>> 16);
}
