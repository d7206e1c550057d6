/**
 * Standard output and error as they are in real life: slow readers, and readers that leave (`| head`).
 */
import { once } from 'node:events';

const gone = new WeakSet<NodeJS.WritableStream>();

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
  await once(stream, 'drain').catch(() => {
    // The reader left while we waited; the handler above has noted it.
  });
}
