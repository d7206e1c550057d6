/**
 * Putting a state where a store keeps it, as somebody does who may write there: past the store, its triggers and its
 * checks.
 */
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { openStoredProofs } from '../../../packages/indelible/src/compose/verification.ts';
import { openStore, treeFolder } from '../../../packages/indelible/src/compose.ts';
import type { LogStore } from '../../../packages/indelible/src/stores/contract.ts';
import { openMemoryStore } from '../../../packages/indelible/src/stores/memory.ts';
import { openCheckpointHistory } from '../../../packages/indelible/src/transparency/checkpoint-history.ts';
import type { StoredProofs } from '../../../packages/indelible/src/verification/types.ts';
import type { SealedLine } from '../../support/chain.ts';
import { type State, textOf } from './world.ts';

export const STORES = ['memory', 'file', 'sqlite'] as const;
export type StoreKind = (typeof STORES)[number];

export interface Opened {
  readonly store: LogStore;
  readonly stored: StoredProofs | null;
  close(): Promise<void>;
}

export interface Templates {
  readonly folder: string;
  /** An empty history of checkpoints, to be copied. */
  readonly history: string;
  /** One database for all states, open all the time, in this thread. */
  readonly database: { readonly path: string; readonly store: LogStore };
}

export async function makeTemplates(folder: string): Promise<Templates> {
  const path = join(folder, 'ledger.db');
  await (await openStore(`sqlite:${path}`)).close();
  const history = join(folder, 'history.db');
  await openCheckpointHistory(history).close();
  return {
    folder,
    history,
    database: { path, store: await openStore(`sqlite:${path}`, { read_only: true, threads: 'none' }) },
  };
}

/** The state in a store of this kind, opened as a verifier opens it. */
export async function place(kind: StoreKind, state: State, templates: Templates): Promise<Opened> {
  if (kind === 'memory') return inMemory(state);
  if (kind === 'file') {
    const folder = mkdtempSync(join(templates.folder, 'file-'));
    const url = `file:${folder}`;
    writeSegment(folder, state.lines);
    writeTree(treeFolder(url)!, state, templates);
    const store = await openStore(url, { read_only: true });
    return { store, stored: await openStoredProofs(url), close: () => store.close() };
  }
  const { path, store } = templates.database;
  const url = `sqlite:${path}`;
  writeTable(path, state.lines);
  rmSync(treeFolder(url)!, { recursive: true, force: true });
  writeTree(treeFolder(url)!, state, templates);
  return { store, stored: await openStoredProofs(url), close: async () => {} };
}

export async function inMemory({ lines, notes, levels }: State): Promise<Opened> {
  const store = openMemoryStore();
  const bytes = new TextEncoder().encode(textOf(lines));
  let end = 0;
  const ends = lines.map((line) => (end += Buffer.byteLength(textOf([line]))));
  await store.append({ first_seq: lines[0]!.seq, bytes, ends }, null);
  const tree = {
    width: async (level: number) => (levels[level]?.length ?? 0) / 32,
    read: async (level: number, from: number, count: number) =>
      new Uint8Array(levels[level]?.subarray(from * 32, (from + count) * 32) ?? []),
  };
  const stored: StoredProofs = {
    tree,
    async *checkpoints() {
      yield* notes;
    },
    close: async () => {},
  };
  return { store, stored, close: () => store.close() };
}

function writeSegment(folder: string, lines: readonly SealedLine[]): void {
  mkdirSync(join(folder, 'segments'), { recursive: true });
  const name = `${String(lines[0]!.seq).padStart(20, '0')}.jsonl`;
  writeFileSync(join(folder, 'segments', name), textOf(lines));
}

/** Rows keep the numbers of their records where that is possible: what is deleted leaves a gap. */
function writeTable(path: string, lines: readonly SealedLine[]): void {
  const db = new DatabaseSync(path);
  db.exec('PRAGMA synchronous = OFF');
  const triggers = db.prepare("SELECT name, sql FROM sqlite_schema WHERE type = 'trigger'").all();
  db.exec('BEGIN');
  for (const { name } of triggers) db.exec(`DROP TRIGGER ${name}`);
  db.exec('DELETE FROM records');
  const insert = db.prepare('INSERT INTO records (seq, hash, body) VALUES (?, ?, ?)');
  let row = -1;
  for (const { seq, hash, body } of lines) {
    row = Math.max(row + 1, seq);
    insert.run(row, hash, body);
  }
  for (const { sql } of triggers) db.exec(String(sql));
  db.exec('COMMIT');
  db.close();
}

export function writeTree(folder: string, { notes, levels }: State, { history }: Templates): void {
  mkdirSync(folder, { recursive: true });
  for (const [level, hashes] of levels.entries()) writeFileSync(join(folder, `level-${level}`), hashes);
  cpSync(history, join(folder, 'checkpoints.db'));
  const db = new DatabaseSync(join(folder, 'checkpoints.db'));
  // Nothing here has to outlast a crash.
  db.exec('PRAGMA synchronous = OFF');
  const insert = db.prepare(
    'INSERT INTO checkpoints (size, root, note, signed_at, published) VALUES (?, ?, ?, 0, 1)',
  );
  db.exec('BEGIN');
  for (const { size, root, note } of notes) insert.run(size, root, note);
  db.exec('COMMIT');
  db.close();
}
