/**
 * Gzip, told by its first two bytes and undone while streaming; anything else passes through unchanged.
 *
 * What was decompressed before a fault is still delivered: the checksum stands at the end of the stream, so bytes
 * are handed on before they are known to be whole, and the fault is raised after them.
 *
 * Errors:  IMPORT_SOURCE for a source that cannot be read, and for gzip that is corrupt or cut short.
 * Source:  RFC 1952.
 */
import { IndelibleError } from '@indelible/core';
import { Gunzipper } from './gunzipper.ts';

/** This much input at once bounds the output held in memory to 8 MiB, whatever the input is. */
const SLICE_BYTES = 8192;

/** Sources up to this size are decompressed again up to a fault, to lose nothing that stands before it. */
const REPLAY_BYTES_MAX = 4 * 1024 * 1024;

/** The bytes of `source`, decompressed if they are gzip. */
export async function* decompressed(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const iterator = readable(source)[Symbol.asyncIterator]();
  try {
    let head: Uint8Array = new Uint8Array(0);
    while (head.length < 2) {
      const next = await iterator.next();
      if (next.done) break;
      head = head.length === 0 ? next.value : Buffer.concat([head, next.value]);
    }
    const all = prepend(head, iterator);
    if (head[0] === 0x1f && head[1] === 0x8b) yield* gunzip(all);
    else yield* all;
  } finally {
    await iterator.return?.(undefined);
  }
}

/** Turns whatever a file system or network throws into our error. */
async function* readable(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, undefined> {
  try {
    yield* source;
  } catch (cause) {
    if (cause instanceof IndelibleError) throw cause;
    const reason =
      (cause as { code?: unknown } | null)?.code ?? (cause instanceof Error ? cause.name : 'unknown');
    throw new IndelibleError('IMPORT_SOURCE', `cannot be read (${String(reason)})`, { cause });
  }
}

async function* prepend(head: Uint8Array, rest: AsyncIterator<Uint8Array>): AsyncGenerator<Uint8Array> {
  if (head.length > 0) yield head;
  for (let next = await rest.next(); !next.done; next = await rest.next()) yield next.value;
}

async function* gunzip(source: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const gunzipper = new Gunzipper();
  const replay: Uint8Array[] = [];
  try {
    for await (const chunk of source) {
      for (let i = 0; i < chunk.length; i += SLICE_BYTES) {
        const slice = chunk.subarray(i, i + SLICE_BYTES);
        yield* await gunzipper.push(slice);
        if (gunzipper.bytes_in <= REPLAY_BYTES_MAX) replay.push(slice.slice());
        else replay.length = 0;
        if (gunzipper.fault === null) continue;
        yield* salvage(replay, gunzipper.bytes_out);
        throw gzipFault(gunzipper);
      }
    }
    yield* await gunzipper.finish();
    if (gunzipper.fault !== null) throw gzipFault(gunzipper);
  } finally {
    gunzipper.close();
  }
}

/** What stands before the fault in the last slice and was lost with it: decompressed again, byte by byte. */
async function* salvage(slices: Uint8Array[], delivered: number): AsyncGenerator<Uint8Array> {
  const last = slices.pop();
  if (last === undefined) return;
  const gunzipper = new Gunzipper();
  try {
    let skip = delivered;
    for (const slice of slices) {
      for (const bytes of await gunzipper.push(slice)) skip -= bytes.length;
    }
    for (let i = 0; i < last.length && gunzipper.fault === null; i++) {
      for (const bytes of await gunzipper.push(last.subarray(i, i + 1))) {
        if (bytes.length > skip) yield skip > 0 ? bytes.subarray(skip) : bytes;
        skip = Math.max(0, skip - bytes.length);
      }
    }
  } finally {
    gunzipper.close();
  }
}

function gzipFault(gunzipper: Gunzipper): IndelibleError {
  const { fault, bytes_in } = gunzipper;
  const what =
    fault?.code === 'Z_BUF_ERROR' ? 'gzip data is cut short' : `gzip data is corrupt (${fault?.message})`;
  return new IndelibleError('IMPORT_SOURCE', `${what}, within the first ${bytes_in} bytes of the file`, {
    details: { bytes_in },
    cause: fault,
  });
}
