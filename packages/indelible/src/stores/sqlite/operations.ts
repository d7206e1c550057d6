/** What the worker thread can be asked for: the one list that both sides share. */
import type { Head, StoreFinding } from '../contract.ts';
import type { AppendRequest } from './append.ts';
import type { ConnectionOptions } from './connection.ts';
import type { Chunk } from './scan.ts';

/** `workerData` of the thread. */
export interface WorkerSetup extends ConnectionOptions {
  readonly faults: Int32Array | null;
}

/** Each operation's input and output. */
export interface Operations {
  open: [input: null, output: null];
  append: [input: AppendRequest, output: null];
  reserve: [input: null, output: null];
  release: [input: null, output: null];
  head: [input: null, output: Head | null];
  bounds: [input: null, output: { first: bigint; last: bigint; bytes: number } | null];
  /** Where reading up to `last` ends now, and its first chunk. */
  begin: [input: { from: bigint; last: bigint }, output: { last: bigint; chunk: Chunk | null }];
  chunk: [input: { from: bigint; last: bigint }, output: Chunk | null];
  lines: [input: readonly number[], output: { seq: number; line: Uint8Array }[]];
  inspect: [input: null, output: StoreFinding[]];
  close: [input: null, output: null];
}
export type OperationName = keyof Operations;
export type Input<Name extends OperationName> = Operations[Name][0];
export type Output<Name extends OperationName> = Operations[Name][1];

export interface Call {
  readonly id: number;
  readonly name: OperationName;
  readonly input: unknown;
}

/** Errors cross threads as their parts, because a cloned error loses its class. */
export type Answer =
  | { readonly id: number; readonly output: unknown }
  | {
      readonly id: number;
      readonly error: { code: string; message: string; details: Record<string, unknown> };
    };
