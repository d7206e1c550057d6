/**
 * Paths of the public log: `/log/<ledger>/<file>`, with the files of c2sp.org/tlog-tiles and `log.vkey`.
 *
 * Names of ledgers hold slashes (`acme.example/prod`). That is never ambiguous: no file's path ends in another file's
 * path, so the end of a path tells the file, and the name is what is left, whichever ledgers there are.
 *
 * Errors:  NOT_FOUND for a path that names no file of a log.
 * Source:  c2sp.org/tlog-tiles.
 * Pure:    no I/O.
 */
import { IndelibleError } from '@indelible/core';

/** Who may read the log: everybody, everybody but for the entries, or holders of a token. */
export type LogAccess = 'public' | 'hashes' | 'token';

/** `entries` hold the records; everything else is hashes, signatures and keys. */
export type LogFile = 'checkpoint' | 'keys' | 'tile' | 'entries';

export interface LogPath {
  readonly ledger: string;
  readonly file: LogFile;
  /** Below the log's prefix, e.g. `tile/0/000.p/5`; not checked yet. */
  readonly path: string;
}

/** How records and metrics name the routes. */
export const LOG_ROUTES: Readonly<Record<LogFile, string>> = {
  checkpoint: '/log/{ledger}/checkpoint',
  keys: '/log/{ledger}/log.vkey',
  tile: '/log/{ledger}/tile/{level}/{index}',
  entries: '/log/{ledger}/tile/entries/{index}',
};

const PREFIX = '/log/';
const TILES = '/tile/';
const ENTRIES = 'tile/entries/';

/** Takes the path of a request apart, as it was sent. Slashes in the name may be written `%2F`. */
export function parseLogPath(path: string): LogPath {
  if (path.endsWith('/checkpoint')) return logPath(path, 'checkpoint', 'checkpoint');
  if (path.endsWith('/log.vkey')) return logPath(path, 'keys', 'log.vkey');
  const at = path.lastIndexOf(TILES);
  if (at === -1) throw unknown();
  const file = path.slice(at + 1);
  return logPath(path, file.startsWith(ENTRIES) ? 'entries' : 'tile', file);
}

function logPath(whole: string, file: LogFile, path: string): LogPath {
  return { ledger: nameIn(whole.slice(0, -path.length - 1)), file, path };
}

/** True when the file is for everybody. */
export function isOpen(file: LogFile, access: LogAccess): boolean {
  return access === 'public' || (access === 'hashes' && file !== 'entries');
}

function nameIn(path: string): string {
  if (!path.startsWith(PREFIX) || path.length === PREFIX.length) throw unknown();
  try {
    return decodeURIComponent(path.slice(PREFIX.length));
  } catch {
    throw unknown();
  }
}

function unknown(): IndelibleError {
  return new IndelibleError('NOT_FOUND', 'a log has checkpoint, log.vkey, tile/… and tile/entries/…');
}
