/** What the index's worker threads are asked, and what they answer. */
import type { Filter, IndexFinding, IndexTip, KeyedRecords, Search, SearchResult } from './contract.ts';
import type { OwnedBatch } from './writer.ts';

export interface WorkerSetup {
  readonly path: string;
  readonly role: 'writer' | 'reader' | 'checker';
}

/** Each operation's arguments and result. */
export interface Operations {
  add: { args: [OwnedBatch]; result: number };
  reset: { args: [from: number, only_at: IndexTip | undefined]; result: undefined };
  truncate: { args: [number]; result: undefined };
  tip: { args: []; result: IndexTip };
  search: { args: [Search]; result: SearchResult };
  count: { args: [Filter, number]; result: number };
  byId: { args: [string]; result: number | null };
  byIdempotencyKeys: { args: [readonly string[]]; result: KeyedRecords };
  feed: { args: [OwnedBatch]; result: IndexFinding[] };
  finish: { args: []; result: IndexFinding[] };
  close: { args: []; result: undefined };
}
export type OperationName = keyof Operations;

export interface Request {
  readonly call: number;
  readonly name: OperationName;
  readonly args: readonly unknown[];
}

/** `call` 0 answers the opening itself. Errors cross threads as plain data. */
export type Answer =
  | { readonly call: number; readonly result: unknown }
  | {
      readonly call: number;
      readonly error: { readonly code: string | null; readonly message: string };
    };
