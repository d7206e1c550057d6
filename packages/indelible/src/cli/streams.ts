/**
 * Standard input, output and error as they are in real life: slow writers and readers, and readers that leave (`| head`).
 */
import { once } from 'node:events';
import { addAbortSignal, type Readable } from 'node:stream';

const gone = new WeakSet<NodeJS.WritableStream>();
/** One wait for each stream, however many callers share it: each would add listeners, and Node warns of many. */
const draining = new WeakMap<NodeJS.WritableStream, Promise<void>>();

/** A reader that has left is no error: what it does not read is dropped, and the exit code stays what it would be. */
export function guardStreams(): void {
  for (const stream of [process.stdout, process.stderr]) {
    stream.on('error', (error: NodeJS.ErrnoException) => {
      gone.add(stream);
      // Standard error is the last place to report anything to, so its own faults have nowhere to go.
      if (stream === process.stdout && error.code !== 'EPIPE' && error.code !== 'EOF') {
        process.stderr.write(`error: standard output cannot be written (${error.code})\n`);
        process.exitCode = 3;
      }
    });
  }
}

/** True once the reader has left: long output can stop. */
export function readerIsGone(stream: NodeJS.WritableStream): boolean {
  return gone.has(stream);
}

/** Writes and, when the reader is slow, waits for it: memory stays constant however much is written. */
export async function writeTo(stream: NodeJS.WritableStream, text: string | Uint8Array): Promise<void> {
  if (gone.has(stream) || stream.write(text)) return;
  let drained = draining.get(stream);
  if (drained === undefined) {
    const waiting = once(stream, 'drain').catch(() => {
      // The reader left while we waited; the handler above has noted it.
    });
    drained = waiting.then(() => void draining.delete(stream));
    draining.set(stream, drained);
  }
  await drained;
}

/** What a stream brings, until an interruption, which ends it also while nothing comes: then its reason is raised. */
export async function* untilAborted(stream: Readable, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  try {
    for await (const chunk of addAbortSignal(signal, stream)) {
      signal.throwIfAborted();
      yield chunk as Uint8Array;
    }
  } catch (error) {
    signal.throwIfAborted();
    throw error;
  }
}
