/**
 * The attachments inside a backup file: their parts stand between the last record and the line that seals the file.
 *
 * Errors:  BACKUP_INVALID for parts that do not fit; as a reader, those of the contract.
 */
import { webcrypto } from 'node:crypto';
import type { FileHandle } from 'node:fs/promises';
import { IndelibleError, LIMITS, parseJson } from '@indelible/core';
import type { AttachmentFinding, AttachmentReader } from '../attachments/contract.ts';
import { type AttachmentPart, parsePart } from '../attachments/part-lines.ts';
import { invalid } from './backup-format.ts';

interface Place {
  readonly start: number;
  end: number;
  readonly size: number;
  received: number;
}

const decoder = new TextDecoder();

export class BackupAttachments implements AttachmentReader {
  readonly url: string;
  readonly #file: FileHandle;
  readonly #places = new Map<string, Place>();
  #last: { readonly digest: string; readonly place: Place } | null = null;

  constructor(url: string, file: FileHandle) {
    this.url = url;
    this.#file = file;
  }

  get count(): number {
    return this.#places.size;
  }

  /** Notes a line of the file that holds a part; `offset` is where it begins. */
  note(line: Uint8Array, offset: number): void {
    const part = partIn(line);
    if (part.offset === 0) {
      this.mustBeWhole();
      if (this.#places.has(part.digest)) throw invalid(`it holds ${part.digest} twice`);
      if (part.size > LIMITS.attachment_bytes) throw invalid(`it holds an attachment of ${part.size} bytes`);
      const place = { start: offset, end: offset, size: part.size, received: 0 };
      this.#last = { digest: part.digest, place };
      this.#places.set(part.digest, place);
    }
    const last = this.#last;
    const follows =
      last?.digest === part.digest && last.place.received === part.offset && last.place.size === part.size;
    if (!follows) throw invalid('the parts of its attachments are out of order');
    last.place.received += part.bytes.length;
    last.place.end = offset + line.length;
  }

  /** Raises when the attachment noted last lacks parts. */
  mustBeWhole(): void {
    const place = this.#last?.place;
    if (place !== undefined && place.received !== place.size)
      throw invalid('an attachment in it is incomplete');
  }

  async has(digest: string): Promise<boolean> {
    return this.#places.has(digest);
  }

  async get(digest: string): Promise<Uint8Array> {
    const place = this.#places.get(digest);
    if (place === undefined) {
      throw new IndelibleError('ATTACHMENT_MISSING', `the backup holds no attachment ${digest}`, {
        details: { digest },
      });
    }
    const text = new Uint8Array(place.end - place.start);
    await this.#file.read(text, 0, text.length, place.start);
    const bytes = new Uint8Array(place.size);
    for (let start = 0; start < text.length; ) {
      const end = text.indexOf(0x0a, start) + 1 || text.length;
      const part = partIn(text.subarray(start, end));
      bytes.set(part.bytes, part.offset);
      start = end;
    }
    const hash = Buffer.from(await webcrypto.subtle.digest('SHA-256', bytes)).toString('hex');
    if (`sha-256:${hash}` === digest) return bytes;
    throw new IndelibleError('ATTACHMENT_ALTERED', `the backup holds other bytes as ${digest}`, {
      details: { digest },
    });
  }

  async *list(): AsyncGenerator<string> {
    yield* this.#places.keys();
  }

  async inspect(): Promise<AttachmentFinding[]> {
    return [];
  }

  /** The file is the backup's to close. */
  async close(): Promise<void> {}
}

function partIn(line: Uint8Array): AttachmentPart {
  const part = (() => {
    try {
      return parsePart(parseJson(decoder.decode(line)));
    } catch {
      // Whatever is wrong with the JSON, the line is no part.
      return null;
    }
  })();
  if (part === null || 'unavailable' in part) throw invalid('it has a line that is no part of an attachment');
  return part;
}
