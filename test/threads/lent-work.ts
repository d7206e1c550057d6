/** Work for a borrowed thread: says which thread it runs in, or dies. */
import { type MessagePort, threadId } from 'node:worker_threads';

export function serve(setup: string, port: MessagePort): void {
  port.on('message', (message: string) => {
    if (message === 'die') throw new Error('as it was told to');
    port.postMessage({ setup, message, threadId });
    if (message === 'end') port.close();
  });
}
