/**
 * How far a log was verified, in a file beside its tree.
 *
 * The file is a hint: whoever can write it can write anything into it. What goes on from it must find the same root in
 * the stored tree, and a signed checkpoint over all of it (verify-ledger.ts).
 *
 * Errors:  STORE_* when it cannot be written. One that cannot be read is none.
 */
import { randomUUID } from 'node:crypto';
import { open, readFile, rename, unlink } from 'node:fs/promises';
import { IndelibleError, MerkleRange, parseJson } from '@indelible/core';
import type { PositionStore, VerifiedPosition } from './types.ts';

const VERSION = 1;
const BYTES_MAX = 64 * 1024;

/** The position in that file. */
export function openPositionFile(path: string): PositionStore {
  return {
    async read() {
      const bytes = await readFile(path).catch(() => null);
      return bytes === null || bytes.length > BYTES_MAX ? null : parsePosition(bytes);
    },
    async write(position) {
      const temporary = `${path}.${randomUUID()}.tmp`;
      try {
        const file = await open(temporary, 'wx', 0o600);
        try {
          await file.writeFile(formatPosition(position));
          await file.sync();
        } finally {
          await file.close();
        }
        await rename(temporary, path);
      } catch (error) {
        await unlink(temporary).catch(() => {});
        const { code } = error as NodeJS.ErrnoException;
        throw new IndelibleError(
          code === 'ENOSPC' || code === 'EDQUOT' ? 'STORE_FULL' : 'STORE_UNAVAILABLE',
          `how far the log was verified cannot be written down (${code})`,
          { cause: error },
        );
      }
    },
  };
}

function formatPosition({ tree, ...rest }: VerifiedPosition): string {
  const { begin, end } = tree;
  const hashes = Buffer.from(tree.hashes).toString('hex');
  return `${JSON.stringify({ version: VERSION, ...rest, tree: { begin, end, hashes } })}\n`;
}

/** Null for what is none, or does not agree with itself. */
function parsePosition(bytes: Uint8Array): VerifiedPosition | null {
  try {
    const { version, tree, ...rest } = parseJson(
      new TextDecoder().decode(bytes),
    ) as unknown as VerifiedPosition & {
      version: number;
      tree: { begin: number; end: number; hashes: string };
    };
    if (version !== VERSION || !/^(?:[0-9a-f]{64})*$/.test(tree.hashes)) return null;
    const state = {
      begin: tree.begin,
      end: tree.end,
      hashes: new Uint8Array(Buffer.from(tree.hashes, 'hex')),
    };
    const { size, root, chain, ledger, keys, verified_at, full_at } = rest;
    const range = MerkleRange.from(state);
    if (range.end !== size || range.root() !== root || size < 1) return null;
    if (chain.end.seq !== size - 1 || chain.beginning.ledger !== ledger) return null;
    const texts = [chain.end.hash, chain.end.recorded_at, verified_at, full_at, ...keys];
    if (!texts.every((text) => typeof text === 'string')) return null;
    if ([verified_at, full_at].some((time) => Number.isNaN(Date.parse(time)))) return null;
    return { ledger, size, root, verified_at, full_at, keys, chain, tree: state };
  } catch {
    return null;
  }
}
