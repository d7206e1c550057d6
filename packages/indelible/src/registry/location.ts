/**
 * Where the registry lies, and how it names ledgers.
 *
 * It is kept apart from the ledgers' own folders: who deletes one of those must not delete the knowledge of it, too.
 */
import { homedir } from 'node:os';
import { isAbsolute, join, resolve } from 'node:path';
import { IndelibleError } from '@indelible/core';

/** The file, or null when the registry is turned off. Raises USAGE for a path that would depend on the folder. */
export function registryPath(env: Readonly<Record<string, string | undefined>>): string | null {
  const given = env.INDELIBLE_REGISTRY ?? '';
  if (given === 'none') return null;
  if (given !== '') {
    if (!isAbsolute(given))
      throw new IndelibleError('USAGE', 'INDELIBLE_REGISTRY takes an absolute path, or none');
    return given;
  }
  const config = env.XDG_CONFIG_HOME ?? '';
  // The specification has relative paths ignored.
  return join(
    isAbsolute(config) ? config : join(env.HOME || homedir(), '.config'),
    'indelible',
    'ledgers.db',
  );
}

/** A ledger's URL with an absolute path; null for one in memory, which nobody expects to find again. */
export function registeredUrl(url: string): string | null {
  const match = /^(\w+):(?:\/\/)?([^?]*)/.exec(url);
  if (match === null || match[1] === 'memory') return null;
  const [, scheme, place] = match as unknown as [string, string, string];
  if (scheme === 'file' || scheme === 'sqlite') return `${scheme}:${resolve(place)}`;
  // What stands before an @ is a user name and perhaps a password.
  return `${scheme}://${place.slice(place.lastIndexOf('@') + 1)}`;
}
