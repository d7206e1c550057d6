/**
 * The data of a record, wherever it lies.
 *
 * Errors:  ATTACHMENT_MISSING, ATTACHMENT_ALTERED; those of the store of attachments.
 */
import {
  type Attachment,
  IndelibleError,
  type Json,
  type LedgerRecord,
  parseCanonical,
} from '@indelible/core';
import type { AttachmentReader } from '../attachments/contract.ts';

/** `record.data`, or the JSON of its attachment; undefined when the record has neither. */
export async function dataOf(
  attachments: AttachmentReader | null,
  record: LedgerRecord,
): Promise<Json | undefined> {
  const { attachment } = record;
  if (attachment === undefined) return record.data;
  if (attachment.media_type !== 'application/json') {
    throw new IndelibleError(
      'UNSUPPORTED_MEDIA_TYPE',
      `the attachment of record ${record.seq} is ${attachment.media_type}, not JSON`,
    );
  }
  return parseCanonical(await bytesOf(attachments, attachment));
}

/** The bytes of an attachment, checked against its digest and its size. */
export async function bytesOf(
  attachments: AttachmentReader | null,
  { digest, size }: Attachment,
): Promise<Uint8Array> {
  if (attachments === null) {
    throw new IndelibleError('ATTACHMENT_MISSING', `this ledger was opened without its attachments`, {
      details: { digest },
    });
  }
  const bytes = await attachments.get(digest);
  if (bytes.length === size) return bytes;
  throw new IndelibleError(
    'ATTACHMENT_ALTERED',
    `${digest} has ${bytes.length} bytes, its record says ${size}`,
    {
      details: { digest },
    },
  );
}
