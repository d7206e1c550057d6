/**
 * A range of the log, read over a connection of its own by a verifier's worker thread.
 *
 * Errors:  as faults.ts maps them, e.g. LEDGER_DAMAGED for a page that SQLite cannot read.
 */
import type { LineBatch } from '../contract.ts';
import { Connection } from './connection.ts';
import { storeFault } from './faults.ts';
import { readChunks } from './scan.ts';

/** Both bounds are included; all shards of one `shards` call end where the log ended then. */
export interface ShardInput {
  readonly file: string;
  readonly from: bigint;
  readonly last: bigint;
  readonly busy_ms_max: number;
}

/** Called by the verifier, with the `input` of a shard. */
export function* readShard(input: unknown): Generator<LineBatch> {
  const { file, from, last, busy_ms_max } = input as ShardInput;
  const connection = new Connection({ file, read_only: true, create: false, busy_ms_max });
  try {
    yield* readChunks(connection, from, last);
  } catch (error) {
    throw storeFault(error, file);
  } finally {
    connection.drop();
  }
}
