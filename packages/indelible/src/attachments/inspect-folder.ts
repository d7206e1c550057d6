/**
 * Looks at a folder of attachments: what in it is none? Reads no contents; those are checked by digest.
 */
import type { Dirent } from 'node:fs';
import { readdir } from 'node:fs/promises';
import { join, relative } from 'node:path';
import type { AttachmentFinding } from './contract.ts';
import { readFault, systemCode } from './faults.ts';

/** So many hex digits of an attachment's digest name the folder that it lies in. */
export const PREFIX = 2;
/** More are counted, not named. */
const FINDINGS_MAX = 20;

/** Findings, at most 20 and one that counts the rest. */
export async function inspectFolder(root: string): Promise<AttachmentFinding[]> {
  const findings: AttachmentFinding[] = [];
  let more = 0;
  const add = (path: string, what: string, damage: boolean): void => {
    const detail = `Attachment folder: ${relative(root, path)} ${what}`;
    if (findings.length < FINDINGS_MAX) findings.push({ detail, damage });
    else more++;
  };
  for await (const { path, entry, prefix } of entriesIn(root)) {
    const { name } = entry;
    if (name.endsWith('.partial') && entry.isFile()) add(path, 'is an unfinished file.', false);
    else if (name.endsWith('.altered')) add(path, 'was altered, and has been replaced.', true);
    else if (prefix === '' || !isName(name, 64) || !name.startsWith(prefix))
      add(path, 'does not belong here, and is not read.', false);
    else if (!entry.isFile()) add(path, 'is no regular file, and not read.', true);
  }
  if (more > 0) findings.push({ detail: `Attachment folder: ${more} more such files.`, damage: false });
  return findings;
}

/** True for so many lower-case hex digits. */
export function isName(name: string, length: number): boolean {
  return name.length === length && /^[0-9a-f]+$/.test(name);
}

interface Found {
  readonly path: string;
  readonly entry: Dirent;
  /** The hex digits that the folder around it is named by; empty in the root. */
  readonly prefix: string;
}

/** Everything but the folders that attachments lie in. */
async function* entriesIn(folder: string, prefix = ''): AsyncGenerator<Found> {
  for (const entry of await entriesOf(folder)) {
    const path = join(folder, entry.name);
    if (prefix === '' && entry.isDirectory() && isName(entry.name, PREFIX))
      yield* entriesIn(path, entry.name);
    else yield { path, entry, prefix };
  }
}

async function entriesOf(folder: string): Promise<Dirent[]> {
  return readdir(folder, { withFileTypes: true }).catch((error: unknown) => {
    if (systemCode(error) === 'ENOENT') return [];
    throw readFault(error, `list ${folder}`);
  });
}
