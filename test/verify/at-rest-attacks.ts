/** What somebody does to the lines of a ledger at rest, whatever store they lie in, and what a verifier says to it. */
import assert from 'node:assert/strict';
import { DatabaseSync } from 'node:sqlite';
import { keyedHash, leafHash } from '@indelible/core';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';

export const key = { key_id: 'k1', secret: new Uint8Array(32).fill(7) };
const encoder = new TextEncoder();

/** The hash of a record in a plain or keyed ledger. */
export const rehashed = (keyed: boolean) => (body: string) =>
  (keyed ? keyedHash(key.secret) : leafHash)(encoder.encode(body));

/** Fills a new ledger. In waves: a batch is never split between segments, and the file store wants several of them. */
export async function fill(ledger: Ledger, records: number): Promise<void> {
  for (let first = 1; first < records; first += 100) {
    const wave = Array.from({ length: Math.min(100, records - first) }, (_, i) => first + i);
    await Promise.all(
      wave.map((i) =>
        ledger.record({
          action: 'test.step',
          actor: { type: 'user', id: `u${i % 7}` },
          data: { note: `step ${i};` },
        }),
      ),
    );
  }
}

export type Line = string;
export interface Attack {
  readonly name: string;
  readonly damage: string;
  readonly seq: number;
  act(lines: Line[], rehash: (body: string) => string): Line[];
}

export const bodyOf = (line: Line) => line.slice(84, -1);
export const lineOf = (hash: string, body: string) => `{"hash":"${hash}","record":${body}}`;
const swapText = (lines: Line[], at: number, from: string | RegExp, to: string) => {
  const changed = lines[at]!.replace(from, to);
  assert.notEqual(changed, lines[at]);
  return lines.with(at, changed);
};

/** On a ledger of so many records, at one somewhere in the middle. */
export const attacksAt = (records: number, at: number): Attack[] => [
  {
    name: 'one byte changed',
    damage: 'mutated',
    seq: at,
    act: (l) => swapText(l, at, `step ${at};`, `step ${at + 1};`),
  },
  { name: 'id edited', damage: 'mutated', seq: at, act: (l) => swapText(l, at, /"id":"0/, '"id":"1') },
  {
    name: 'seq edited',
    damage: 'mutated',
    seq: at,
    act: (l) => swapText(l, at, `"seq":${at}`, '"seq":9000'),
  },
  {
    name: 'hash edited',
    damage: 'mutated',
    seq: at,
    act: (l) => swapText(l, at, /"hash":"..../, '"hash":"0000'),
  },
  {
    name: 'one byte changed and the hash recomputed',
    damage: 'mutated',
    seq: at,
    act: (l, rehash) => {
      const body = bodyOf(l[at]!).replace(`step ${at};`, `step ${at + 1};`);
      return l.with(at, lineOf(rehash(body), body));
    },
  },
  { name: 'record deleted', damage: 'missing', seq: at, act: (l) => l.toSpliced(at, 1) },
  { name: 'two consecutive records deleted', damage: 'missing', seq: at, act: (l) => l.toSpliced(at, 2) },
  {
    name: 'records swapped',
    damage: 'reordered',
    seq: at,
    act: (l) => l.with(at, l[at + 1]!).with(at + 1, l[at]!),
  },
  { name: 'record duplicated', damage: 'duplicated', seq: at, act: (l) => l.toSpliced(at, 0, l[at]!) },
  {
    name: 'record inserted',
    damage: 'inserted',
    seq: at,
    act: (l, rehash) => {
      const body = bodyOf(l[at]!).replace(/"prev_hash":"[0-9a-f]{64}"/, `"prev_hash":"${'ab'.repeat(32)}"`);
      return l.toSpliced(at, 0, lineOf(rehash(body), body));
    },
  },
  {
    name: 'chain forked',
    damage: 'forked',
    seq: at,
    act: (l, rehash) => {
      const body = bodyOf(l[at]!).replace(`step ${at};`, 'step x;');
      return l.toSpliced(at + 1, 0, lineOf(rehash(body), body));
    },
  },
  {
    name: 'last record changed',
    damage: 'mutated',
    seq: records - 1,
    act: (l) => swapText(l, records - 1, 'step', 'stop'),
  },
  { name: 'record 0 changed', damage: 'mutated', seq: 0, act: (l) => swapText(l, 0, 'sha', 'SHA') },
  { name: 'head cut', damage: 'head_missing', seq: 0, act: (l) => l.slice(at) },
  { name: 'a line of garbage', damage: 'unreadable', seq: at, act: (l) => l.with(at, 'garbage') },
];

export function assertFound(report: VerifyReport, damage: string, seq: number): void {
  assert.equal(report.ok, false);
  assert.equal(report.verdict, 'damaged');
  assert.deepEqual(
    [report.damage, report.first_bad_seq],
    [damage, seq],
    JSON.stringify(report.findings.slice(0, 5)),
  );
}

/** Makes the index say something else about one record. */
export function editIndex(path: string, seq: number): void {
  const database = new DatabaseSync(path);
  const { changes } = database.prepare("UPDATE records SET outcome = 'denied' WHERE seq = ?").run(seq);
  assert.equal(changes, 1);
  database.close();
}
