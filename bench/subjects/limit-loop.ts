/**
 * What one thread can do at most: canonical JSON, hash, buffer. No callers, no receipts, no disk.
 */
import { canonicalize, GENESIS_HASH, leafHash } from '@indelible/core';
import { placeEvent, prepareEvent } from '../../packages/indelible/src/ledger/encode.ts';
import { baselineRecord } from '../baseline-record.ts';
import { EventPool } from '../events.ts';
import { type Measures, numberParam, type Params } from '../sample.ts';
import { perSecond } from './ledger-append.ts';

const BUFFER_BYTES = 8 << 20;
const RECORD_BYTES_MAX = 65_535;
const LINE_REST = 86;
const encoder = new TextEncoder();

/** Generic canonical JSON of a complete record. */
export async function limitLoop(params: Params): Promise<Measures> {
  return loop(params, (event, seq, prev_hash, recorded_at) =>
    canonicalize(baselineRecord(event, seq, prev_hash, recorded_at)),
  );
}

/** Our own writing of records, which knows where their members stand. */
export async function encoderLoop(params: Params): Promise<Measures> {
  const actor = { type: 'local', id: 'bench' };
  return loop(params, (event, seq, prev_hash, recorded_at) => {
    const id = `019aa3f0-7c1e-7000-8000-${seq.toString(16).padStart(12, '0')}`;
    const prepared = prepareEvent(event, {}, actor, 'bench.example/ledger');
    return placeEvent(prepared, { seq, id, key_id: null, prev_hash, recorded_at });
  });
}

type Write = (
  event: ReturnType<EventPool['next']>,
  seq: number,
  prev_hash: string,
  recorded_at: string,
) => string;

function loop(params: Params, write: Write): Measures {
  const records = numberParam(params, 'records');
  const events = new EventPool(records);
  const buffer = new Uint8Array(BUFFER_BYTES);
  let used = 0;
  let head = GENESIS_HASH;
  let seq = 0;
  let recorded_at = '';

  function run(count: number): number {
    const started = performance.now();
    for (let i = 0; i < count; i++) {
      // A ledger reads its clock once per batch.
      if (i % 64 === 0) recorded_at = new Date().toISOString();
      if (used + RECORD_BYTES_MAX + LINE_REST > BUFFER_BYTES) used = 0;
      const text = write(events.next(), seq++, head, recorded_at);
      const { written } = encoder.encodeInto(text, buffer.subarray(used + 84));
      head = leafHash(buffer.subarray(used + 84, used + 84 + written));
      encoder.encodeInto(head, buffer.subarray(used + 9));
      used += written + LINE_REST;
    }
    return performance.now() - started;
  }

  run(Math.ceil(records / 10));
  return { records_per_s: perSecond(records, run(records)) };
}
