/**
 * Checks what records refer to: is every attachment there, and the one that its record names?
 *
 * Several are read at once, bounded by their bytes; hashing them is the work of other threads.
 */
import { isIndelibleError } from '@indelible/core';
import type { AttachmentReader } from '../attachments/contract.ts';
import type { StoreFinding } from '../stores/contract.ts';
import type { AttachmentUse } from './attachment-uses.ts';
import { bytesOf } from './data-of.ts';
import type { Finding } from './types.ts';

const FINDINGS_MAX = 100;
const AT_ONCE = 8;
/** One alone may be larger. */
const BYTES_AT_ONCE = 64 << 20;

export interface AttachmentComparison {
  /** Distinct attachments that records refer to. */
  readonly checked: number;
  /** Attachments that no record refers to: harmless. */
  readonly unreferenced: number;
  /** At most 100, lowest seq first. */
  readonly findings: readonly Finding[];
  readonly findings_total: number;
  readonly notes: readonly StoreFinding[];
}

/** Compares references with the store of attachments: of the whole log (default), or those of some of its records. */
export async function compareAttachments(
  uses: readonly AttachmentUse[],
  attachments: AttachmentReader,
  { whole = true, signal }: { readonly whole?: boolean; readonly signal?: AbortSignal } = {},
): Promise<AttachmentComparison> {
  const findings = await checkAll(uses, attachments, signal);
  findings.sort((a, b) => a.seq - b.seq);
  const referenced = new Set(uses.map(({ digest }) => digest));
  let unreferenced = 0;
  if (whole) for await (const digest of attachments.list()) if (!referenced.has(digest)) unreferenced++;
  const notes = (await attachments.inspect()).map(
    ({ detail, damage }): StoreFinding => ({
      code: damage ? 'unexpected_file' : 'leftover_file',
      detail,
      damage,
    }),
  );
  if (unreferenced > 0) {
    const many = unreferenced === 1 ? '1 attachment belongs' : `${unreferenced} attachments belong`;
    notes.push({ code: 'leftover_file', detail: `${many} to no record: harmless.`, damage: false });
  }
  return {
    checked: uses.length,
    unreferenced,
    findings: findings.slice(0, FINDINGS_MAX),
    findings_total: findings.length,
    notes,
  };
}

async function checkAll(
  uses: readonly AttachmentUse[],
  attachments: AttachmentReader,
  signal: AbortSignal | undefined,
): Promise<Finding[]> {
  const findings: Finding[] = [];
  const running = new Set<Promise<void>>();
  let bytes = 0;
  try {
    for (const use of uses) {
      signal?.throwIfAborted();
      const full = (): boolean => running.size >= AT_ONCE || bytes + use.size > BYTES_AT_ONCE;
      while (running.size > 0 && full()) await Promise.race(running);
      bytes += use.size;
      const check: Promise<void> = checkOne(use, attachments)
        .then((finding) => {
          if (finding !== null) findings.push(finding);
        })
        .finally(() => {
          bytes -= use.size;
          running.delete(check);
        });
      running.add(check);
    }
    await Promise.all(running);
  } finally {
    await Promise.allSettled(running);
  }
  return findings;
}

async function checkOne(use: AttachmentUse, attachments: AttachmentReader): Promise<Finding | null> {
  try {
    await bytesOf(attachments, use);
    return null;
  } catch (error) {
    if (isIndelibleError(error, 'ATTACHMENT_MISSING'))
      return {
        damage: 'attachment_missing',
        seq: use.seq,
        detail: `the attachment ${use.digest} is not in ${attachments.url}`,
      };
    if (isIndelibleError(error, 'ATTACHMENT_ALTERED'))
      return { damage: 'attachment_altered', seq: use.seq, detail: error.message };
    throw error;
  }
}
