/**
 * Recording: each store as users have it, beside the limit of one thread, SQLite alone, naive designs and hypercore.
 */
import type { Params } from '../sample.ts';
import type { Case, Suite, Target, Turn } from '../suite.ts';

const CALLERS = 256;
const BULK_CALLERS = 2000;
/** Tree and checkpoints may cost so much at most. */
const SIGNED_SHARE_MIN = 0.85;
/** Designs that wait for the disk at each event get fewer events: each of theirs is a run of its own anyway. */
const NAIVE_SHARE = 15;

export function appendSuite(records: number): Suite {
  const few = Math.max(100, Math.round(records / NAIVE_SHARE));
  const ledger = (store: string, callers: number, more: Params = {}): Pick<Case, 'subject' | 'params'> => ({
    subject: 'ledger',
    params: () => ({ store, callers, records, ...more }),
  });
  // The batches that the ledger had in the same round.
  const raw = (like: string, indexes: string): Pick<Case, 'subject' | 'params'> => ({
    subject: 'raw-sqlite',
    params: (turn) => ({ indexes, records, batch_records: batchOf(turn, like) }),
  });
  const fixed =
    (params: Params): Case['params'] =>
    () =>
      params;
  return {
    what: 'append',
    title: 'Recording: events per second, each acknowledged once it is durable',
    prepare: [],
    cases: [
      {
        id: 'encoder',
        title: 'our encoder in the same loop',
        subject: 'encoder-loop',
        params: fixed({ records }),
      },
      { id: 'memory', title: 'memory store, 256 callers', ...ledger('memory', CALLERS) },
      // Side by side: how fast the machine is changes within minutes.
      {
        id: 'limit',
        title: 'limit loop: canonical JSON, hash, buffer; no disk',
        subject: 'limit-loop',
        params: fixed({ records }),
      },
      { id: 'file', title: 'file store, 256 callers', ...ledger('file', CALLERS) },
      {
        id: 'file/keyed',
        title: 'file store, keyed, 256 callers',
        ...ledger('file', CALLERS, { keyed: true }),
      },
      {
        id: 'file/signed',
        title: 'file store, tree and checkpoints',
        ...ledger('file', CALLERS, { signed: true }),
      },
      { id: 'sqlite', title: 'SQLite store, 256 callers', ...ledger('sqlite', CALLERS) },
      {
        id: 'sqlite/signed',
        title: 'SQLite store, tree and checkpoints',
        ...ledger('sqlite', CALLERS, { signed: true }),
      },
      {
        id: 'sqlite/raw-same',
        title: 'SQLite alone, the indexes we have, same batches',
        ...raw('sqlite', 'same'),
      },
      { id: 'sqlite/raw-two', title: 'SQLite alone, two indexes, same batches', ...raw('sqlite', 'two') },
      { id: 'sqlite/raw-none', title: 'SQLite alone, no index, same batches', ...raw('sqlite', 'none') },
      { id: 'memory/bulk', title: 'memory store, 2,000 callers', ...ledger('memory', BULK_CALLERS) },
      { id: 'file/bulk', title: 'file store, 2,000 callers', ...ledger('file', BULK_CALLERS) },
      { id: 'sqlite/bulk', title: 'SQLite store, 2,000 callers', ...ledger('sqlite', BULK_CALLERS) },
      {
        id: 'sqlite/bulk/raw-same',
        title: 'SQLite alone, the indexes we have, batches of bulk',
        ...raw('sqlite/bulk', 'same'),
      },
      {
        id: 'sqlite/bulk/raw-none',
        title: 'SQLite alone, no index, batches of bulk',
        ...raw('sqlite/bulk', 'none'),
      },
      {
        id: 'naive/file',
        title: 'naive: hash chain, one fdatasync per event',
        subject: 'naive-file',
        params: fixed({ records: few }),
      },
      {
        id: 'naive/sqlite',
        title: 'naive: SQLite, one row per commit, two indexes',
        subject: 'naive-sqlite',
        params: fixed({ records: few }),
      },
      {
        id: 'hypercore/batches',
        title: 'hypercore 11.37.1, batches of 1,000; no fsync',
        subject: 'hypercore',
        params: fixed({ records, batch_records: 1000 }),
        peer: true,
      },
      {
        id: 'hypercore/single',
        title: 'hypercore 11.37.1, one by one; no fsync',
        subject: 'hypercore',
        params: fixed({ records: few, batch_records: 1 }),
        peer: true,
      },
    ],
    columns: [
      { measure: 'records_per_s', heading: 'events/s', show: 'count' },
      { measure: 'batch_records', heading: 'batch', show: 'decimal' },
      { measure: 'p50_ms', heading: 'p50', show: 'ms' },
      { measure: 'p99_ms', heading: 'p99', show: 'ms' },
      { measure: 'indexed_per_s', heading: 'searchable/s', show: 'count' },
      { measure: 'record_bytes', heading: 'bytes', show: 'count' },
      { measure: 'peak_rss_bytes', heading: 'peak RSS', show: 'megabytes' },
    ],
    targets: [
      ratio('file', 'limit', { at_least: 0.6, aim: 0.8 }),
      ratio('file/keyed', 'limit', {}),
      ratio('file/signed', 'file', { at_least: SIGNED_SHARE_MIN }),
      ratio('sqlite/signed', 'sqlite', { at_least: SIGNED_SHARE_MIN }),
      ratio('file/bulk', 'limit', {}),
      ratio('file', 'encoder', {}),
      ratio('sqlite', 'sqlite/raw-same', { at_least: 0.7, aim: 1 }),
      ratio('sqlite', 'sqlite/raw-two', {}),
      ratio('sqlite', 'sqlite/raw-none', {}),
      ratio('sqlite/bulk', 'sqlite/bulk/raw-same', {}),
      ratio('sqlite/bulk', 'sqlite/bulk/raw-none', {}),
      ratio('file', 'naive/file', { at_least: 10 }),
      ratio('sqlite', 'naive/file', { at_least: 10 }),
      ratio('sqlite', 'naive/sqlite', {}),
      ratio('file', 'hypercore/batches', {}),
      ratio('sqlite', 'hypercore/batches', {}),
      // Batches of 1,000 on both sides.
      ratio('file/bulk', 'hypercore/batches', { at_least: 1 }),
      ratio('sqlite/bulk', 'hypercore/batches', { at_least: 1 }),
      ratio('file', 'hypercore/single', {}),
    ],
  };
}

function ratio(of: string, to: string, bounds: Pick<Target, 'at_least' | 'aim'>): Target {
  const measure = 'records_per_s';
  return {
    title: `${of} to ${to}`,
    of: { case: of, measure },
    to: { case: to, measure },
    show: 'decimal',
    ...bounds,
  };
}

function batchOf({ earlier }: Turn, id: string): number {
  // Left out by --only: what 256 callers usually make.
  return earlier.get(id)?.batch_records ?? 32;
}
