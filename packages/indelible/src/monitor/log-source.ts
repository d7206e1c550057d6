/**
 * Where a log is read from: an HTTP prefix, or a folder of the same files. Nothing read here is trusted yet.
 *
 * Errors:  REMOTE_URL, REMOTE_FAILED; TILE_MISSING for a tile that is not there.
 * Source:  c2sp.org/tlog-tiles.
 */
import { open } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { IndelibleError, NOTE_BYTES_MAX, TILE_WIDTH, type Tile, tilePath } from '@indelible/core';
import { askRemote, type Fetch, outboundUrl } from '../outbound.ts';

/** 256 entries of the largest size, each behind its length. */
const BUNDLE_BYTES_MAX = TILE_WIDTH * (2 + 0xffff);
const TILE_BYTES_MAX = TILE_WIDTH * 32;

export interface LogSource {
  /** The address as it may be shown. */
  readonly prefix: string;
  checkpoint(signal?: AbortSignal): Promise<Uint8Array>;
  /** The tile or bundle; where only the full one is left, that. */
  tile(tile: Tile, signal?: AbortSignal): Promise<Uint8Array>;
}

export interface SourceOptions {
  /** For each answer. */
  readonly timeout_ms: number;
  /** A bearer token, for a log that is not public. */
  readonly token?: string;
  readonly fetch?: Fetch;
}

/** A log at `https://…`, `http://…`, `file:DIR` or `file:///DIR`. */
export function logSource(prefix: string, options: SourceOptions): LogSource {
  const read = prefix.startsWith('file:') ? folderReader(prefix) : httpReader(prefix, options);
  return {
    prefix,
    checkpoint: (signal) => read('checkpoint', NOTE_BYTES_MAX, signal),
    async tile(tile, signal) {
      const bytes_max = tile.level === 'entries' ? BUNDLE_BYTES_MAX : TILE_BYTES_MAX;
      try {
        return await read(tilePath(tile), bytes_max, signal);
      } catch (error) {
        const gone = error instanceof IndelibleError && error.code === 'TILE_MISSING';
        // A log may drop a partial tile once the full one is there.
        if (!gone || tile.width === TILE_WIDTH) throw error;
        return read(tilePath({ ...tile, width: TILE_WIDTH }), bytes_max, signal);
      }
    },
  };
}

/** One text by its address: a checkpoint that somebody else holds. */
export function textSource(
  address: string,
  options: SourceOptions,
): (signal?: AbortSignal) => Promise<Uint8Array> {
  const slash = address.lastIndexOf('/');
  const [prefix, name] = [address.slice(0, Math.max(slash, 0)), address.slice(slash + 1)];
  if (prefix === '' || name === '')
    throw new IndelibleError('REMOTE_URL', `${address} is no address of a file`);
  const read = prefix.startsWith('file:') ? folderReader(prefix) : httpReader(prefix, options);
  return (signal) => read(name, NOTE_BYTES_MAX, signal);
}

type Read = (path: string, bytes_max: number, signal?: AbortSignal) => Promise<Uint8Array>;

function httpReader(prefix: string, { timeout_ms, token, fetch }: SourceOptions): Read {
  // What is read is signed; a token is a secret.
  const base = outboundUrl(prefix, { plain_http: token === undefined });
  if (!base.pathname.endsWith('/')) base.pathname += '/';
  const authorization = token === undefined ? {} : { authorization: `Bearer ${token}` };
  return async (path, bytes_max, signal) => {
    const url = new URL(path, base);
    const answer = await askRemote(url, {
      timeout_ms,
      bytes_max,
      headers: { 'accept-encoding': 'gzip, identity', 'cache-control': 'no-cache', ...authorization },
      ...(signal === undefined ? {} : { signal }),
      ...(fetch === undefined ? {} : { fetch }),
    });
    if (answer.status === 200) return answer.bytes;
    if ((answer.status === 404 || answer.status === 410) && path !== 'checkpoint') throw missing(path);
    throw new IndelibleError('REMOTE_FAILED', `${url.host} answers ${path} with status ${answer.status}`, {
      details: { host: url.host, status: answer.status },
    });
  };
}

function folderReader(prefix: string): Read {
  const folder = prefix.startsWith('file://') ? fileURLToPath(prefix) : resolve(prefix.slice('file:'.length));
  return async (path, bytes_max, signal) => {
    signal?.throwIfAborted();
    try {
      const file = await open(join(folder, path), 'r');
      try {
        const { size } = await file.stat();
        if (size > bytes_max) throw failed(`${path} has more than ${bytes_max} bytes`);
        return await file.readFile();
      } finally {
        await file.close();
      }
    } catch (error) {
      if (error instanceof IndelibleError) throw error;
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT' && path !== 'checkpoint') throw missing(path);
      throw failed(`${path} cannot be read (${code})`, error);
    }
  };
}

function missing(path: string): IndelibleError {
  return new IndelibleError('TILE_MISSING', `the log does not have ${path}`, { details: { path } });
}

function failed(message: string, cause?: unknown): IndelibleError {
  return new IndelibleError('REMOTE_FAILED', message, cause === undefined ? {} : { cause });
}
