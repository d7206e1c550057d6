/**
 * The reading side of a log that has an archive: the archive also has records that were truncated in the log since.
 *
 * Errors:  those of Proofs.
 */
import { isIndelibleError } from '@indelible/core';
import type { LogStore } from '../stores/contract.ts';
import { Proofs, type ProofsOptions } from './proofs.ts';

export class ArchivedProofs extends Proofs {
  readonly #archived: Proofs;

  constructor(options: ProofsOptions, archive: LogStore) {
    super(options);
    this.#archived = new Proofs({ ...options, store: archive });
  }

  override async bundle(index: number, width: number): Promise<Uint8Array> {
    try {
      return await super.bundle(index, width);
    } catch (error) {
      if (!isIndelibleError(error, 'TILE_MISSING')) throw error;
      return this.#archived.bundle(index, width);
    }
  }
}
