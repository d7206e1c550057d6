/** A ledger in memory with an index, and a clock that the test sets. */
import type { TestContext } from 'node:test';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { RecordIndex } from '../../packages/indelible/src/stores/index/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

export const START = '2026-11-21T02:14:00.000Z';
export const RUN = '4bf92f3577b34da6a3ce929d0e0e4736';
export const OTHER_RUN = '00000000000000000000000000000001';

export interface TestLedger {
  readonly ledger: Ledger;
  readonly index: RecordIndex;
  /** The ledger's clock, in ms since 1970; each record takes it as it is. */
  readonly clock: { now: number };
}

/** A new ledger; its record 0 is `ledger.created`. Closed after the test. */
export async function newLedger(context: TestContext): Promise<TestLedger> {
  const clock = { now: Date.parse(START) };
  const index = await openSqliteIndex({ path: ':memory:' });
  const ledger = await Ledger.open({
    store: openMemoryStore(),
    index,
    name: 'acme.example/test',
    clock: () => clock.now,
  });
  context.after(() => ledger.close());
  return { ledger, index, clock };
}

/** Everything that a stream yields, as text. */
export async function textOf(stream: AsyncIterable<Uint8Array>): Promise<string> {
  const parts: Uint8Array[] = [];
  for await (const part of stream) parts.push(part);
  return Buffer.concat(parts).toString('utf8');
}

/** A strict RFC 4180 reader, independent of the writer. */
export function readCsv(text: string): string[][] {
  const rows: string[][] = [];
  const cell = /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/gy;
  let row: string[] = [];
  while (cell.lastIndex < text.length) {
    const at = cell.lastIndex;
    const match = cell.exec(text);
    if (match === null) throw new Error(`not CSV at ${at}: ${JSON.stringify(text.slice(at, at + 60))}`);
    row.push(match[1] === undefined ? match[2]! : match[1].replaceAll('""', '"'));
    if (match[3] === '\r\n') {
      rows.push(row);
      row = [];
    }
  }
  return rows;
}
