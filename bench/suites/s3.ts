/**
 * S3: a ledger in a bucket, beside what the server takes of objects alone. One server per sample.
 */
import type { Params } from '../sample.ts';
import type { Case, Suite } from '../suite.ts';

const CALLERS = 64;
const BULK_CALLERS = 2000;
const OBJECTS = 500;
const OBJECT_BYTES = 65_536;

export function s3Suite(records: number): Suite {
  const ledger = (id: string, title: string, slots: string, callers: number): Case => ({
    id,
    title,
    subject: 's3-ledger',
    params: () => ({ slots, callers, records: callers === BULK_CALLERS ? records : Math.ceil(records / 5) }),
  });
  const one = (id: string, title: string, subject: Case['subject'], params: Params): Case => ({
    id,
    title,
    subject,
    params: () => params,
  });
  return {
    what: 's3',
    title: 'S3: a ledger in a bucket of a server on this machine',
    prepare: [],
    cases: [
      ledger('locked', 'locked batches and a head bucket, 64 callers', 'head_bucket', CALLERS),
      ledger('locked/bulk', 'locked batches and a head bucket, 2,000 callers', 'head_bucket', BULK_CALLERS),
      ledger('plain', 'batches that take their slots themselves, 64 callers', 'batches', CALLERS),
      ledger(
        'plain/bulk',
        'batches that take their slots themselves, 2,000 callers',
        'batches',
        BULK_CALLERS,
      ),
      one('objects/1', 'locked objects of 64 KiB alone, one at a time', 's3-objects', {
        objects: OBJECTS / 2,
        object_bytes: OBJECT_BYTES,
        at_once: 1,
      }),
      one('objects/8', 'locked objects of 64 KiB alone, 8 at once', 's3-objects', {
        objects: OBJECTS,
        object_bytes: OBJECT_BYTES,
        at_once: 8,
      }),
      one('verify', 'verifying it: chain, objects, locks', 's3-verify', { slots: 'head_bucket', records }),
      one('open', 'opening it and recording one event', 's3-open', { slots: 'head_bucket' }),
    ],
    columns: [
      { measure: 'records_per_s', heading: 'records/s', show: 'count' },
      { measure: 'bytes_per_s', heading: 'bytes/s', show: 'megabytes' },
      { measure: 'objects_per_s', heading: 'objects/s', show: 'count' },
      { measure: 'batch_records', heading: 'batch', show: 'decimal' },
      { measure: 'p50_ms', heading: 'p50', show: 'ms' },
      { measure: 'p99_ms', heading: 'p99', show: 'ms' },
      { measure: 'open_ms', heading: 'open', show: 'ms' },
    ],
    targets: [
      {
        title: 'bytes of records, 2,000 callers, over those of objects alone',
        of: { case: 'locked/bulk', measure: 'bytes_per_s' },
        to: { case: 'objects/1', measure: 'bytes_per_s' },
        show: 'decimal',
      },
    ],
  };
}
