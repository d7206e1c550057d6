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

/** What tells a ledger from others: its URL, with an absolute path, as its store gives it. Null for one in memory. */
export function registeredUrl(url: string): string | null {
  const remote = takenApart(url);
  if (remote !== null) {
    const { scheme, place, options } = remote;
    // Where its index lies on this machine makes it no other ledger.
    options.delete('local');
    return `${scheme}://${place}${queryOf(options)}`;
  }
  const match = /^(file|sqlite):(?:\/\/)?([^?]*)/.exec(url);
  return match === null ? null : `${match[1]}:${resolve(match[2]!)}`;
}

/** How a ledger on other machines is opened again: as it was, but for the password. Null where its URL is enough. */
export function openableUrl(url: string): string | null {
  const remote = takenApart(url);
  if (remote === null) return null;
  const { scheme, place, options } = remote;
  const user = remote.login.split(':')[0]!;
  const local = options.get('local');
  if (local !== null) options.set('local', resolve(local));
  return `${scheme}://${user === '' ? '' : `${user}@`}${place}${queryOf(options)}`;
}

interface Remote {
  readonly scheme: string;
  /** What stands before the @: a user name, and perhaps a password. */
  readonly login: string;
  readonly place: string;
  readonly options: URLSearchParams;
}

function takenApart(url: string): Remote | null {
  const match = /^(postgres(?:ql)?|s3|nats):\/\/(?:([^/?#]*)@)?([^?#]*)(?:\?(.*))?$/.exec(url);
  if (match === null) return null;
  const [, spelled, login = '', place = '', query = ''] = match;
  const scheme = spelled === 'postgresql' ? 'postgres' : spelled!;
  return { scheme, login, place, options: new URLSearchParams(query) };
}

/** Readable: what stands in names and endpoints needs no escapes. */
function queryOf(options: URLSearchParams): string {
  const text = options.toString().replaceAll('%2F', '/').replaceAll('%3A', ':');
  return text === '' ? '' : `?${text}`;
}
