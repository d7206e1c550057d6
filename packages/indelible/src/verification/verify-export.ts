/**
 * Verification of an exported log, by core's independent verifier alone: no store, no index, no ledger.
 *
 * A folder is a log as static files (c2sp.org/tlog-tiles, `export-log`); a file is JSON Lines (`export`), plain or
 * gzipped, of whole records from the first on.
 *
 * Errors:  INPUT_UNREADABLE for what is neither, or cannot be read; those of keys.
 */
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { createGunzip } from 'node:zlib';
import {
  decodeBundle,
  type GradedVerdict,
  GrowingTiles,
  IndelibleError,
  isIndelibleError,
  isLine,
  LIMITS,
  LINE_BODY_START,
  LINE_TAIL,
  type LogTrust,
  LogVerifier,
  leafHash,
  MerkleRange,
  parseCheckpoint,
  parseNote,
  type Tile,
  tilePath,
  tilesBetween,
} from '@indelible/core';
import { Keyring } from '../ledger/keyring.ts';
import type { ChainKey } from '../ledger/types.ts';

const HASH_BYTES = 32;
const LINE_BYTES_MAX = LINE_BODY_START + LIMITS.record_bytes + LINE_TAIL;
const LF = 0x0a;
const TILES_MAX = 100;

export interface ExportOptions {
  readonly path: string;
  /** Verifier keys to believe. None: those that lie with the log (a folder's `log.vkey`), and the verdict says so. */
  readonly log_keys: readonly string[];
  readonly policy: LogTrust['policy'];
  /** Secrets of a keyed ledger; without them its tree is checked, and its chain is not. */
  readonly keys?: readonly ChainKey[];
  /** Signed notes that the verifier kept. */
  readonly kept?: readonly string[];
  readonly signal?: AbortSignal;
}

export interface ExportVerdict {
  readonly ok: boolean;
  readonly layout: 'tiles' | 'jsonl';
  readonly graded: GradedVerdict;
  readonly keys_from: 'given' | 'log' | null;
  /** Files of hashes compared with the records. */
  readonly tiles_checked: number;
  /** Those that are missing or differ: derived, and yet proofs drawn from them would not hold. */
  readonly tiles_wrong: readonly string[];
  readonly does_not_prove: readonly string[];
}

/** Verifies what lies there. */
export async function verifyExport(options: ExportOptions): Promise<ExportVerdict> {
  const found = await stat(options.path).catch((error: unknown) => {
    throw unreadable(options.path, error);
  });
  return found.isDirectory() ? verifyFolder(options) : verifyLines(options);
}

async function verifyFolder(options: ExportOptions): Promise<ExportVerdict> {
  const { path, signal } = options;
  const note = await readFile(join(path, 'checkpoint'), 'utf8').catch((error: unknown) => {
    throw unreadable(join(path, 'checkpoint'), error);
  });
  const { origin, size } = parseCheckpoint(parseNote(note).text);
  const { log_keys, keys_from } = await keysFor(options);
  const tiles = [...tilesBetween(0, size)];
  const bundles = tiles
    .filter(({ level }) => level === 0)
    .map((tile): Tile => ({ ...tile, level: 'entries' }));
  let next = 0;
  // The oldest entries may have been dropped; their hashes are still there.
  while (next < bundles.length && !(await isThere(join(path, tilePath(bundles[next]!))))) next++;
  const before = await leavesBefore(path, bundles.slice(0, next));
  const verifier = verifierFor(options, origin, log_keys, before);
  verifier.addCheckpoint(note);
  for (const kept of options.kept ?? []) verifier.addCheckpoint(kept);
  const growing = next === 0 ? new GrowingTiles() : null;
  const wrong: string[] = [];
  let checked = 0;
  for (const bundle of bundles.slice(next)) {
    signal?.throwIfAborted();
    const bytes = await readTile(path, bundle);
    const entries = bytes === null ? null : entriesOf(bytes, bundle.width);
    if (bytes === null || entries === null) {
      wrong.push(tilePath(bundle));
      break;
    }
    verifier.pushBundle(bytes, bundle.width);
    for (const entry of entries) growing?.append(leafHash(entry));
    for (const { tile, bytes: hashes } of growing?.takeFull() ?? []) {
      checked++;
      await compareTile(path, tile, hashes, wrong);
    }
  }
  for (const { tile, bytes } of growing?.partials() ?? []) {
    if (growing?.size !== size) break;
    checked++;
    await compareTile(path, tile, bytes, wrong);
  }
  return verdictOf(verifier.finish(), 'tiles', keys_from, checked, wrong);
}

async function verifyLines(options: ExportOptions): Promise<ExportVerdict> {
  const { path } = options;
  const { log_keys, keys_from } = await keysFor(options);
  const origin = originOf(options);
  const verifier = verifierFor(options, origin, log_keys, null);
  for (const kept of options.kept ?? []) verifier.addCheckpoint(kept);
  let records = 0;
  for await (const line of linesOf(path, options.signal)) {
    if (!isOther(line)) {
      verifier.push(line, [line.length]);
      records++;
    }
  }
  if (records === 0) throw new IndelibleError('INPUT_UNREADABLE', `${path} holds no record`);
  return verdictOf(verifier.finish(), 'jsonl', keys_from, 0, []);
}

function verifierFor(
  { policy, keys = [] }: ExportOptions,
  origin: string | null,
  log_keys: readonly string[],
  before: MerkleRange | null,
): LogVerifier {
  const keyring = new Keyring(keys);
  return new LogVerifier({
    trust: { origin, log_keys, policy },
    hashByKey: (key_id) => (key_id === null && keys.length > 0 ? leafHash : keyring.hash(key_id)),
    ...(before === null ? {} : { from: { chain: null, tree: before.state() } }),
  });
}

async function keysFor({ path, log_keys, policy }: ExportOptions) {
  if (log_keys.length > 0 || (policy?.logs.length ?? 0) > 0) return { log_keys, keys_from: 'given' as const };
  const text = await readFile(join(path, 'log.vkey'), 'utf8').catch(() => '');
  const found = text.split('\n').filter((line) => line !== '');
  return { log_keys: found, keys_from: found.length > 0 ? ('log' as const) : null };
}

/** Of a file nobody knows whose it is but those who kept a checkpoint. */
function originOf({ kept = [] }: ExportOptions): string | null {
  const [note] = kept;
  return note === undefined ? null : parseCheckpoint(parseNote(note).text).origin;
}

/** The tree in front of the entries that are there. */
async function leavesBefore(path: string, bundles: readonly Tile[]): Promise<MerkleRange | null> {
  if (bundles.length === 0) return null;
  const range = new MerkleRange();
  for (const { index, width } of bundles) {
    const bytes = await readTile(path, { level: 0, index, width });
    if (bytes?.length !== width * HASH_BYTES) return null;
    for (let at = 0; at < bytes.length; at += HASH_BYTES) range.appendBytes(bytes, at);
  }
  return range;
}

async function compareTile(path: string, tile: Tile, ours: Uint8Array, wrong: string[]): Promise<void> {
  const bytes = await readTile(path, tile);
  if (bytes !== null && Buffer.compare(bytes, ours) === 0) return;
  if (wrong.length < TILES_MAX) wrong.push(tilePath(tile));
}

/** Null for what is not there. */
async function readTile(path: string, tile: Tile): Promise<Uint8Array | null> {
  return readFile(join(path, tilePath(tile))).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw unreadable(join(path, tilePath(tile)), error);
  });
}

function entriesOf(bytes: Uint8Array, width: number): Uint8Array[] | null {
  try {
    return decodeBundle(bytes, width);
  } catch (error) {
    if (isIndelibleError(error, 'TILE_INVALID')) return null;
    throw error;
  }
}

function verdictOf(
  graded: GradedVerdict,
  layout: ExportVerdict['layout'],
  keys_from: ExportVerdict['keys_from'],
  tiles_checked: number,
  tiles_wrong: readonly string[],
): ExportVerdict {
  const own_word =
    keys_from === 'log'
      ? [
          'It does not prove whose signature that is: the keys lie with the log. Name the key you trust with --key.',
        ]
      : [];
  return {
    ok: graded.result === 'verified' && tiles_wrong.length === 0,
    layout,
    graded,
    keys_from,
    tiles_checked,
    tiles_wrong,
    does_not_prove: [...own_word, ...graded.does_not_prove],
  };
}

/** Lines with their newlines, gunzipped where need be. */
async function* linesOf(path: string, signal: AbortSignal | undefined): AsyncGenerator<Uint8Array> {
  let rest: Buffer = Buffer.alloc(0);
  for await (const piece of piecesOf(path)) {
    signal?.throwIfAborted();
    rest = rest.length === 0 ? piece : Buffer.concat([rest, piece]);
    let start = 0;
    for (let end = rest.indexOf(LF, start); end >= 0; end = rest.indexOf(LF, start)) {
      yield rest.subarray(start, end + 1);
      start = end + 1;
    }
    rest = rest.subarray(start);
    if (rest.length > LINE_BYTES_MAX)
      throw new IndelibleError('INPUT_UNREADABLE', `${path} has a line of more than ${LINE_BYTES_MAX} bytes`);
  }
  if (rest.length > 0) yield rest;
}

async function* piecesOf(path: string): AsyncGenerator<Buffer> {
  try {
    let first: Buffer | null = null;
    for await (const piece of createReadStream(path, { end: 1 })) first = piece as Buffer;
    const source = createReadStream(path);
    if (first?.[0] !== 0x1f || first[1] !== 0x8b) {
      yield* source as AsyncIterable<Buffer>;
      return;
    }
    const gunzip = createGunzip();
    const done = pipeline(source, gunzip);
    done.catch(() => {});
    yield* gunzip as AsyncIterable<Buffer>;
    await done;
  } catch (error) {
    throw isIndelibleError(error) ? error : unreadable(path, error);
  }
}

/** Parts of attachments, and the line that ends an export: none of them is a record. */
function isOther(line: Uint8Array): boolean {
  if (isLine(line, 0, line.length)) return false;
  const start = Buffer.from(line.buffer, line.byteOffset, Math.min(line.length, 16)).toString('latin1');
  return start.startsWith('{"attachment":') || start.startsWith('{"export":') || start.trim() === '';
}

async function isThere(path: string): Promise<boolean> {
  return stat(path).then(
    () => true,
    () => false,
  );
}

function unreadable(path: string, cause: unknown): IndelibleError {
  const code = (cause as NodeJS.ErrnoException).code ?? 'unknown';
  return new IndelibleError('INPUT_UNREADABLE', `${path} cannot be read (${code})`, { cause });
}
