/**
 * Which records refer to attachments, found in whole batches of lines without parsing the others.
 *
 * A member name in quotes cannot stand inside a JSON string, where quotes are escaped; so the search is exact but for
 * members of the same name deeper inside, which parsing the few candidates rules out.
 */
import { type Attachment, isLine, lineBody } from '@indelible/core';
import type { LineBatch } from '../stores/contract.ts';

/** One attachment as records refer to it. */
export interface AttachmentUse extends Attachment {
  /** The first record that refers to it. */
  readonly seq: number;
}

// Canonical JSON sorts the members: of the record, `action` and `actor` come first; of the attachment, the digest.
const MARK = Buffer.from(',"attachment":{"digest":"sha-256:');
const decoder = new TextDecoder();

/** The references in a batch, in the order of its records. */
export function attachmentUses(batch: LineBatch): AttachmentUse[] {
  const bytes = Buffer.from(batch.bytes.buffer, batch.bytes.byteOffset, batch.bytes.length);
  const uses: AttachmentUse[] = [];
  let line = 0;
  for (let at = bytes.indexOf(MARK); at >= 0; at = bytes.indexOf(MARK, at)) {
    while (batch.ends[line]! <= at) line++;
    const end = batch.ends[line]!;
    const use = useIn(batch.bytes, line === 0 ? 0 : batch.ends[line - 1]!, end);
    if (use !== null) uses.push(use);
    at = end;
  }
  return uses;
}

/** False for bytes of lines that surely refer to no attachment. */
export function mayReferToAttachments(bytes: Uint8Array): boolean {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).includes(MARK);
}

/** The reference of a single line, or null. */
export function attachmentUse(line: Uint8Array): AttachmentUse | null {
  return attachmentUses({ first_seq: 0, bytes: line, ends: [line.length] })[0] ?? null;
}

function useIn(bytes: Uint8Array, start: number, end: number): AttachmentUse | null {
  if (!isLine(bytes, start, end)) return null;
  try {
    const { seq, attachment } = JSON.parse(
      decoder.decode(lineBody(bytes, start, end)),
    ) as Partial<AttachmentUse> & {
      attachment?: Partial<Attachment>;
    };
    const { digest, media_type, size } = attachment ?? {};
    if (typeof digest !== 'string' || !/^sha-256:[0-9a-f]{64}$/.test(digest)) return null;
    if (typeof seq !== 'number' || typeof size !== 'number' || typeof media_type !== 'string') return null;
    return { seq, digest, media_type, size };
  } catch {
    // What is no JSON is for the verifier of the chain to name.
    return null;
  }
}

/** Distinct attachments of any number of records. Memory grows with the attachments, some 200 bytes for each. */
export class AttachmentUses {
  readonly #uses = new Map<string, AttachmentUse>();

  add(uses: Iterable<AttachmentUse>): void {
    for (const use of uses) {
      // Two records that state different sizes cannot both be right.
      const key = `${use.digest} ${use.size}`;
      const known = this.#uses.get(key);
      if (known === undefined || known.seq > use.seq) this.#uses.set(key, use);
    }
  }

  list(): AttachmentUse[] {
    return [...this.#uses.values()];
  }
}
