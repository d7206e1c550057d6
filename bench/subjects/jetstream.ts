/**
 * A ledger in a JetStream stream with three replicas on this machine, and the same messages published without a ledger.
 */
import { join } from 'node:path';
import { canonicalize, frameLine, GENESIS_HASH, leafHash } from '@indelible/core';
import { jetstream } from '@nats-io/jetstream';
import { connect } from '@nats-io/transport-node';
import type { LineBatch } from '../../packages/indelible/src/stores/contract.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { LINES_BYTES_MAX } from '../../packages/indelible/src/stores/jetstream/payload.ts';
import { subjectOf } from '../../packages/indelible/src/stores/jetstream/settings.ts';
import { splitBatch } from '../../packages/indelible/src/stores/jetstream/split-batch.ts';
import { type NatsCluster, startNats } from '../../test/support/nats-cluster.ts';
import { baselineRecord } from '../baseline-record.ts';
import { EventPool } from '../events.ts';
import { type Measures, numberParam, type Params, quantile } from '../sample.ts';
import { openBenchLedger, perSecond, recordAll } from './ledger-append.ts';

const STREAM = 'BENCH';
/** Larger ones gained nothing when they are not compressed. */
const MESSAGE_BYTES_MAX = 128 * 1024;

export async function jetStreamLedger(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const callers = numberParam(params, 'callers');
  return withCluster(folder, async (cluster) => {
    const ledger = await openBenchLedger(`${cluster.url(STREAM)}&local=${join(folder, 'derived')}`);
    const events = new EventPool(records);
    await recordAll(ledger, events, Math.max(callers, Math.ceil(records / 10)), callers);
    await ledger.caughtUp();
    const before = ledger.stats;
    const started = performance.now();
    const waits = await recordAll(ledger, events, records, callers);
    const ms = performance.now() - started;
    await ledger.caughtUp();
    const after = ledger.stats;
    const recorded = after.recorded - before.recorded;
    if (recorded !== records) throw new Error(`${records} receipts for ${recorded} records`);

    const reading = performance.now();
    let read = 0;
    for await (const { ends } of ledger.store.read(0)) read += ends.length;
    const read_ms = performance.now() - reading;
    if (read !== after.head_seq + 1) throw new Error(`read ${read} of ${after.head_seq + 1} records`);
    await ledger.close();
    return {
      records_per_s: perSecond(records, ms),
      batch_records: recorded / (after.commits - before.commits),
      p50_ms: quantile(waits, 0.5),
      p99_ms: quantile(waits, 0.99),
      read_per_s: perSecond(read, read_ms),
    };
  });
}

/**
 * Publishes such batches without a ledger, each message acknowledged: the lines as they are, or, `compressed`, the very
 * payloads that the store makes of them. They are made before the clock runs. `window` batches are on their way at a time,
 * the messages of each together: the store sends the last of a batch when it has the others' acknowledgements, and the next
 * batch when it has the last one's.
 */
export async function jetStreamRaw(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const batch = Math.max(1, Math.round(numberParam(params, 'batch_records')));
  const window = numberParam(params, 'window');
  const payloadsOf = params.compressed === true ? payloadsOfStore : plainPayloads;
  return withCluster(folder, async (cluster) => {
    // The same stream, made by the store itself.
    await (await openJetStreamStore({ url: cluster.url(STREAM) })).close();
    const nats = await connect({ servers: cluster.hosts.split(','), noAsyncTraces: true });
    const publisher = jetstream(nats);
    const batches = batchesOf(records, batch).map(payloadsOf);
    let next = 0;
    const started = performance.now();
    await Promise.all(
      Array.from({ length: window }, async () => {
        while (next < batches.length)
          await Promise.all(batches[next++]!.map((bytes) => publisher.publish(subjectOf(STREAM), bytes)));
      }),
    );
    const ms = performance.now() - started;
    await nats.close();
    return { records_per_s: perSecond(records, ms), batch_records: batch };
  });
}

async function withCluster<T>(folder: string, work: (cluster: NatsCluster) => Promise<T>): Promise<T> {
  const cluster = await startNats({ nodes: 3, folder, direct: true });
  try {
    return await work(cluster);
  } finally {
    await cluster.stop();
  }
}

function batchesOf(records: number, batch: number): LineBatch[] {
  const events = new EventPool(records);
  const recorded_at = new Date().toISOString();
  const batches: LineBatch[] = [];
  for (let seq = 0; seq < records; ) {
    const lines: Uint8Array[] = [];
    const first_seq = seq;
    for (const end = Math.min(records, seq + batch); seq < end; seq++) {
      const body = new TextEncoder().encode(
        canonicalize(baselineRecord(events.next(), seq, GENESIS_HASH, recorded_at)),
      );
      lines.push(frameLine(leafHash(body), body));
    }
    let end = 0;
    const ends = lines.map(({ length }) => (end += length));
    batches.push({ first_seq, bytes: Buffer.concat(lines), ends });
  }
  return batches;
}

function payloadsOfStore(batch: LineBatch): Uint8Array[] {
  return splitBatch(batch, LINES_BYTES_MAX).messages.map(({ payload }) => payload);
}

function plainPayloads({ bytes, ends }: LineBatch): Uint8Array[] {
  const payloads: Uint8Array[] = [];
  let start = 0;
  for (let i = 0; i < ends.length; i++) {
    if (i < ends.length - 1 && ends[i + 1]! - start <= MESSAGE_BYTES_MAX) continue;
    payloads.push(bytes.subarray(start, ends[i]!));
    start = ends[i]!;
  }
  return payloads;
}
