/** A worker thread of the index: one connection, one role, requests in order. */
import type { MessagePort } from 'node:worker_threads';
import { isIndelibleError } from '@indelible/core';
import { createChecker } from './checker.ts';
import { guarded, openDatabase } from './database.ts';
import type { Answer, Request, WorkerSetup } from './protocol.ts';
import { createReader } from './reader.ts';
import { createWriter } from './writer.ts';

type Handlers = Record<string, (...args: never[]) => unknown>;

function open({ path, role }: WorkerSetup): Handlers {
  const database = openDatabase(path, role !== 'writer');
  const make: Record<WorkerSetup['role'], () => object> = {
    // Where there is one thread alone, it answers searches between two writes.
    writer: () => ({ ...createReader(database), ...createWriter(database) }),
    reader: () => createReader(database),
    checker: () => createChecker(database),
  };
  return { ...make[role](), close: () => database.close() };
}

/** Serves one index; call 0 answers the opening itself. */
export function serve(setup: WorkerSetup, port: MessagePort): void {
  function answer(call: number, work: () => unknown): void {
    let message: Answer;
    try {
      message = { call, result: guarded(work) };
    } catch (error) {
      const code = isIndelibleError(error) ? error.code : null;
      message = { call, error: { code, message: error instanceof Error ? error.message : String(error) } };
    }
    port.postMessage(message);
  }

  let handlers: Handlers = {};
  answer(0, () => {
    handlers = open(setup);
  });
  port.on('message', (request: Request) => {
    answer(request.call, () => handlers[request.name]!(...(request.args as never[])));
    if (request.name === 'close') port.close();
  });
}
