/** Ledgers with attachments in every kind of place, and what tests do with them. */
import { createHash } from 'node:crypto';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openAttachments, openStore } from '../../packages/indelible/src/compose.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';

/** 70 kB of data: more than any record holds. */
export function large(text = 'x'): { text: string } {
  return { text: text.repeat(Math.ceil(70_000 / text.length)) };
}

export function digestOf(text: string): string {
  return `sha-256:${createHash('sha256').update(text).digest('hex')}`;
}

export async function newFolder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'indelible-attached-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

/** A ledger at a URL without an index: starting its thread takes longer than most tests. */
export async function openPlain(url: string): Promise<Ledger> {
  return Ledger.open({ store: await openStore(url), attachments: openAttachments(url) });
}

/** Verifies what lies at a URL, as the command line does. */
export async function verifyAt(url: string, workers?: number): Promise<VerifyReport> {
  const store = await openStore(url, { read_only: true });
  const attachments = openAttachments(url, { read_only: true });
  try {
    return await verifyLog({ store, attachments, ...(workers === undefined ? {} : { workers }) });
  } finally {
    await attachments.close();
    await store.close();
  }
}

/** Paths of all files below a folder whose names are 64 hex digits. */
export async function attachmentFiles(folder: string): Promise<string[]> {
  const names = await readdir(folder, { recursive: true });
  return names.filter((name) => /(^|\/)[0-9a-f]{64}$/.test(name)).map((name) => join(folder, name));
}
