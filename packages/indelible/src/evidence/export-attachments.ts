/**
 * Attachments in exports: each stands with the record that refers to it, so that whoever receives the file has all of it.
 *
 * In JSON Lines its parts stand directly before the record (attachments/part-lines.ts), in JSON beside it as base64. One
 * that is gone or altered is named in its place: an export must neither hide damage nor stop at it. An attachment of
 * several records is there several times; so reading needs memory for one at a time.
 */
import { type IndelibleError, isIndelibleError } from '@indelible/core';
import type { AttachmentReader } from '../attachments/contract.ts';
import { partLines, unavailableLine } from '../attachments/part-lines.ts';
import { type AttachmentUse, attachmentUse } from '../ledger/attachment-uses.ts';
import { bytesOf } from '../ledger/data-of.ts';
import type { ExportLine } from './export-lines.ts';

/** A stretch of lines without attachments, or one line with the attachment that it refers to. */
export type Stretch =
  | { readonly lines: readonly ExportLine[]; readonly use: null }
  | { readonly line: ExportLine; readonly use: AttachmentUse };

/** A page, cut at the records that refer to attachments. */
export function* stretches(page: readonly ExportLine[]): Generator<Stretch> {
  let from = 0;
  for (const [i, line] of page.entries()) {
    const use = attachmentUse(line.line);
    if (use === null) continue;
    if (i > from) yield { lines: page.slice(from, i), use: null };
    yield { line, use };
    from = i + 1;
  }
  if (page.length > from) yield { lines: page.slice(from), use: null };
}

/** The lines that stand before a record in JSON Lines. */
export async function* linesBefore(
  attachments: AttachmentReader | null,
  use: AttachmentUse,
): AsyncGenerator<Uint8Array> {
  const found = await find(attachments, use);
  if (typeof found === 'string') yield unavailableLine(use.digest, found);
  else yield* partLines(use.digest, found);
}

/** The member that stands behind a record in JSON. */
export async function memberBehind(
  attachments: AttachmentReader | null,
  use: AttachmentUse,
): Promise<string> {
  const found = await find(attachments, use);
  return typeof found === 'string'
    ? `,"attachment_unavailable":"${found}"`
    : `,"attachment":"${Buffer.from(found).toString('base64')}"`;
}

/** The bytes, or the code that says why there are none. */
async function find(attachments: AttachmentReader | null, use: AttachmentUse): Promise<Uint8Array | string> {
  try {
    return await bytesOf(attachments, use);
  } catch (error) {
    const is_damage =
      isIndelibleError(error, 'ATTACHMENT_MISSING') || isIndelibleError(error, 'ATTACHMENT_ALTERED');
    if (is_damage) return (error as IndelibleError).code;
    throw error;
  }
}
