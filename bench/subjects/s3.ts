/**
 * A ledger in a bucket of a real S3 server, started for the sample: Object Lock as users have it, everything else on
 * this one machine. What the server keeps, it keeps in memory, so that these are figures of requests, not of disks.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { openLedger } from '../../packages/indelible/src/compose/open-ledger.ts';
import { openStore } from '../../packages/indelible/src/compose/open-store.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { type Buckets, lockedUrl, makeBuckets, plainUrl } from '../../test/s3/support.ts';
import { startS3Server } from '../../test/support/s3-server.ts';
import { EventSource } from '../events.ts';
import { type Measures, numberParam, type Params, textParam } from '../sample.ts';
import { measureAppends, openBenchLedger, perSecond, recordAll } from './ledger-append.ts';

const FILLERS = 2000;

async function withBuckets(work: (buckets: Buckets) => Promise<Measures>): Promise<Measures> {
  const server = await startS3Server();
  try {
    const buckets = await makeBuckets(server);
    const measures = await work(buckets);
    buckets.client.destroy();
    return measures;
  } finally {
    server.stop();
  }
}

function urlIn(buckets: Buckets, params: Params, folder: string): string {
  const urlOf = textParam(params, 'slots') === 'head_bucket' ? lockedUrl : plainUrl;
  return `${urlOf(buckets, 'bench')}&local=${encodeURIComponent(join(folder, 'local'))}`;
}

/** Callers who await their receipts. */
export function s3Ledger(params: Params, folder: string): Promise<Measures> {
  return withBuckets(async (buckets) => {
    const measures = await measureAppends(params, urlIn(buckets, params, folder));
    const line_bytes = measures.record_bytes! + 86;
    return { ...measures, bytes_per_s: measures.records_per_s! * line_bytes };
  });
}

/** Locked objects alone: what the server takes. */
export function s3Objects(params: Params): Promise<Measures> {
  return withBuckets(async ({ client, locked }) => {
    const objects = numberParam(params, 'objects');
    const bytes = new Uint8Array(numberParam(params, 'object_bytes')).fill(0x61);
    const md5 = createHash('md5').update(bytes).digest('base64');
    const until = new Date(Date.now() + 86_400_000);
    let taken = 0;
    const put = async (): Promise<void> => {
      while (taken < objects) {
        await client.send(
          new PutObjectCommand({
            Bucket: locked,
            Key: `bench/${taken++}`,
            Body: bytes,
            ContentMD5: md5,
            ObjectLockMode: 'COMPLIANCE',
            ObjectLockRetainUntilDate: until,
          }),
        );
      }
    };
    const started = performance.now();
    await Promise.all(Array.from({ length: numberParam(params, 'at_once') }, put));
    const objects_per_s = perSecond(objects, performance.now() - started);
    return { objects_per_s, bytes_per_s: objects_per_s * bytes.length };
  });
}

/** Verifying a ledger that was filled before: its chain, its objects and their locks. */
export function s3Verify(params: Params, folder: string): Promise<Measures> {
  return withBuckets(async (buckets) => {
    const records = numberParam(params, 'records');
    const url = urlIn(buckets, params, folder);
    const ledger = await openBenchLedger(url);
    await recordAll(ledger, new EventSource(), records - 1, Math.min(FILLERS, records - 1));
    const { commits } = ledger.stats;
    await ledger.close();
    const store = await openStore(url, { read_only: true });
    const looked = performance.now();
    const findings = await store.inspect();
    const inspected = performance.now();
    if (findings.some(({ damage }) => damage)) throw new Error(findings[0]!.detail);
    const report = await verifyLog({ store });
    const ended = performance.now();
    await store.close();
    if (!report.ok || report.records_checked < records) throw new Error(report.detail);
    return {
      records_per_s: perSecond(records, ended - inspected),
      objects_per_s: perSecond(commits, inspected - looked),
      total_ms: ended - inspected,
      batch_records: records / commits,
    };
  });
}

/** Opening a ledger that is there, and recording one event: what a short command waits for. */
export function s3Open(params: Params, folder: string): Promise<Measures> {
  return withBuckets(async (buckets) => {
    const url = urlIn(buckets, params, folder);
    const first = await openLedger(url, { name: 'bench.example/ledger' });
    await recordAll(first, new EventSource(), 200, 1);
    await first.close();
    const started = performance.now();
    const ledger = await openLedger(url, { threads: 'one' });
    const opened = performance.now();
    await ledger.record(new EventSource().next());
    const recorded = performance.now();
    await ledger.close();
    return { open_ms: opened - started, p50_ms: recorded - opened };
  });
}
