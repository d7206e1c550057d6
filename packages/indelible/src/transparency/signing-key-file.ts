/**
 * A signing key in a file that only its owner may read, away from the ledger that it signs for.
 *
 * Whoever can change a ledger must not find the key beside it: a backup, a mounted volume or a stolen folder would
 * bring both.
 *
 * Errors:  SIGNING_KEY_EXPOSED for a file that others may read, a link, or one inside the ledger's folder;
 *          SIGNING_KEY_INVALID; STORE_* when it cannot be read or written.
 */
import { randomUUID } from 'node:crypto';
import {
  closeSync,
  constants,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  realpathSync,
  unlinkSync,
  writeSync,
} from 'node:fs';
import { homedir } from 'node:os';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { checkLedgerName, IndelibleError, isIndelibleError, type NoteSigner } from '@indelible/core';
import { newPrivateKey, signerFromText } from './private-key.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** A signer whose key lies in a file. */
export interface FileSigner extends NoteSigner {
  readonly file: string;
}

/** Where the key of a ledger lies unless somebody says otherwise: INDELIBLE_SIGNING_KEY_FILE, or the user's config folder. */
export function defaultSigningKeyPath(name: string, env: Environment): string {
  const given = env.INDELIBLE_SIGNING_KEY_FILE;
  if (given !== undefined && given !== '') return resolve(given);
  checkLedgerName(name);
  return join(configFolder(env), 'keys', `${fileSafe(name)}.key`);
}

/** One file name for one ledger name, on file systems that ignore case too. */
function fileSafe(name: string): string {
  const escaped = name.replace(/[^a-z0-9.-]/g, (character) =>
    Array.from(new TextEncoder().encode(character), (byte) => `_${byte.toString(16).padStart(2, '0')}`).join(
      '',
    ),
  );
  return escaped.startsWith('.') ? `_2e${escaped.slice(1)}` : escaped;
}

function configFolder(env: Environment): string {
  const base = env.XDG_CONFIG_HOME;
  return join(base === undefined || base === '' ? join(homedir(), '.config') : resolve(base), 'indelible');
}

/** Reads the key; raises SIGNING_KEY_INVALID when there is none. */
export function loadSigningKey(path: string, name: string): FileSigner {
  const text = readPrivateFile(path);
  if (text === null) throw new IndelibleError('SIGNING_KEY_INVALID', `there is no signing key in ${path}`);
  return { ...signerFromText(text, name, path), file: resolve(path) };
}

/** Reads the key, or makes one. `created` says so: a new key is worth a word, and a copy in a safe place. */
export function loadOrCreateSigningKey(path: string, name: string): { signer: FileSigner; created: boolean } {
  const created = readPrivateFile(path) === null && createPrivateKeyFile(path);
  return { signer: loadSigningKey(path, name), created };
}

/**
 * Refuses a key inside the folder of the ledger that it signs for. The user's config folder is taken for another place
 * even where the ledger's folder is a folder above it (a ledger in the home folder), unless the ledger is in there too.
 */
export function refuseKeyBeside(file: string, ledger_folder: string, env: Environment = process.env): void {
  const [key, ledger, config] = [file, ledger_folder, configFolder(env)].map(realPath) as [
    string,
    string,
    string,
  ];
  if (!isInside(key, ledger) || (isInside(key, config) && !isInside(ledger, config))) return;
  throw new IndelibleError(
    'SIGNING_KEY_EXPOSED',
    `the signing key ${file} lies in the folder of the ledger it signs for`,
  );
}

function isInside(path: string, folder: string): boolean {
  const way = relative(folder, path);
  return way === '' || !(way === '..' || way.startsWith(`..${sep}`));
}

/** With links resolved as far as the path exists. */
function realPath(path: string): string {
  const whole = resolve(path);
  try {
    return realpathSync(whole);
  } catch {
    const folder = dirname(whole);
    return folder === whole ? whole : join(realPath(folder), basename(whole));
  }
}

/** Null when it is not there. */
function readPrivateFile(path: string): string | null {
  return guarded(path, () => {
    let file: number;
    try {
      file = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'ENOENT') return null;
      if (code === 'ELOOP') throw exposed(path, 'is a link, whose target may be anywhere');
      throw error;
    }
    try {
      const stat = fstatSync(file);
      if (!stat.isFile()) throw exposed(path, 'is no regular file');
      if ((stat.mode & 0o077) !== 0) throw exposed(path, 'may be read or written by others');
      return stat.size > 4096 ? '' : readFileSync(file, 'utf8');
    } finally {
      closeSync(file);
    }
  });
}

/** False when another process has made one meanwhile. The name appears with the whole key or not at all. */
function createPrivateKeyFile(path: string): boolean {
  return guarded(path, () => {
    const folder = dirname(path);
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    const temporary = `${path}.${randomUUID()}.tmp`;
    const file = openSync(temporary, 'wx', 0o600);
    try {
      writeSync(file, newPrivateKey());
      fsyncSync(file);
      linkSync(temporary, path);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
      throw error;
    } finally {
      closeSync(file);
      unlinkSync(temporary);
    }
    const handle = openSync(folder, 'r');
    try {
      fsyncSync(handle);
    } finally {
      closeSync(handle);
    }
    return true;
  });
}

function exposed(path: string, what: string): IndelibleError {
  return new IndelibleError('SIGNING_KEY_EXPOSED', `the signing key ${path} ${what}`);
}

function guarded<T>(path: string, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (isIndelibleError(error)) throw error;
    const { code = 'unknown' } = error as NodeJS.ErrnoException;
    const denied = code === 'EACCES' || code === 'EPERM' || code === 'EROFS';
    const full = code === 'ENOSPC' || code === 'EDQUOT';
    throw new IndelibleError(
      denied ? 'STORE_READ_ONLY' : full ? 'STORE_FULL' : 'STORE_UNAVAILABLE',
      `the signing key ${path} cannot be read or made (${code})`,
      { cause: error },
    );
  }
}
