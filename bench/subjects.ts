/**
 * All subjects, loaded only when run: a sample's memory must not hold the others' code.
 */
import type { Subject } from './sample.ts';

export const SUBJECTS = {
  ledger: async () => (await import('./subjects/ledger-append.ts')).appendToLedger,
  'limit-loop': async () => (await import('./subjects/limit-loop.ts')).limitLoop,
  'encoder-loop': async () => (await import('./subjects/limit-loop.ts')).encoderLoop,
  'raw-sqlite': async () => (await import('./subjects/raw-sqlite.ts')).rawSqlite,
  'naive-file': async () => (await import('./subjects/naive.ts')).naiveFile,
  'naive-sqlite': async () => (await import('./subjects/naive.ts')).naiveSqlite,
  hypercore: async () => (await import('./subjects/hypercore.ts')).hypercore,
  build: async () => (await import('./subjects/build.ts')).buildLedger,
  verify: async () => (await import('./subjects/verify.ts')).verify,
  proofs: async () => (await import('./subjects/proofs.ts')).proofs,
  query: async () => (await import('./subjects/query.ts')).query,
  'catch-up': async () => (await import('./subjects/indexing.ts')).catchUp,
  reindex: async () => (await import('./subjects/indexing.ts')).reindex,
  'write-events': async () => (await import('./subjects/command.ts')).writeEvents,
  command: async () => (await import('./subjects/command.ts')).command,
  'postgres-ledger': async () => (await import('./subjects/postgres.ts')).postgresLedger,
  'postgres-copy': async () => (await import('./subjects/postgres.ts')).postgresCopy,
  'postgres-insert': async () => (await import('./subjects/postgres.ts')).postgresInsert,
  'postgres-sealing': async () => (await import('./subjects/postgres.ts')).postgresSealing,
  's3-ledger': async () => (await import('./subjects/s3.ts')).s3Ledger,
  's3-objects': async () => (await import('./subjects/s3.ts')).s3Objects,
  's3-verify': async () => (await import('./subjects/s3.ts')).s3Verify,
  jetstream: async () => (await import('./subjects/jetstream.ts')).jetStreamLedger,
  'jetstream-raw': async () => (await import('./subjects/jetstream.ts')).jetStreamRaw,
  governed: async () => (await import('./subjects/governed.ts')).governed,
  policy: async () => (await import('./subjects/policy.ts')).policy,
  's3-open': async () => (await import('./subjects/s3.ts')).s3Open,
} as const satisfies Record<string, () => Promise<Subject>>;

export type SubjectName = keyof typeof SUBJECTS;
