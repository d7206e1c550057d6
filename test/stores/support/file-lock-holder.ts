/**
 * Opens the ledger in argv[2] for writing, says so, and stays until it is killed.
 *
 * Nothing refers to the store any more by then, and garbage is collected: that must not release the lock.
 */
import { openFileStore } from '../../../packages/indelible/src/stores/file/file-store.ts';

const openAndForget = async (dir: string) => await (await openFileStore({ dir })).head();

const head = await openAndForget(process.argv[2]!);
setImmediate(() => {
  globalThis.gc!();
  process.stdout.write(`${JSON.stringify(head)}\n`);
});
process.stdin.resume();
