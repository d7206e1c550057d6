/** A server over an engine of governed writes: a ledger in memory, a system in memory, people with keys, a clock to turn. */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { JsonObject, LedgerRecord } from '@indelible/core';
import type { Scope } from '../../packages/indelible/src/access/scopes.ts';
import type { OpenedOperations } from '../../packages/indelible/src/compose/operations.ts';
import { type AuditServer, createServer } from '../../packages/indelible/src/http/server.ts';
import { openPolicies } from '../../packages/indelible/src/operations/policy/folder.ts';
import type { Operation } from '../../packages/indelible/src/operations/types.ts';
import type { MemoryOptions } from '../operations/memory-connector.ts';
import { World } from '../operations/world.ts';
import { recordsOf } from './support.ts';

export const ALICE = { type: 'user', id: 'alice' };
export const PRICE = { connector: 'memory', action: 'set', params: { key: 'price', value: 2 } };
export const ASKED = { members: [PRICE], reason: 'the price is wrong', on_behalf_of: ALICE };

/** An answer, read. */
export interface Answer {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: what a server answered, to be asserted upon.
  readonly body: any;
  readonly headers: Readonly<Record<string, unknown>>;
}

export interface Served {
  readonly world: World;
  readonly server: AuditServer;
  readonly opened: OpenedOperations;
  /** The secret of a token of this name, made with the first call. */
  token(name: string, ...scopes: Scope[]): Promise<string>;
  get(path: string, secret: string): Promise<Answer>;
  post(path: string, secret: string, body?: unknown, headers?: Record<string, string>): Promise<Answer>;
  /** Plans what needs two approvals; the operation as it was answered. */
  planned(body?: object): Promise<Operation>;
  /** What a vote's request holds. */
  ballot(operation: Operation, person: string, vote?: 'approve' | 'deny'): Promise<JsonObject>;
  records(action: string): Promise<LedgerRecord[]>;
}

export interface ServedOptions extends MemoryOptions {
  /** The folder of policies that checks are asked about; the engine has the world's. */
  readonly policies?: string;
}

export async function serveOperations(t: TestContext, options: ServedOptions = {}): Promise<Served> {
  const world = await World.open(t, options);
  const opened: OpenedOperations = {
    engine: world.engine,
    policies: openPolicies(options.policies ?? null),
    matrix: [],
    limitation: (connector, code) => `${connector}: ${code} in words`,
    close: async () => {},
  };
  const { name } = world.ledger;
  const server = await createServer({
    ledgers: new Map([[name, world.ledger]]),
    operations: new Map([[name, opened]]),
    clock: () => Date.parse(world.now),
    metrics_access: 'open',
  });
  t.after(() => server.close());
  world.policy.says = { effect: 'approve', approvals: [{ role: null, count: 2 }] };
  const secrets = new Map<string, string>();
  const inject = async (
    method: 'GET' | 'POST',
    url: string,
    secret: string,
    more: object,
  ): Promise<Answer> => {
    const headers = { authorization: `Bearer ${secret}`, ...(more as { headers?: object }).headers };
    const response = await server.app.inject({ ...more, method, url, headers });
    return { status: response.statusCode, body: response.json(), headers: response.headers };
  };
  const served: Served = {
    world,
    server,
    opened,
    async token(holder, ...scopes) {
      const known = secrets.get(holder);
      if (known !== undefined) return known;
      const { secret } = await server.tokens.issue({ name: holder, scopes }, { type: 'user', id: 'root' });
      secrets.set(holder, secret);
      return secret;
    },
    get: (path, secret) => inject('GET', path, secret, {}),
    post: (path, secret, body, headers = {}) =>
      inject('POST', path, secret, {
        headers: body === undefined ? headers : { 'content-type': 'application/json', ...headers },
        ...(body === undefined ? {} : { payload: JSON.stringify(body) }),
      }),
    async planned(body = ASKED) {
      const asked = await served.post(
        '/v1/operations',
        await served.token('helper', 'operations:plan'),
        body,
      );
      assert.equal(asked.status, 201, JSON.stringify(asked.body));
      return asked.body as Operation;
    },
    async ballot(operation, person, vote = 'approve') {
      const signature = await world.sign(operation, person, vote);
      return { plan_hash: operation.plan_hash, vote, signature: { ...signature } };
    },
    records: (action) => recordsOf(world.ledger, action),
  };
  return served;
}
