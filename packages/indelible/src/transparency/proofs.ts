/**
 * The reading side: tiles, bundles and proofs under published checkpoints, from what is stored.
 *
 * Errors:  TILE_MISSING, PROOF_RANGE, CHECKPOINT_MISSING for what no checkpoint covers; TREE_DAMAGED for a proof that
 *          would not verify: none is given out that was not checked.
 */
import {
  encodeBundle,
  formatProof,
  IndelibleError,
  parseNote,
  TILE_WIDTH,
  type Tile,
  tilePath,
  verifyConsistency,
  verifyInclusion,
  widthAt,
} from '@indelible/core';
import { forEachLine } from '../ledger/lines.ts';
import type { LogStore } from '../stores/contract.ts';
import type { CheckpointHistory, PublishedCheckpoint, TransparencyReader, TreeStorage } from './contract.ts';
import { storedConsistencyWithRoots, storedInclusion, storedRoot, storedTile } from './stored-tree.ts';

export interface ProofsOptions {
  readonly origin: string;
  readonly store: LogStore;
  readonly storage: TreeStorage;
  readonly history: CheckpointHistory;
  readonly verifierKeys: () => readonly string[];
}

export class Proofs implements TransparencyReader {
  readonly origin: string;
  readonly #options: ProofsOptions;

  constructor(options: ProofsOptions) {
    this.origin = options.origin;
    this.#options = options;
  }

  get verifier_keys(): readonly string[] {
    return this.#options.verifierKeys();
  }

  latest(): Promise<PublishedCheckpoint | null> {
    return this.#options.history.newest();
  }

  async covering(seq: number): Promise<PublishedCheckpoint | null> {
    checkPosition(seq);
    return this.#options.history.atLeast(seq + 1);
  }

  async *history(from_size = 1): AsyncGenerator<PublishedCheckpoint> {
    let next = await this.#options.history.atLeast(from_size);
    while (next !== null) {
      yield next;
      next = await this.#options.history.atLeast(next.size + 1);
    }
  }

  async tile(tile: Tile & { readonly level: number }): Promise<Uint8Array> {
    await this.#checkCovered(tile);
    return storedTile(this.#options.storage, tile);
  }

  async bundle(index: number, width: number): Promise<Uint8Array> {
    const tile: Tile = { level: 'entries', index, width };
    await this.#checkCovered(tile);
    const { store } = this.#options;
    const from = index * TILE_WIDTH;
    const entries: Uint8Array[] = [];
    for await (const batch of store.read(from, from + width)) {
      if (batch.first_seq !== from + entries.length) break;
      forEachLine(batch, ({ body }) => entries.push(body.slice()));
    }
    if (entries.length === width) return encodeBundle(entries);
    const first_seq = await store.firstSeq();
    if (first_seq > from) {
      throw new IndelibleError(
        'TILE_MISSING',
        `records below ${first_seq} were truncated, as the log records: only their hashes are left`,
        { details: { first_seq } },
      );
    }
    throw new IndelibleError('LEDGER_DAMAGED', `${tilePath(tile)} has ${entries.length} of ${width} records`);
  }

  async root(size: number): Promise<string> {
    await this.#checkSize(size);
    return (await this.#signedRoot(size)) ?? storedRoot(this.#options.storage, size);
  }

  async inclusionProof(seq: number, size: number): Promise<string[]> {
    await this.#checkSize(size);
    const [stored, signed] = await Promise.all([
      storedInclusion(this.#options.storage, seq, size),
      this.#signedRoot(size),
    ]);
    const { leaf, proof } = stored;
    const root = signed ?? stored.root;
    if (!verifyInclusion({ leaf, index: seq, size, root, proof }).ok) throw damaged(size);
    return proof;
  }

  async consistencyProof(from: number, to: number): Promise<string[]> {
    await this.#checkSize(to);
    const [stored, from_signed, to_signed] = await Promise.all([
      storedConsistencyWithRoots(this.#options.storage, from, to),
      this.#signedRoot(from),
      this.#signedRoot(to),
    ]);
    const from_root = from_signed ?? stored.from_root;
    const to_root = to_signed ?? stored.to_root;
    if (!verifyConsistency({ from, to, from_root, to_root, proof: stored.proof }).ok) throw damaged(to);
    return stored.proof;
  }

  async proofFile(seq: number): Promise<string> {
    const checkpoint = await this.covering(seq);
    if (checkpoint === null) {
      throw new IndelibleError('CHECKPOINT_MISSING', `no checkpoint covers record ${seq} yet`, {
        details: { seq },
      });
    }
    const { size, root, note } = checkpoint;
    const { leaf, proof } = await storedInclusion(this.#options.storage, seq, size);
    if (!verifyInclusion({ leaf, index: seq, size, root, proof }).ok) throw damaged(size);
    return formatProof({ extra: null, index: seq, proof, note: parseNote(note) });
  }

  async #signedRoot(size: number): Promise<string | null> {
    const checkpoint = await this.#options.history.atLeast(size);
    return checkpoint?.size === size ? checkpoint.root : null;
  }

  async #checkCovered(tile: Tile): Promise<void> {
    // Refuses what is no tile before anything is looked up.
    const path = tilePath(tile);
    const size = (await this.latest())?.size ?? 0;
    if (tile.width <= widthAt(tile.level, tile.index, size)) return;
    throw new IndelibleError('TILE_MISSING', `no checkpoint covers ${path} yet`, { details: { size } });
  }

  async #checkSize(size: number): Promise<void> {
    checkPosition(size);
    const published = (await this.latest())?.size ?? 0;
    if (size <= published) return;
    throw new IndelibleError('PROOF_RANGE', `the newest checkpoint has ${published} records, not ${size}`, {
      details: { size: published },
    });
  }
}

function checkPosition(value: number): void {
  if (Number.isSafeInteger(value) && value >= 0) return;
  throw new IndelibleError('PROOF_RANGE', 'records and sizes are whole numbers below 2^53');
}

function damaged(size: number): IndelibleError {
  return new IndelibleError(
    'TREE_DAMAGED',
    `the stored tree does not lead to the signed root of ${size} records`,
  );
}
