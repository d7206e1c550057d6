/**
 * SQLite alone, in this thread: the same rows in the same batches, WAL, synchronous=FULL. No hashing, no JSON, no
 * callers: rows are made before the clock runs. Page size, checkpoints and rows per statement are the best known
 * to us, those of our own store.
 */
import { join } from 'node:path';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { canonicalize, GENESIS_HASH } from '@indelible/core';
import { BASELINE_COLUMNS, baselineColumns, baselineRecord } from '../baseline-record.ts';
import { EventPool } from '../events.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { perSecond } from './ledger-append.ts';

const ROWS_PER_STATEMENT = 32;
const PREPARED_ROWS = 20_000;

type ColumnName = (typeof BASELINE_COLUMNS)[number];

/** Which columns stand beside `seq`, `hash` and `body`, and which of them have an index. */
const LAYOUTS: Record<
  string,
  { readonly columns: readonly ColumnName[]; readonly indexed: readonly ColumnName[] }
> = {
  none: { columns: [], indexed: [] },
  two: { columns: ['actor_id', 'correlation_id'], indexed: ['actor_id', 'correlation_id'] },
  // All that our index finds records by, except the words of their text.
  same: {
    columns: BASELINE_COLUMNS,
    indexed: BASELINE_COLUMNS.filter((name) => name !== 'recorded_at' && name !== 'idempotency_key'),
  },
};

type Row = (string | number | null)[];

export async function rawSqlite(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const batch = Math.max(1, Math.round(numberParam(params, 'batch_records')));
  const layout = LAYOUTS[textParam(params, 'indexes')]!;
  const db = openRaw(join(folder, 'raw.db'));
  const columns = ['seq', 'hash', 'body', ...layout.columns];
  db.exec(`CREATE TABLE records (seq INTEGER PRIMARY KEY, hash TEXT NOT NULL, body TEXT NOT NULL
    ${layout.columns.map((name) => `, ${name} TEXT`).join('')}) STRICT`);
  for (const name of layout.indexed) db.exec(`CREATE INDEX records_${name} ON records (${name})`);
  if (layout.columns.includes('idempotency_key')) {
    db.exec('CREATE INDEX records_key ON records (idempotency_key) WHERE idempotency_key IS NOT NULL');
  }
  const values = `(${columns.map(() => '?').join(', ')})`;
  const statements = new Map<number, StatementSync>();
  const rows = rowSource(records, layout.columns);

  /** All statements of a batch with their values, ready to run. */
  function plan(group: readonly Row[]): Insert[] {
    return chunks(group, ROWS_PER_STATEMENT).map((chunk) => {
      let statement = statements.get(chunk.length);
      if (statement === undefined) {
        const list = Array(chunk.length).fill(values).join(', ');
        statement = db.prepare(`INSERT INTO records (${columns.join(', ')}) VALUES ${list}`);
        statements.set(chunk.length, statement);
      }
      return { statement, values: chunk.flat() };
    });
  }

  const begin = db.prepare('BEGIN IMMEDIATE');
  const commit = db.prepare('COMMIT');
  let ms = 0;
  const warm = Math.ceil(records / 10);
  for (let done = -warm; done < records; ) {
    const target = done < 0 ? 0 : records;
    const share = rows(Math.min(target - done, Math.ceil(PREPARED_ROWS / batch) * batch));
    const batches = chunks(share, batch).map(plan);
    const started = performance.now();
    for (const inserts of batches) {
      begin.run();
      for (const insert of inserts) insert.statement.run(...insert.values);
      commit.run();
    }
    if (done >= 0) ms += performance.now() - started;
    done += share.length;
  }
  db.close();
  return { records_per_s: perSecond(records, ms), batch_records: batch };
}

interface Insert {
  readonly statement: StatementSync;
  readonly values: Row;
}

function chunks<T>(list: readonly T[], size: number): T[][] {
  return Array.from({ length: Math.ceil(list.length / size) }, (_, i) =>
    list.slice(i * size, (i + 1) * size),
  );
}

export function openRaw(path: string): DatabaseSync {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA page_size = 8192; PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL');
  db.exec('PRAGMA wal_autocheckpoint = 2048');
  return db;
}

/** Makes rows; their hashes are only as long as real ones. */
function rowSource(records: number, names: readonly ColumnName[]): (count: number) => Row[] {
  const picked = names.map((name) => BASELINE_COLUMNS.indexOf(name));
  const events = new EventPool(records);
  let seq = 0;
  return (count) => {
    const recorded_at = new Date().toISOString();
    return Array.from({ length: count }, () => {
      const record = baselineRecord(events.next(), seq, GENESIS_HASH, recorded_at);
      const columns = baselineColumns(record);
      return [seq++, GENESIS_HASH, canonicalize(record), ...picked.map((i) => columns[i]!)];
    });
  };
}
