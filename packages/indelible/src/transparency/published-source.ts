/**
 * What was published of a log, as it is read to be copied: where nothing else is left of its tree and checkpoints.
 *
 * When a checkpoint was signed is not published: it is given the time of the last record that it covers.
 *
 * Errors:  CHECKPOINT_FORK for two of one size with different roots; those of the place and of the log.
 */
import { parseRecord } from '@indelible/core';
import { lineOf } from '../ledger/lines.ts';
import type { LogStore } from '../stores/contract.ts';
import { openCheckpointHistory } from './checkpoint-history.ts';
import type { CheckpointHistory, PublishedCheckpoint, TreeStorage } from './contract.ts';
import { openPublishedProofs, type PublishedFiles, type PublishedProofs } from './published-proofs.ts';

const CHECKPOINTS_AT_ONCE = 256;

type SourceHistory = Pick<
  CheckpointHistory,
  'newest' | 'newestSigned' | 'atLeast' | 'keyRecords' | 'withheld'
>;

export class PublishedSource {
  readonly tree: Pick<TreeStorage, 'width' | 'read'>;
  /** What is published while it is open, `newest` finds. */
  readonly history: SourceHistory;
  readonly #files: PublishedFiles;
  readonly #log: LogStore;
  readonly #read = openCheckpointHistory(':memory:');
  /** Records under the newest checkpoint that was read. */
  #size = 0;
  #proofs: PublishedProofs;

  /** `proofs` is what the files show now; `log` has the records; `kept` is an earlier state that is kept elsewhere. */
  static async open(
    files: PublishedFiles,
    proofs: PublishedProofs,
    log: LogStore,
    kept: SourceHistory | null,
  ): Promise<PublishedSource> {
    const source = new PublishedSource(files, log, proofs);
    if (kept !== null) await source.#add(kept);
    await source.#take(proofs);
    return source;
  }

  private constructor(files: PublishedFiles, log: LogStore, proofs: PublishedProofs) {
    this.#files = files;
    this.#log = log;
    this.#proofs = proofs;
    this.tree = {
      width: (level) => this.#proofs.tree.width(level),
      read: (level, from, count) => this.#proofs.tree.read(level, from, count),
    };
    const read = this.#read;
    this.history = {
      newest: async () => {
        await this.#look();
        return read.newest();
      },
      newestSigned: () => read.newestSigned(),
      atLeast: (size) => read.atLeast(size),
      keyRecords: () => read.keyRecords(),
      withheld: () => read.withheld(),
    };
  }

  async close(): Promise<void> {
    await this.#read.close();
  }

  async #add(kept: SourceHistory): Promise<void> {
    for (let next = await kept.atLeast(1); next !== null; next = await kept.atLeast(next.size + 1))
      await this.#read.addEarlier([{ checkpoint: next, published: true }]);
    await this.#read.setWithheld(await kept.withheld());
  }

  /** Reads what was published since. */
  async #look(): Promise<void> {
    const proofs = await openPublishedProofs(this.#files);
    if (proofs !== null) await this.#take(proofs);
  }

  async #take(proofs: PublishedProofs): Promise<void> {
    const size = await proofs.tree.width(0);
    if (size <= this.#size) return;
    let group: Omit<PublishedCheckpoint, 'signed_at'>[] = [];
    for await (const checkpoint of proofs.checkpoints(this.#size)) {
      // Its tiles may be on their way.
      if (checkpoint.size > size) break;
      group.push(checkpoint);
      if (group.length < CHECKPOINTS_AT_ONCE) continue;
      await this.#keep(group);
      group = [];
    }
    await this.#keep(group);
    [this.#proofs, this.#size] = [proofs, size];
  }

  async #keep(checkpoints: readonly Omit<PublishedCheckpoint, 'signed_at'>[]): Promise<void> {
    const lines = await this.#log.get(checkpoints.map(({ size }) => size - 1));
    const times = new Map(
      lines.map(({ seq, line }) => [seq + 1, Date.parse(parseRecord(lineOf(line)[1]).recorded_at)]),
    );
    await this.#read.addEarlier(
      checkpoints.map((checkpoint) => ({
        checkpoint: { ...checkpoint, signed_at: times.get(checkpoint.size) ?? 0 },
        published: true,
      })),
    );
  }
}
