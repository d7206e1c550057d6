/**
 * What people write first: a hash chain with one durable write per event.
 */

import { createHash } from 'node:crypto';
import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { GENESIS_HASH } from '@indelible/core';
import { baselineColumns, baselineRecord } from '../baseline-record.ts';
import { EventPool } from '../events.ts';
import { type Measures, numberParam, type Params } from '../sample.ts';
import { perSecond } from './ledger-append.ts';
import { openRaw } from './raw-sqlite.ts';

/** JSON.stringify, hash, append, fdatasync: for each event. */
export async function naiveFile(params: Params, folder: string): Promise<Measures> {
  const file = openSync(join(folder, 'naive.jsonl'), 'a');
  const measures = chain(numberParam(params, 'records'), (hash, body) => {
    writeSync(file, `{"hash":"${hash}","record":${body}}\n`);
    fdatasyncSync(file);
  });
  closeSync(file);
  return measures;
}

/** One row per commit, with the two indexes that everybody has. */
export async function naiveSqlite(params: Params, folder: string): Promise<Measures> {
  const db = openRaw(join(folder, 'naive.db'));
  db.exec(`CREATE TABLE records
    (seq INTEGER PRIMARY KEY, hash TEXT, body TEXT, actor_id TEXT, correlation_id TEXT) STRICT`);
  db.exec('CREATE INDEX records_actor ON records (actor_id)');
  db.exec('CREATE INDEX records_correlation ON records (correlation_id)');
  const insert = db.prepare('INSERT INTO records VALUES (?, ?, ?, ?, ?)');
  const measures = chain(numberParam(params, 'records'), (hash, body, seq, columns) => {
    insert.run(seq, hash, body, columns[4]!, columns[8]!);
  });
  db.close();
  return measures;
}

type Keep = (hash: string, body: string, seq: number, columns: (string | null)[]) => void;

function chain(records: number, keep: Keep): Measures {
  const events = new EventPool(records);
  let head = GENESIS_HASH;
  let seq = 0;
  const run = (count: number): number => {
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      const record = baselineRecord(events.next(), seq, head, new Date().toISOString());
      const body = JSON.stringify(record);
      head = createHash('sha256').update(body).digest('hex');
      keep(head, body, seq++, baselineColumns(record));
    }
    return performance.now() - started;
  };
  run(Math.ceil(records / 10));
  return { records_per_s: perSecond(records, run(records)), batch_records: 1 };
}
