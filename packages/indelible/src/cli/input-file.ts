/**
 * Small files that commands take: proofs, records, policies, lists of keys.
 *
 * Errors:  INPUT_UNREADABLE, also for a file above its limit.
 */
import { createReadStream } from 'node:fs';
import {
  formatVerifierKey,
  IndelibleError,
  POLICY_BYTES_MAX,
  type Policy,
  parsePolicy,
  parseVerifierKey,
} from '@indelible/core';

const KEYS_BYTES_MAX = 256 * 1024;
/** `name+id+key`: what does not look like it is a file. */
const VERIFIER_KEY = /^[^+\s]+\+[0-9a-f]{8}\+/;

/** The bytes of a file; `-` is standard input. */
export async function readInput(path: string, bytes_max: number): Promise<Buffer> {
  const stream = path === '-' ? process.stdin : createReadStream(path);
  const pieces: Buffer[] = [];
  let length = 0;
  try {
    for await (const piece of stream) {
      length += (piece as Buffer).length;
      if (length > bytes_max) throw unreadable(path, `has more than ${bytes_max} bytes`);
      pieces.push(piece as Buffer);
    }
  } catch (error) {
    if (error instanceof IndelibleError) throw error;
    throw unreadable(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
  return Buffer.concat(pieces);
}

/** A policy file (c2sp.org/tlog-policy); null for no path. */
export async function readPolicy(path: string | undefined): Promise<Policy | null> {
  return path === undefined ? null : parsePolicy(await readInput(path, POLICY_BYTES_MAX));
}

/** Verifier keys as given: each one itself, or a file with one a line, like the `log.vkey` of an exported log. */
export async function readVerifierKeys(given: readonly string[]): Promise<string[]> {
  const keys: string[] = [];
  for (const text of given) {
    const lines = VERIFIER_KEY.test(text)
      ? [text]
      : (await readInput(text, KEYS_BYTES_MAX)).toString('utf8').split('\n');
    for (const line of lines) {
      if (line.trim() === '') continue;
      const vkey = formatVerifierKey(parseVerifierKey(line.trim()));
      if (!keys.includes(vkey)) keys.push(vkey);
    }
  }
  return keys;
}

function unreadable(path: string, what: string, cause?: unknown): IndelibleError {
  const name = path === '-' ? 'standard input' : path;
  return new IndelibleError('INPUT_UNREADABLE', `${name} ${what}`, cause === undefined ? {} : { cause });
}
