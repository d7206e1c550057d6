/**
 * The SQLite index: a file of its own beside any log store, written and read in worker threads.
 *
 * One thread writes, one reads (started by the first search), each with its own connection, so that a long `add` never
 * delays a search; `check` starts a third. Several processes may tail into one file: whoever comes second with the same
 * lines finds the position moved and is passed over.
 *
 * Errors:  INDEX_DAMAGED when the file cannot be used (rebuild with `rebuild: true`), LEDGER_CLOSED after `close`.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { IndelibleError } from '@indelible/core';
import type { LineBatch, Threads } from '../contract.ts';
import type { IndexTip, RecordIndex } from './contract.ts';
import { IndexThread } from './thread.ts';
import type { OwnedBatch } from './writer.ts';

export interface SqliteIndexOptions {
  /** A file, or `:memory:` for a temporary one that `close` removes. */
  readonly path: string;
  readonly read_only?: boolean;
  /** Deletes the file first: the way out of INDEX_DAMAGED. */
  readonly rebuild?: boolean;
  /** `one` searches in the thread that writes. */
  readonly threads?: Threads | undefined;
}

/** Opens the index, creating it when it is missing. */
export async function openSqliteIndex(options: SqliteIndexOptions): Promise<RecordIndex> {
  const readOnly = options.read_only ?? false;
  const here = options.threads === 'none';
  const temporary = options.path === ':memory:' ? await mkdtemp(join(tmpdir(), 'indelible-index-')) : null;
  const path = temporary === null ? options.path : join(temporary, 'index.db');
  const removeTemporary = async (): Promise<void> => {
    if (temporary !== null) await rm(temporary, { recursive: true, force: true });
  };
  if (options.rebuild === true && !readOnly)
    for (const suffix of ['', '-wal', '-shm']) await rm(path + suffix, { force: true });

  let writer: IndexThread | null = null;
  let reader: Promise<IndexThread> | null = null;
  try {
    if (readOnly) await startReader();
    else writer = await IndexThread.open({ path, role: 'writer' }, here);
  } catch (error) {
    await removeTemporary();
    throw error;
  }

  function startReader(): Promise<IndexThread> {
    reader = IndexThread.open({ path, role: 'reader' }, here);
    // Met by whoever waits for it; the next search tries again.
    reader.catch(() => {
      reader = null;
    });
    return reader;
  }

  const checkers = new Set<IndexThread>();
  let closing: Promise<void> | null = null;

  function refuseClosed(): void {
    if (closing !== null) throw new IndelibleError('LEDGER_CLOSED', 'The index is closed.');
  }
  async function reading(): Promise<IndexThread> {
    refuseClosed();
    if (options.threads !== undefined && writer !== null) return writer;
    return reader ?? startReader();
  }
  function writing(): IndexThread {
    refuseClosed();
    if (writer === null)
      throw new IndelibleError('STORE_READ_ONLY', 'The index was opened for reading alone.');
    return writer;
  }

  async function close(): Promise<void> {
    await Promise.all([...checkers].map((checker) => checker.close()));
    await (await reader?.catch(() => null))?.close();
    // Last, so that closing the last connection folds the write-ahead log into the file.
    await writer?.close();
    await removeTemporary();
  }

  async function tip(): Promise<IndexTip> {
    refuseClosed();
    // Not worth a thread: whoever asks, waits for the add before it anyway.
    return (writer ?? (await reading())).call('tip', []);
  }

  return {
    position: async () => (await tip()).position,
    tip,
    search: async (search) => (await reading()).call('search', [search]),
    count: async (filter, cap) => (await reading()).call('count', [filter, cap]),
    byId: async (id) => (await reading()).call('byId', [id]),
    byIdempotencyKeys: async (keys) => (await reading()).call('byIdempotencyKeys', [keys]),
    async add(batch) {
      const thread = writing();
      const owned = own(batch);
      return thread.call('add', [owned], transferable(owned));
    },
    async reset(from, only_at) {
      await writing().call('reset', [from, only_at]);
    },
    async truncate(keepFrom) {
      await writing().call('truncate', [keepFrom]);
    },
    async check() {
      refuseClosed();
      const checker = await IndexThread.open({ path, role: 'checker' }, here);
      checkers.add(checker);
      return {
        feed: async (batch) => {
          const owned = own(batch);
          return checker.call('feed', [owned], transferable(owned));
        },
        finish: async () => {
          const findings = await checker.call('finish', []);
          checkers.delete(checker);
          await checker.close();
          return findings;
        },
      };
    },
    close: () => (closing ??= close()),
  };
}

/** Copies a batch: stores may reuse its memory, and a thread needs its own. */
function own(batch: LineBatch): OwnedBatch {
  const ends = Uint32Array.from(batch.ends);
  // `new` rather than `slice`: on a Buffer, slice would share the memory, and transferring it would take it away.
  return {
    first_seq: batch.first_seq,
    bytes: new Uint8Array(batch.bytes.subarray(0, ends.at(-1) ?? 0)),
    ends,
  };
}

function transferable(batch: OwnedBatch): ArrayBuffer[] {
  return [batch.bytes.buffer as ArrayBuffer, batch.ends.buffer as ArrayBuffer];
}
