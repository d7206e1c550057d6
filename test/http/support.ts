/**
 * A server over ledgers in memory, on a free port, and a client for it.
 */
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { Event, LedgerRecord } from '@indelible/core';
import type { TokenRequest } from '../../packages/indelible/src/access/token.ts';
import { createLogger } from '../../packages/indelible/src/http/logger.ts';
import type { ServerOptions, Settings } from '../../packages/indelible/src/http/options.ts';
import { type AuditServer, createServer } from '../../packages/indelible/src/http/server.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LedgerWriter } from '../../packages/indelible/src/ledger/types.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openSqliteIndex } from '../../packages/indelible/src/stores/index/sqlite-index.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { type CheckpointOptions, openTransparency } from '../../packages/indelible/src/transparency/open.ts';
import { ManualTimers, signer } from '../transparency/support.ts';

export interface Rig {
  readonly url: string;
  readonly server: AuditServer;
  /** The home ledger. */
  readonly ledger: Ledger;
  readonly ledgers: ReadonlyMap<string, Ledger>;
  /** What the server logged. */
  readonly log: string[];
  /** A new token's secret; default: reading and writing. */
  token(request?: Partial<TokenRequest>): Promise<string>;
  /** A request with a token (null: none). */
  call(path: string, secret: string | null, init?: RequestInit): Promise<Response>;
  post(secret: string | null, body: string | Uint8Array, headers?: Record<string, string>): Promise<Response>;
  /** All records of the home ledger with this action. */
  records(action: string): Promise<LedgerRecord[]>;
}

export interface RigOptions extends Partial<Settings> {
  /** Names of the ledgers; default one, `test/home`. */
  readonly names?: readonly string[];
  readonly store?: LogStore;
  /** Sign checkpoints, only when asked to unless there are other timers. */
  readonly checkpoints?: CheckpointOptions;
  readonly anchors?: NonNullable<ServerOptions['anchors']>;
}

const SILENT = { info() {}, warn() {}, error() {} };

export async function openTestLedger(
  name: string,
  store: LogStore = openMemoryStore(),
  checkpoints?: CheckpointOptions,
): Promise<Ledger> {
  const follow = (ledger: LedgerWriter) =>
    openTransparency({
      signer: signer(1, name),
      checkpoint_timers: new ManualTimers(),
      ...checkpoints,
      ledger,
      folder: null,
      keyed: false,
      log: SILENT,
    });
  const index = await openSqliteIndex({ path: ':memory:', threads: 'none' });
  return Ledger.open({ name, store, index, ...(checkpoints === undefined ? {} : { follow }) });
}

/** Starts a server that ends with the test. */
export async function startRig(
  t: TestContext,
  { names = ['test/home'], store, checkpoints, ...settings }: RigOptions = {},
): Promise<Rig> {
  const ledgers = new Map<string, Ledger>();
  for (const name of names)
    ledgers.set(name, await openTestLedger(name, ledgers.size === 0 ? store : undefined, checkpoints));
  const home = [...ledgers.values()][0]!;
  const log: string[] = [];
  const logger = createLogger('trace', { write: (line: string) => void log.push(line) });
  const server = await createServer({ ...settings, ledgers, logger });
  await server.app.listen({ host: '127.0.0.1', port: 0 });
  t.after(async () => {
    await server.close();
    for (const open of ledgers.values()) await open.close();
  });
  const url = `http://127.0.0.1:${(server.app.server.address() as AddressInfo).port}`;
  let made = 0;
  const call: Rig['call'] = (path, secret, init = {}) => {
    const headers = new Headers(init.headers);
    if (secret !== null) headers.set('authorization', `Bearer ${secret}`);
    return fetch(url + path, { ...init, headers });
  };
  return {
    url,
    server,
    ledger: home,
    ledgers,
    log,
    call,
    async token(request = {}) {
      const asked = { name: `token-${++made}`, scopes: ['audit:read', 'audit:write'], ...request };
      return (await server.tokens.issue(asked, { type: 'user', id: 'root' })).secret;
    },
    post: (secret, body, headers = {}) =>
      call('/v1/records', secret, {
        method: 'POST',
        body: body as BodyInit,
        headers: { 'content-type': 'application/json', ...headers },
      }),
    records: (action) => recordsOf(home, action),
  };
}

/** All records of a ledger with this action, oldest first. */
export async function recordsOf(ledger: Ledger, action: string): Promise<LedgerRecord[]> {
  if (ledger.index !== null) {
    await ledger.caughtUp();
    const { seqs } = await ledger.index.search({ filter: { action }, order: 'oldest', limit: 10_000 });
    return (await ledger.get(seqs)).map(({ record }) => record);
  }
  const head = await ledger.head();
  const all = await ledger.get(Array.from({ length: (head?.seq ?? -1) + 1 }, (_, seq) => seq));
  return all.map(({ record }) => record).filter((record) => record.action === action);
}

/** The problem in an answer. */
export async function problem(
  response: Response,
): Promise<Record<string, unknown> & { code: string; detail: string }> {
  return (await response.json()) as Record<string, unknown> & { code: string; detail: string };
}

export function event(action: string, more: Partial<Event> = {}): string {
  return JSON.stringify({ action, ...more });
}
