/**
 * Puts the parts of an attachment together again, as they stand in our own exports before the record they belong to.
 *
 * One attachment at a time is in memory, bounded by what a record may refer to. It counts only when every part was there,
 * in order, and the whole has the digest that names it.
 *
 * Errors:  IMPORT_SOURCE for parts that do not fit.
 * Pure:    no I/O.
 */
import { type Attachment, IndelibleError, type Json, LIMITS, sha256Hex } from '@indelible/core';
import { parsePart } from '../attachments/part-lines.ts';

interface Held {
  readonly digest: string;
  readonly bytes: Uint8Array;
  received: number;
}

export class AttachmentParts {
  #held: Held | null = null;

  /** Takes one line's value. Returns what an importer should remark on, or null. */
  add(value: Json): string | null {
    const part = parsePart(value);
    if (part === null) throw this.#refused('is no part of an attachment as our exports write them');
    if ('unavailable' in part) {
      this.#held = null;
      return `the attachment ${part.digest} was not in the export (${part.unavailable})`;
    }
    const { digest, bytes, offset, size } = part;
    if (offset === 0) {
      if (size > LIMITS.attachment_bytes) throw this.#refused(`belongs to an attachment of ${size} bytes`);
      this.#held = { digest, bytes: new Uint8Array(size), received: 0 };
    }
    const held = this.#held;
    if (held === null || held.digest !== digest || held.received !== offset || held.bytes.length !== size)
      throw this.#refused('does not continue the part before it');
    held.bytes.set(bytes, offset);
    held.received += bytes.length;
    if (held.received === size && `sha-256:${sha256Hex(held.bytes)}` !== digest)
      throw this.#refused(`completes ${digest}, but the bytes have another digest: they were altered`);
    return null;
  }

  /** The bytes of the attachment that came last, if it is this one and whole. */
  take({ digest, size }: Attachment): Uint8Array | null {
    const held = this.#held;
    this.#held = null;
    const is_it =
      held !== null && held.digest === digest && held.received === size && held.bytes.length === size;
    return is_it ? held.bytes : null;
  }

  #refused(why: string): IndelibleError {
    this.#held = null;
    return new IndelibleError('IMPORT_SOURCE', `the line ${why}`);
  }
}
