/**
 * The thread that holds a connection: SQLite's commits are synchronous and must not block the event loop.
 * Calls are answered one after the other, in the order they came.
 */
import type { MessagePort } from 'node:worker_threads';
import { sqliteResult } from '../../sqlite-result.ts';
import { append, readHead, release, reserve } from './append.ts';
import { Connection } from './connection.ts';
import { SQLITE_BUSY, storeFault } from './faults.ts';
import { inspect } from './inspect.ts';
import type { Answer, Call, Input, OperationName, Output, WorkerSetup } from './operations.ts';
import { beginReading, bounds, readChunk, readLines } from './scan.ts';

/** Serves one store. */
export function serve(setup: WorkerSetup, port: MessagePort): void {
  const connection = new Connection(setup);

  const OPERATIONS: { [Name in OperationName]: (input: Input<Name>) => Output<Name> } = {
    open: () => {
      connection.db();
      return null;
    },
    append: (request) => {
      append(connection, request, setup.faults);
      return null;
    },
    reserve: () => {
      reserve(connection);
      return null;
    },
    release: () => {
      release(connection);
      return null;
    },
    head: () => readHead(connection),
    bounds: () => bounds(connection),
    begin: ({ from, last }) => beginReading(connection, from, last),
    chunk: ({ from, last }) => readChunk(connection, from, last),
    lines: (seqs) => readLines(connection, seqs),
    inspect: () => inspect(connection),
    close: () => {
      connection.drop();
      return null;
    },
  };

  port.on('message', ({ id, name, input }: Call) => {
    let answer: Answer;
    let transfer: ArrayBuffer[] = [];
    try {
      const output = (OPERATIONS[name] as (input: unknown) => unknown)(input);
      transfer = buffersOf(output);
      answer = { id, output };
    } catch (error) {
      const fault = storeFault(error, setup.file);
      // Busy leaves a connection sound, and so does a moved head. After anything else it is opened afresh.
      if (fault.code !== 'HEAD_MOVED' && sqliteResult(error) !== SQLITE_BUSY) dropQuietly();
      answer = { id, error: { code: fault.code, message: fault.message, details: { ...fault.details } } };
    }
    port.postMessage(answer, transfer);
    if (name === 'close') port.close();
  });

  /** The fault that led here is the one to report. */
  function dropQuietly(): void {
    try {
      connection.drop();
    } catch {
      // Its handle is gone either way; the next use opens a new connection.
    }
  }
}

/** Chunks and lines are handed over, not copied. */
function buffersOf(output: unknown): ArrayBuffer[] {
  const { chunk = output } = (output ?? {}) as { chunk?: unknown };
  const views = Array.isArray(chunk) ? chunk.map((item) => item?.line) : Object.values(chunk ?? {});
  return views.filter((view) => ArrayBuffer.isView(view)).map((view) => view.buffer as ArrayBuffer);
}
