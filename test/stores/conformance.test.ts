/** Every store satisfies the one suite; deviations stand here with their reasons. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { runStoreConformance } from '../../packages/indelible/src/stores/conformance.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { openSqliteStore } from '../../packages/indelible/src/stores/sqlite/sqlite-store.ts';

type Open = (folder: string, options: { readonly read_only?: boolean }) => Promise<LogStore>;

/** A folder of its own for each case. */
const inFolder = (open: Open) => async () => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-conformance-'));
  return {
    open: (options: { readonly read_only?: boolean } = {}) => open(folder, options),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
};

const GONE = 'the records are gone with the store';
runStoreConformance(
  test,
  'memory',
  async () => ({ open: async () => openMemoryStore(), remove: async () => {} }),
  {
    exceptions: {
      'opening again finds everything, and appends go on': GONE,
      'a reader beside the writer sees what is durable, and may not append': GONE,
      'a reader beside the writer is woken by an append': GONE,
      'closing lets an append finish or refuses it, and releases those who wait': GONE,
    },
  },
);

runStoreConformance(
  test,
  'sqlite',
  inFolder((folder, options) => openSqliteStore({ path: join(folder, 'ledger.db'), ...options })),
);

runStoreConformance(
  test,
  'file',
  inFolder((folder, options) => openFileStore({ dir: join(folder, 'ledger'), ...options })),
);
// Small segments, so that every case crosses some boundaries between files.
runStoreConformance(
  test,
  'file in small segments',
  inFolder((folder, options) =>
    openFileStore({ dir: join(folder, 'ledger'), segment_bytes_max: 100_000, ...options }),
  ),
);
