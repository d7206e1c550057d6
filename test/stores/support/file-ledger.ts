/** Folders, lines and failing file systems for the tests of the file store. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { frameLine, leafHash, lineHash } from '@indelible/core';
import type { Head, LineBatch, LogStore } from '../../../packages/indelible/src/stores/contract.ts';
import { type FileSystem, nodeFileSystem } from '../../../packages/indelible/src/stores/file/file-system.ts';

export function temporaryFolder(t: TestContext): string {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'indelible-file-'));
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export function lineOf(seq: number, filling = 'x'.repeat(seq % 50)): Uint8Array {
  const body = new TextEncoder().encode(
    `{"action":"test.run","data":{"seq":7,"text":"${filling}"},"seq":${seq},"session":{"id":"\\"seq\\":9"},"v":1}`,
  );
  return frameLine(leafHash(body), body);
}

export function batchOf(first_seq: number, count: number, filling?: string): LineBatch {
  return join(
    first_seq,
    Array.from({ length: count }, (_, i) => lineOf(first_seq + i, filling)),
  );
}

function join(first_seq: number, lines: Uint8Array[]): LineBatch {
  let length = 0;
  const ends = lines.map((line) => (length += line.length));
  return { first_seq, bytes: Buffer.concat(lines), ends };
}

export function headOf(batch: LineBatch): Head {
  const { first_seq, bytes, ends } = batch;
  return {
    seq: first_seq + ends.length - 1,
    hash: lineHash(bytes, ends.length > 1 ? ends[ends.length - 2]! : 0),
  };
}

/** Appends `count` lines behind the head, in one batch; returns the new head. */
export async function appendNext(store: LogStore, count: number, filling?: string): Promise<Head> {
  const head = await store.head();
  const batch = batchOf(head ? head.seq + 1 : 0, count, filling);
  await store.append(batch, head);
  return headOf(batch);
}

/** All lines as text, without their newlines, and where each batch says it begins. */
export async function readAll(lines: AsyncIterable<LineBatch> | Iterable<LineBatch>) {
  const texts: string[] = [];
  const firsts: number[] = [];
  for await (const { first_seq, bytes, ends } of lines) {
    firsts.push(first_seq);
    let start = 0;
    for (let i = 0; i < ends.length; i++) {
      texts.push(Buffer.from(bytes.subarray(start, ends[i]! - 1)).toString('latin1'));
      start = ends[i]!;
    }
  }
  return { texts, firsts };
}

export function textsOf(first_seq: number, count: number, filling?: string): string[] {
  return Array.from({ length: count }, (_, i) =>
    Buffer.from(lineOf(first_seq + i, filling))
      .toString('latin1')
      .slice(0, -1),
  );
}

export function segmentFiles(dir: string): string[] {
  return fs.readdirSync(path.join(dir, 'segments')).sort();
}

export function segmentPath(dir: string, first_seq: number): string {
  return path.join(dir, 'segments', `${String(first_seq).padStart(20, '0')}.jsonl`);
}

/** What becomes of the work of a call that reports failure. */
export type Outcome = 'lost' | 'landed' | 'half';

interface Fault {
  readonly call: keyof FileSystem;
  readonly code: string;
  readonly outcome: Outcome;
}

/** A file system whose next calls can be made to fail, with the work done, not done, or half done. */
export function failingFileSystem() {
  const faults: Fault[] = [];
  const calls: string[] = [];
  const failing = Object.fromEntries(
    Object.entries(nodeFileSystem).map(([name, call]) => [
      name,
      (...args: unknown[]) => {
        calls.push(name);
        const position = faults.findIndex((fault) => fault.call === name);
        if (position < 0) return Reflect.apply(call, null, args);
        const [fault] = faults.splice(position, 1);
        const error = Object.assign(new Error(`${fault!.code}: injected into ${name}`), {
          code: fault!.code,
        });
        const done = work(fault!, args, (altered) => Reflect.apply(call, null, altered));
        if (done instanceof Promise) return done.then(() => Promise.reject(error));
        throw error;
      },
    ]),
  ) as unknown as FileSystem;
  return {
    fs: failing,
    calls,
    /** The next `times` calls of this name fail. */
    fail(call: keyof FileSystem, code: string, outcome: Outcome = 'lost', times = 1) {
      for (let i = 0; i < times; i++) faults.push({ call, code, outcome });
    },
    heal: () => faults.splice(0).length,
  };
}

const ASYNCHRONOUS = new Set<keyof FileSystem>(['read', 'write', 'syncData', 'sync', 'truncate']);

function work(fault: Fault, args: unknown[], call: (args: unknown[]) => unknown): unknown {
  if (fault.outcome === 'landed') return call(args);
  if (fault.outcome === 'half' && fault.call === 'write') {
    const [fd, bytes, position] = args as [number, Uint8Array, number];
    return call([fd, bytes.subarray(0, bytes.length >> 1), position]);
  }
  return ASYNCHRONOUS.has(fault.call) ? Promise.resolve() : undefined;
}
