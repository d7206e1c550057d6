/**
 * Hypercore, an append-only log with a signed Merkle tree. It does not fsync what it appends. It is given the texts of
 * records, made before the clock runs, so that nothing but its own work is measured.
 */
import { join } from 'node:path';
import { canonicalize, GENESIS_HASH } from '@indelible/core';
import { baselineRecord } from '../baseline-record.ts';
import { EventPool } from '../events.ts';
import { type Measures, numberParam, type Params } from '../sample.ts';
import { perSecond } from './ledger-append.ts';

/** What is used of it; it has no types of its own. */
interface Core {
  readonly length: number;
  ready(): Promise<void>;
  append(blocks: Buffer | Buffer[]): Promise<unknown>;
  close(): Promise<void>;
}

const PREPARED_RECORDS = 20_000;

export async function hypercore(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const batch = numberParam(params, 'batch_records');
  // Not a literal: the package is there only once the benchmark has installed it.
  const name: string = 'hypercore';
  const { default: Hypercore } = (await import(name)) as { default: new (folder: string) => Core };
  const core = new Hypercore(join(folder, 'hypercore'));
  await core.ready();
  const events = new EventPool(records);
  let seq = 0;
  let ms = 0;
  const warm = Math.ceil(records / 10);
  for (let done = -warm; done < records; ) {
    const target = done < 0 ? 0 : records;
    const count = Math.min(target - done, Math.ceil(PREPARED_RECORDS / batch) * batch);
    const blocks = Array.from({ length: count }, () =>
      Buffer.from(
        canonicalize(baselineRecord(events.next(), seq++, GENESIS_HASH, '2026-11-21T02:14:00.123Z')),
      ),
    );
    const started = performance.now();
    for (let from = 0; from < count; from += batch) {
      await core.append(batch === 1 ? blocks[from]! : blocks.slice(from, from + batch));
    }
    if (done >= 0) ms += performance.now() - started;
    done += count;
  }
  if (core.length !== records + warm) throw new Error(`hypercore holds ${core.length} blocks`);
  await core.close();
  return { records_per_s: perSecond(records, ms), batch_records: batch };
}
