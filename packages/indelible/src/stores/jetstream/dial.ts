/**
 * Dials, and leaves no socket behind but that of the connection made.
 *
 * The driver gives up a dial that takes too long and leaves its socket open, with no way to reach it: a server that
 * accepts and stays silent would keep the process from ending, and one that is paused would find a connection for each
 * try when it goes on. Node tells about every socket that is made, so we know which are this dial's.
 *
 * Source:  https://nodejs.org/api/diagnostics_channel.html (`net.client.socket`)
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';

const CHANNEL = 'net.client.socket';

/** Whose socket it is that is made right now. */
const dialing = new AsyncLocalStorage<object>();

/** `dial` tries one socket after the other; all but the last are destroyed, and that one, too, when it fails. */
export async function dialed<T>(dial: () => Promise<T>): Promise<T> {
  const own = {};
  let last: Socket | null = null;
  const onSocket = (message: unknown): void => {
    if (dialing.getStore() !== own) return;
    last?.destroy();
    last = (message as { readonly socket: Socket }).socket;
  };
  subscribe(CHANNEL, onSocket);
  try {
    return await dialing.run(own, dial);
  } catch (error) {
    (last as Socket | null)?.destroy();
    throw error;
  } finally {
    unsubscribe(CHANNEL, onSocket);
  }
}
