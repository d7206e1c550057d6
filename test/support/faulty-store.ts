/** A store that fails on command, both ways: the write was lost, or it landed and the answer was lost. */
import { IndelibleError } from '@indelible/core';
import type { Head, LineBatch, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

export type Fault = 'lost' | 'landed';

export interface FaultyStore extends LogStore {
  /** Faults of the next appends, first one first. */
  readonly faults: (Fault | null)[];
  /** While true, the head cannot be read either. */
  head_fails: boolean;
  /** Resolves each append only when called. */
  hold(): () => void;
  appends: number;
}

/** `appends_in_flight` as in the contract. */
export async function openFaultyStore(appends_in_flight = 1): Promise<FaultyStore> {
  const inner = await openMemoryStore();
  let gate: Promise<void> | null = null;
  const store = Object.create(inner) as FaultyStore;
  const own: Partial<FaultyStore> = {
    faults: [],
    head_fails: false,
    appends: 0,
    url: inner.url,
    appends_in_flight,
    read_only: false,
    hold() {
      let open = () => {};
      gate = new Promise((resolve) => {
        open = () => {
          gate = null;
          resolve();
        };
      });
      return open;
    },
    async append(batch: LineBatch, expected: Head | null) {
      await gate;
      store.appends++;
      const fault = store.faults.shift() ?? null;
      if (fault !== null && fault !== 'landed')
        throw new IndelibleError('STORE_UNAVAILABLE', 'injected fault');
      await inner.append(batch, expected);
      if (fault === 'landed') throw new IndelibleError('STORE_UNAVAILABLE', 'injected fault');
    },
    async head() {
      if (store.head_fails) throw new IndelibleError('STORE_UNAVAILABLE', 'injected fault of head');
      return inner.head();
    },
    read: (from, to) => inner.read(from, to),
    get: (seqs) => inner.get(seqs),
    firstSeq: () => inner.firstSeq(),
    waitForAppend: (seq, signal) => inner.waitForAppend(seq, signal),
    inspect: () => inner.inspect(),
    close: () => inner.close(),
  };
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(store, name, { value, writable: true, enumerable: true });
  }
  return store;
}
