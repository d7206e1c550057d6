/** Opens the ledger in argv[2] for writing, says so, and stays until it is killed. */
import { openFileStore } from '../../../packages/indelible/src/stores/file/file-store.ts';

const store = await openFileStore({ dir: process.argv[2]! });
process.stdout.write(`${JSON.stringify(await store.head())}\n`);
process.stdin.resume();
