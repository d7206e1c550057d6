/**
 * Where to go on: the tree as stored, if it is what the newest checkpoint says, else the tree built again from the log.
 *
 * Errors:  CHECKPOINT_FORK when the log is not what was signed; TREE_DAMAGED when it can neither be used nor rebuilt.
 */
import { IndelibleError, isIndelibleError, parseRecord, verifyInclusion } from '@indelible/core';
import { lineOf } from '../ledger/lines.ts';
import type { LedgerLog } from '../ledger/types.ts';
import type { LogStore } from '../stores/contract.ts';
import type { CheckpointHistory, PublishedCheckpoint, TreeStorage } from './contract.ts';
import { KeyChain } from './key-chain.ts';
import { leafOfLine, type WriteLeaf } from './leaf-hashes.ts';
import { lookForKeys } from './look-for-keys.ts';
import { storedInclusion } from './stored-tree.ts';
import { LogTree } from './tree.ts';

export interface StoredState {
  readonly store: LogStore;
  readonly storage: TreeStorage;
  readonly history: CheckpointHistory;
  readonly writeLeaf: WriteLeaf;
  readonly log: LedgerLog;
}

/** The tree and the keys to continue with: those of the newest checkpoint, or of the empty log. */
export async function resumeState(state: StoredState): Promise<{ tree: LogTree; keys: KeyChain }> {
  const { storage, history, writeLeaf } = state;
  const newest = await history.newestSigned();
  if (newest !== null) {
    await checkLength(state, newest);
    const tree = await resumeAt(state, newest);
    if (tree !== null) return { tree, keys: await knownKeys(state, newest.size) };
    await checkLog(state, newest);
    state.log.warn(
      { size: newest.size },
      'the stored tree was not the signed one; it is built again from the log',
    );
    // Until it is whole, its ends must not speak for what lies between.
    await history.noteTreeSynced(0);
  }
  return { tree: await LogTree.resume(storage, writeLeaf, 0), keys: new KeyChain() };
}

async function checkLength({ store }: StoredState, { size }: PublishedCheckpoint): Promise<void> {
  const records = ((await store.head())?.seq ?? -1) + 1;
  if (records >= size) return;
  throw new IndelibleError(
    'CHECKPOINT_FORK',
    `the log has ${records} records, but a checkpoint over ${size} was signed`,
    { details: { records, size } },
  );
}

/** The tree under the newest checkpoint. Null when neither the stored one nor what the log adds to it has the root. */
async function resumeAt(state: StoredState, newest: PublishedCheckpoint): Promise<LogTree | null> {
  const synced = await state.history.newestSynced();
  if (synced?.size === newest.size) return resumeSynced(state, newest);
  const tree =
    synced === null
      ? await LogTree.resume(state.storage, state.writeLeaf, 0)
      : await resumeSynced(state, synced);
  return tree !== null && (await growsInto(tree, state.store, newest)) ? tree : null;
}

/** Adds what the log has up to the checkpoint, and tells whether that gives its size and root. */
async function growsInto(
  tree: LogTree,
  store: LogStore,
  { size, root }: PublishedCheckpoint,
): Promise<boolean> {
  for await (const batch of store.read(tree.size, size)) {
    if (batch.first_seq !== tree.size) break;
    tree.add(batch, 0);
    await tree.flush();
  }
  return tree.size === size && tree.root() === root;
}

/** Null when the stored tree does not have the root, or the log's last signed record is not the tree's. */
async function resumeSynced(
  state: StoredState,
  { size, root }: PublishedCheckpoint,
): Promise<LogTree | null> {
  const { store, storage, writeLeaf } = state;
  try {
    const tree = await LogTree.resume(storage, writeLeaf, size);
    if (tree.root() !== root) return null;
    const [last] = await store.get([size - 1]);
    // Absent: truncated, or damaged, which is for the verifier to say.
    if (last === undefined) return tree;
    const leaf = leafOfLine(last.line, writeLeaf);
    const { proof } = await storedInclusion(storage, size - 1, size);
    return verifyInclusion({ leaf, index: size - 1, size, root, proof }).ok ? tree : null;
  } catch (error) {
    if (isIndelibleError(error, 'TREE_DAMAGED')) return null;
    throw error;
  }
}

/** Whether the log itself has the root that was signed: hashed once without keeping anything. */
async function checkLog({ store, writeLeaf }: StoredState, checkpoint: PublishedCheckpoint): Promise<void> {
  const { size, root } = checkpoint;
  const first_seq = await store.firstSeq();
  if (first_seq > 0) {
    throw new IndelibleError(
      'TREE_DAMAGED',
      `the stored tree is not the signed one of ${size} records, or the log is not; records below ${first_seq} were truncated, so that neither can be told`,
      { details: { size, first_seq } },
    );
  }
  const tree = await LogTree.resume(NOWHERE, writeLeaf, 0);
  if (await growsInto(tree, store, checkpoint)) return;
  throw new IndelibleError(
    'CHECKPOINT_FORK',
    `the first ${size} records are not those that were signed: their root is another`,
    { details: { size, root, log_root: tree.root(), records: tree.size } },
  );
}

const NOWHERE: TreeStorage = {
  width: async () => 0,
  read: async () => new Uint8Array(),
  write: async () => {},
  sync: async () => {},
  cut: async () => {},
  close: async () => {},
};

/** The keys stated before `size`. */
export async function knownKeys(
  { store, history }: Pick<StoredState, 'store' | 'history'>,
  size: number,
): Promise<KeyChain> {
  const keys = new KeyChain();
  const seqs = (await history.keyRecords()).filter((seq) => seq < size);
  for (const { seq, line } of await store.get(seqs)) {
    try {
      keys.apply(seq, parseRecord(lineOf(line)[1]));
    } catch {
      // Damaged: the verifier names it. What it said, it says no more.
    }
  }
  if (keys.active !== null) return keys;
  // The hints were lost, or lead nowhere.
  return searchKeys(store, size, (seq) => history.noteKeyRecord(seq));
}

async function searchKeys(
  store: LogStore,
  size: number,
  note: (seq: number) => Promise<void>,
): Promise<KeyChain> {
  const keys = new KeyChain();
  const found: number[] = [];
  for await (const batch of store.read(0, size)) lookForKeys(batch, 0, keys, (seq) => found.push(seq));
  for (const seq of found) await note(seq);
  return keys;
}
