/**
 * Carries what records attach, each durable there before its record is.
 *
 * What lies there under an attachment's name is read: it may be something else, which `put` replaces.
 *
 * Errors:  ATTACHMENT_MISSING, ATTACHMENT_ALTERED for what is copied; those of both stores.
 */
import { IndelibleError } from '@indelible/core';
import type { AttachmentReader, AttachmentStore } from '../attachments/contract.ts';
import type { AttachmentUse } from '../ledger/attachment-uses.ts';
import { bytesOf } from '../ledger/data-of.ts';

/** Digests that are remembered as carried: many records may attach the same. */
const REMEMBERED_MAX = 4096;

export class AttachmentCarrier {
  readonly #from: AttachmentReader | null;
  readonly #to: AttachmentStore;
  readonly #carried = new Set<string>();
  #count = 0;

  constructor(from: AttachmentReader | null, to: AttachmentStore) {
    this.#from = from;
    this.#to = to;
  }

  /** How many were not there before. */
  get count(): number {
    return this.#count;
  }

  async carry(use: AttachmentUse): Promise<void> {
    if (this.#carried.has(use.digest)) return;
    if (!(await this.#isThere(use.digest))) {
      await this.#to.put(await bytesOf(this.#from, use));
      this.#count++;
    }
    if (this.#carried.size >= REMEMBERED_MAX) this.#carried.clear();
    this.#carried.add(use.digest);
  }

  async #isThere(digest: string): Promise<boolean> {
    if (!(await this.#to.has(digest))) return false;
    try {
      await this.#to.get(digest);
      return true;
    } catch (error) {
      if (error instanceof IndelibleError && error.code === 'ATTACHMENT_ALTERED') return false;
      throw error;
    }
  }
}
