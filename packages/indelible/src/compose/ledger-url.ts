/**
 * Ledger URLs: which store keeps a ledger, and where on this machine lies what is derived from it.
 *
 * `memory:`, `file:DIR`, `sqlite:FILE`, `postgres://…`, `s3://…`, `nats://…`. The last three name a store on other
 * machines; what is derived from its log (index, tree, checkpoints) lies in a local folder, `?local=DIR`.
 *
 * Errors:  LEDGER_URL, naming what is wrong, without anything that may be a secret.
 */
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { IndelibleError } from '@indelible/core';

/** Where the derived state of remote ledgers lies unless their URL says otherwise. */
const LOCAL_ROOT = './indelible-data';

export interface LocalPlace {
  readonly scheme: 'memory' | 'file' | 'sqlite';
  /** The folder or file; empty for `memory:`. */
  readonly path: string;
  readonly options: ReadonlyMap<string, number>;
}

export interface RemotePlace {
  readonly scheme: 'postgres' | 's3' | 'nats';
  /** The URL without `local`; its store's room takes it apart. */
  readonly url: string;
  /** The folder for what is derived from the log. */
  readonly local: string;
}

export type LedgerPlace = LocalPlace | RemotePlace;

const URL_OPTIONS = { file: ['segment_bytes_max', 'segments_max'], sqlite: [], memory: [] } as const;

/** Takes a ledger URL apart. */
export function parseLedgerUrl(url: string): LedgerPlace {
  const remote = /^(postgres(?:ql)?|s3|nats):\/\//.exec(url);
  if (remote !== null) return remotePlace(url, remote[1]!);
  const match = /^(memory|file|sqlite):([^?]*)(?:\?(.*))?$/.exec(url);
  if (match === null) throw new IndelibleError('LEDGER_URL', `"${shown(url)}" is not a ledger URL`);
  const scheme = match[1] as LocalPlace['scheme'];
  const path = match[2]!.replace(/^\/\//, '');
  if ((path === '') !== (scheme === 'memory')) {
    throw new IndelibleError(
      'LEDGER_URL',
      scheme === 'memory' ? 'memory: takes no path' : `${scheme}: needs a path`,
    );
  }
  const options = new Map<string, number>();
  for (const [name, text] of new URLSearchParams(match[3] ?? '')) {
    const value = Number(text);
    const known: readonly string[] = URL_OPTIONS[scheme];
    if (!known.includes(name) || !Number.isSafeInteger(value) || value < 1) {
      throw new IndelibleError('LEDGER_URL', `${scheme}: does not take ${name}=${text.slice(0, 40)}`);
    }
    options.set(name, value);
  }
  return { scheme, path, options };
}

function remotePlace(text: string, spelled: string): RemotePlace {
  const scheme = spelled === 'postgresql' ? 'postgres' : (spelled as RemotePlace['scheme']);
  const [before, query] = split(text);
  const options = new URLSearchParams(query);
  const chosen = options.getAll('local');
  options.delete('local');
  if (chosen.length > 1 || chosen[0] === '')
    throw new IndelibleError('LEDGER_URL', `${scheme}: takes one local=DIR`);
  options.sort();
  const rest = options.toString();
  const url = `${scheme}${before.slice(spelled.length)}${rest === '' ? '' : `?${rest}`}`;
  return { scheme, url, local: chosen[0] ?? join(LOCAL_ROOT, `${scheme}-${digestOf(url)}`) };
}

function split(text: string): [string, string] {
  const at = text.indexOf('?');
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1)];
}

/** The same place gives the same folder. */
function digestOf(url: string): string {
  return createHash('sha256').update(identityOf(url)).digest('hex').slice(0, 16);
}

/** Which remote place it is, however its URL spells it, whoever signs in to it, and however it is to keep what it gets. */
export function identityOf(url: string): string {
  const plain = withoutCredentials(url);
  const [before, query] = split(plain);
  if (url.startsWith('s3:')) {
    const endpoint = new URLSearchParams(query).get('endpoint');
    return `${before.replace(/\/+$/, '')}${endpoint === null ? '' : `?endpoint=${endpoint}`}`;
  }
  const nats = /^nats:\/\/([^/]*)\/(.*)$/.exec(before);
  if (nats === null) return plain;
  const servers = nats[1]!
    .toLowerCase()
    .split(',')
    .map((server) => (/:[0-9]+$/.test(server) ? server : `${server}:4222`));
  return `nats://${servers.sort().join(',')}/${nats[2]}`;
}

/** A URL as messages may show it, also one whose colon was forgotten. */
export function withoutCredentials(url: string): string {
  return url.replace(/^([a-z0-9]+:?\/\/)[^/?#]*@/, '$1');
}

function shown(url: string): string {
  return withoutCredentials(url).slice(0, 200);
}

export function isRemote(place: LedgerPlace): place is RemotePlace {
  return 'local' in place;
}
