/**
 * Conversations with a directory: bound once, bounded in time and in bytes, and ended when they are not waited for.
 *
 * A change carries the version that it is planned upon: the server compares it in the step that makes the change.
 *
 * Errors:  DRIVER_MISSING, CONNECTOR_CONFIG; TARGET_CHANGED and TARGET_REFUSED when the server did nothing;
 *          CONNECTOR_UNAVAILABLE when nobody can say. None shows a secret.
 */
import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { type ConnectionOptions, connect as connectTls } from 'node:tls';
import { IndelibleError } from '@indelible/core';
import type * as Ldapts from 'ldapts';
import type { ConnectorContext } from '../contract.ts';
import { assertInTime } from '../shared/checks.ts';
import { loadDriver } from '../shared/driver.ts';
import type { LdapPlace } from './config.ts';
import { ASSERTION, assertionOf, postReadOf } from './controls.ts';
import type { Attributes, Change, Entry } from './entry.ts';
import { directoryFault } from './faults.ts';

/** Asked for besides what users wrote. */
const OPERATIONAL = [
  ...['entryUUID', 'entryCSN', 'createTimestamp', 'creatorsName', 'modifyTimestamp', 'modifiersName'],
  'hasSubordinates',
];
const READ = ['*', ...OPERATIONAL];
const OWN_NAMES = new Set(OPERATIONAL.map((name) => name.toLowerCase()));
/** Connections kept for the next conversation. */
const IDLE_MAX = 2;
const ANSWER_BYTES_MIN = 1 << 20;

type Ctx = Pick<ConnectorContext, 'signal' | 'secret'>;

interface Connection {
  readonly client: Ldapts.Client;
  socket: Socket | null;
  /** How many bytes more may come in this conversation. */
  bytes_left: number;
}

export class Directory {
  readonly #place: LdapPlace;
  readonly #idle: Connection[] = [];
  #ldapts: typeof Ldapts | null = null;
  #checked = false;
  #closed = false;

  constructor(place: LdapPlace) {
    this.#place = place;
  }

  /** null: there is no such entry, or none that this account may see. */
  read(dn: string, ctx: Ctx): Promise<Entry | null> {
    return this.#converse(ctx, (client) => this.#read(client, dn));
  }

  add(dn: string, attributes: Attributes, ctx: Ctx): Promise<Entry | null> {
    return this.#converse(ctx, async (client, ldapts) => {
      const all = [...attributes].map(
        ([type, values]) => new ldapts.Attribute({ type, values: [...values] }),
      );
      const { control, left } = postRead(ldapts);
      await client.add(dn, all, control).catch((error) => {
        throw directoryFault(error, 'add');
      });
      return left() ?? this.#read(client, dn);
    });
  }

  modify(dn: string, version: string, changes: readonly Change[], ctx: Ctx): Promise<Entry | null> {
    return this.#converse(ctx, async (client, ldapts) => {
      const all = changes.map(
        ({ operation, attribute: type, values }) =>
          new ldapts.Change({ operation, modification: new ldapts.Attribute({ type, values: [...values] }) }),
      );
      const { control, left } = postRead(ldapts);
      await client.modify(dn, all, [assertionOf(ldapts, 'entryCSN', version), control]).catch((error) => {
        throw directoryFault(error, 'modify');
      });
      return left() ?? this.#read(client, dn);
    });
  }

  delete(dn: string, version: string, ctx: Ctx): Promise<null> {
    return this.#converse(ctx, async (client, ldapts) => {
      await client.del(dn, assertionOf(ldapts, 'entryCSN', version)).catch((error) => {
        throw directoryFault(error, 'delete');
      });
      return null;
    });
  }

  async close(): Promise<void> {
    this.#closed = true;
    for (const connection of this.#idle.splice(0)) hangUp(connection);
  }

  async #read(client: Ldapts.Client, dn: string): Promise<Entry | null> {
    const found = await client
      .search(dn, { scope: 'base', attributes: READ, sizeLimit: 1 })
      .catch((error: { code?: number }) => {
        if (error.code === 32) return null;
        throw directoryFault(error, 'read');
      });
    if (found === null) return null;
    const [entry] = found.searchEntries;
    if (entry !== undefined) return entryOf(entry);
    throw new IndelibleError('CONNECTOR_UNAVAILABLE', 'another directory, or an alias, has that entry');
  }

  async #converse<T>(
    ctx: Ctx,
    work: (client: Ldapts.Client, ldapts: typeof Ldapts) => Promise<T>,
  ): Promise<T> {
    const { signal } = ctx;
    assertInTime(signal);
    this.#ldapts ??= await loadDriver('ldap', 'ldapts', () => import('ldapts'));
    const connection = this.#take() ?? this.#open(this.#ldapts);
    connection.bytes_left = Math.max(ANSWER_BYTES_MIN, 4 * this.#place.max_bytes);
    const onAbort = () => hangUp(connection);
    signal.addEventListener('abort', onAbort, { once: true });
    let sound = false;
    try {
      if (!connection.client.isConnected) await this.#greet(connection.client, ctx);
      sound = true;
      return await work(connection.client, this.#ldapts);
    } catch (error) {
      const fault = directoryFault(error, 'read');
      // Refusing something is no reason to hang up.
      if (fault.code === 'CONNECTOR_UNAVAILABLE') sound = false;
      throw fault;
    } finally {
      signal.removeEventListener('abort', onAbort);
      if (sound && !this.#closed && this.#idle.length < IDLE_MAX) this.#idle.push(connection);
      else hangUp(connection);
    }
  }

  #take(): Connection | null {
    for (;;) {
      const connection = this.#idle.pop();
      if (connection === undefined) return null;
      if (connection.client.isConnected && connection.socket?.destroyed === false) return connection;
      hangUp(connection);
    }
  }

  #open(ldapts: typeof Ldapts): Connection {
    const { url, timeout_ms } = this.#place;
    const watch = (socket: Socket): Socket => {
      socket.on('data', (chunk: Buffer) => {
        connection.bytes_left -= chunk.length;
        if (connection.bytes_left < 0) hangUp(connection);
      });
      connection.socket = socket;
      return socket;
    };
    /** When the connection ends, the client would open another one, as nobody: it must not. */
    const once = (open: () => Socket): Socket => {
      if (connection.socket !== null) throw new Error('the connection has ended');
      return watch(open());
    };
    const client = new ldapts.Client({
      url: `${url.protocol}//${url.host}`,
      timeout: timeout_ms,
      connectTimeout: timeout_ms,
      createConnection: ((port: number, host: string) =>
        once(() => connectPlain(port, host))) as typeof connectPlain,
      // Called with port and host for ldaps:, and with the options given to startTLS.
      createSecureConnection: ((port: number | ConnectionOptions, host: string) =>
        typeof port === 'number'
          ? once(() => connectTls({ ...this.#trust(), port, host }))
          : watch(connectTls(port))) as unknown as typeof connectTls,
    });
    const connection: Connection = { client, socket: null, bytes_left: 0 };
    return connection;
  }

  #trust() {
    const { url, ca } = this.#place;
    const host = url.hostname.replace(/^\[(.*)\]$/, '$1');
    return { host, ...(isIP(host) === 0 ? { servername: host } : {}), ...(ca === null ? {} : { ca }) };
  }

  /** Once for each connection, who we are; once for all, that the server can compare versions. */
  async #greet(client: Ldapts.Client, ctx: Ctx): Promise<void> {
    const { bind_dn, password_secret, start_tls = false } = this.#place.config;
    try {
      if (start_tls) await client.startTLS(this.#trust());
      if (bind_dn !== undefined) {
        const password = await ctx.secret(password_secret!);
        // A directory takes that for nobody, and says that all is well (RFC 4513, 5.1.2).
        if (password === '') throw new IndelibleError('CONNECTOR_CONFIG', 'the password is empty');
        await client.bind(bind_dn, password);
      }
    } catch (error) {
      throw directoryFault(error, 'bind');
    }
    if (this.#checked) return;
    const { searchEntries } = await client.search('', { scope: 'base', attributes: ['supportedControl'] });
    if (![searchEntries[0]?.supportedControl ?? []].flat().some((oid) => String(oid) === ASSERTION)) {
      throw new IndelibleError(
        'CONNECTOR_CONFIG',
        'the directory has no assertion control (RFC 4528): it could not compare versions',
      );
    }
    this.#checked = true;
  }
}

/** The entry that a change left, from the change's own answer where the server gives it. */
function postRead(ldapts: typeof Ldapts) {
  const { control, left } = postReadOf(ldapts, READ);
  return {
    control,
    left: (): Entry | null => {
      const found = left();
      return found === null ? null : entryOf(found.toObject([], []));
    },
  };
}

function hangUp({ socket }: Connection): void {
  socket?.destroy(new Error('not waited for any longer'));
}

function entryOf({ dn, ...all }: Ldapts.Entry): Entry {
  const attributes = new Map<string, Buffer[]>();
  const operational: Record<string, string> = {};
  for (const [name, given] of Object.entries(all)) {
    const values = [given].flat().map((value) => (typeof value === 'string' ? Buffer.from(value) : value));
    const folded = name.toLowerCase();
    // What was asked for and is not there comes as an empty list.
    if (values.length === 0) continue;
    if (OWN_NAMES.has(folded)) operational[folded] = String(values[0]);
    else attributes.set(folded, values);
  }
  const { hassubordinates, ...shown } = operational;
  const version = shown.entrycsn;
  if (version === undefined)
    throw new IndelibleError('CONNECTOR_CONFIG', 'entryCSN, the version of an entry, may not be read');
  return { dn, attributes, operational: shown, version, has_children: hassubordinates === 'TRUE' };
}
