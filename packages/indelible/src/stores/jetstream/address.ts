/**
 * The address of a stream: `nats://HOST[:PORT],…/STREAM[?replicas=1|3|5][&tls=required]`.
 *
 * Errors:  LEDGER_URL. Credentials do not belong into an address, and a message never repeats one.
 */
import { IndelibleError } from '@indelible/core';

export interface StreamAddress {
  /** Each as `host:port`. */
  readonly servers: readonly string[];
  readonly stream: string;
  /** How many servers must keep each message. */
  readonly replicas: number;
  /** Never talk in the clear, whatever the servers offer. */
  readonly tls: boolean;
}

const PORT = 4222;
const SERVERS_MAX = 32;
const REPLICAS = 3;
/** Odd: an even number needs a larger quorum and survives no more. */
const REPLICAS_ALLOWED: readonly string[] = ['1', '3', '5'];
/** A label or an IPv4 address, or an IPv6 address in brackets. */
const SERVER =
  /^([A-Za-z0-9](?:[A-Za-z0-9.-]{0,252}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])(?::([0-9]{1,5}))?$/;
/** Part of subjects and of folder names. */
const STREAM = /^[A-Za-z0-9_-]{1,64}$/;

export function parseAddress(url: string): StreamAddress {
  const match = /^nats:\/\/([^/?#]*)\/([^/?#]*)(?:\?([^#]*))?$/.exec(url);
  if (match === null) throw wrong('it is not nats://HOST:PORT/STREAM');
  const [, hosts = '', stream = '', query = ''] = match;
  if (hosts.includes('@'))
    throw wrong('credentials come from the environment (NATS_CREDS, NATS_USER and NATS_PASSWORD, …)');
  if (!STREAM.test(stream))
    throw wrong('the name of a stream has 1 to 64 letters, digits, hyphens and underscores');
  const servers = hosts.split(',').map(serverOf);
  if (servers.length > SERVERS_MAX || new Set(servers).size < servers.length)
    throw wrong(`it names each server once, and at most ${SERVERS_MAX}`);
  return { servers, stream, ...optionsOf(query) };
}

/** The address as messages name it. */
export function shownAddress({ servers, stream }: StreamAddress): string {
  return `nats://${servers.join(',')}/${stream}`;
}

function serverOf(text: string): string {
  const match = SERVER.exec(text);
  const port = Number(match?.[2] ?? PORT);
  if (match === null || port < 1 || port > 65_535)
    throw wrong(`"${text.slice(0, 80)}" is not HOST or HOST:PORT`);
  return `${match[1]!.toLowerCase()}:${port}`;
}

function optionsOf(query: string): { replicas: number; tls: boolean } {
  const given = new Map<string, string>();
  for (const [name, value] of new URLSearchParams(query)) {
    const known =
      (name === 'replicas' && REPLICAS_ALLOWED.includes(value)) || (name === 'tls' && value === 'required');
    // Not its value: it may be a credential in the wrong place.
    if (!known || given.has(name)) throw wrong(`it does not take this ${name.slice(0, 40)}=…`);
    given.set(name, value);
  }
  return { replicas: Number(given.get('replicas') ?? REPLICAS), tls: given.has('tls') };
}

function wrong(why: string): IndelibleError {
  return new IndelibleError('LEDGER_URL', `nats: ${why}`);
}
