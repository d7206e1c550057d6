/**
 * Anchor: a table in a database of somebody else, whose rows are only ever added.
 *
 * Errors:  ANCHOR_CONFLICT, ANCHOR_DAMAGED, ANCHOR_UNAVAILABLE, CHECKPOINT_INVALID.
 */
import { IndelibleError } from '@indelible/core';
import type {
  Anchor,
  AnchoredCheckpoint,
  AnchorReceipt,
  CheckpointToAnchor,
  ReceiptVerdict,
} from '../contract.ts';
import { checkedText, checkpointOf, isHeld } from '../shared/checkpoint.ts';
import { checkpointFault, held, isTime, objectOf, refuted } from '../shared/receipt.ts';
import type { CheckpointTable } from './table.ts';

export interface DatabaseAnchorOptions {
  readonly name: string;
  readonly table: CheckpointTable;
  /** Milliseconds since 1970; default Date.now. */
  readonly clock?: () => number;
}

export function openDatabaseAnchor(options: DatabaseAnchorOptions): Anchor {
  return new DatabaseAnchor(options);
}

class DatabaseAnchor implements Anchor {
  readonly name: string;
  readonly kind = 'database';
  readonly #table: CheckpointTable;
  readonly #clock: () => number;

  constructor({ name, table, clock = Date.now }: DatabaseAnchorOptions) {
    this.name = name;
    this.#table = table;
    this.#clock = clock;
  }

  async publish(checkpoint: CheckpointToAnchor, signal: AbortSignal): Promise<AnchorReceipt> {
    checkedText(checkpoint);
    signal.throwIfAborted();
    const { origin, size, root, note } = checkpoint;
    const row = {
      checkpoint: { origin, size, root, note },
      anchored_at: new Date(this.#clock()).toISOString(),
    };
    const kept = await this.#table.add(row, (newest) => {
      signal.throwIfAborted();
      return !isHeld(this.name, newest, checkpoint);
    });
    return { anchored_at: kept.anchored_at, evidence: { table: 'indelible_anchors', origin, size } };
  }

  async newest(origin: string): Promise<AnchoredCheckpoint | null> {
    const row = await this.#table.newest(origin);
    return row === null ? null : this.#sound(row);
  }

  async *all(origin: string): AsyncGenerator<AnchoredCheckpoint> {
    for await (const row of this.#table.all(origin)) yield this.#sound(row);
  }

  async check({ evidence }: AnchorReceipt, checkpoint: CheckpointToAnchor): Promise<ReceiptVerdict> {
    const fault = checkpointFault(checkpoint);
    if (fault !== null) return fault;
    const { table, origin, size } = objectOf(evidence) ?? {};
    if (table !== 'indelible_anchors' || typeof origin !== 'string' || typeof size !== 'number') {
      return refuted('the receipt is none of a database');
    }
    if (origin !== checkpoint.origin || size !== checkpoint.size) {
      return refuted('the receipt is for another checkpoint');
    }
    const row = await this.#table.at(origin, size);
    if (row === null) return refuted(`${this.name} no longer holds what the receipt names`);
    if (this.#sound(row).checkpoint.root !== checkpoint.root) {
      return refuted(`${this.name} holds another root for ${size} records`);
    }
    return held(`${this.name} holds this checkpoint`, row.anchored_at);
  }

  close(): Promise<void> {
    return this.#table.close();
  }

  /** A row whose columns and note disagree was edited. */
  #sound(row: AnchoredCheckpoint): AnchoredCheckpoint {
    const { origin, size, root, note } = row.checkpoint;
    let said: CheckpointToAnchor | null = null;
    try {
      said = checkpointOf(note);
    } catch {
      // Told below: what matters is that the row is none of ours.
    }
    if (said?.origin !== origin || said.size !== size || said.root !== root || !isTime(row.anchored_at)) {
      throw new IndelibleError('ANCHOR_DAMAGED', `${this.name}: the row for ${size} records was altered`);
    }
    return row;
  }
}
