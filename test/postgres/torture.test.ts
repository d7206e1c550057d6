/**
 * Everybody at once, and then with kills: no fork, no gap, no deadlock, order kept; nothing acknowledged lost, nothing
 * twice.
 *
 * INDELIBLE_POSTGRES_SECONDS (default 0.5) says for how long; from 10 on with 32 sessions, four servers and two sealers,
 * otherwise with fewer. INDELIBLE_POSTGRES_KILLS (default 1) says how often the sealer, a server and PostgreSQL are killed,
 * each.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { openPostgresOutbox } from '../../packages/indelible/src/stores/postgres/postgres-outbox.ts';
import { noPostgres } from '../support/postgres.ts';
import { assertKept, Child, Promises, SqlSession } from './load.ts';
import { Psql } from './psql.ts';
import { APP, Databases } from './support.ts';

const SECONDS = Number(process.env.INDELIBLE_POSTGRES_SECONDS ?? 0.5);
const KILLS = Number(process.env.INDELIBLE_POSTGRES_KILLS ?? 1);
const FULL = SECONDS >= 10;
const LEDGER = 'acme.example/torture';
const skip = noPostgres();
let databases: Databases;
let folder: string;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'indelible-torture-'));
  databases = await Databases.start([LEDGER], { fsync: true });
});
after(async () => {
  await databases?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

let locals = 0;
const withLocal = (url: string): string => `${url}&local=${join(folder, `local-${locals++}`)}`;

/** All that was committed to the outbox is in the log. */
async function drained(url: string): Promise<void> {
  const outbox = await openPostgresOutbox({ url, default_ledger: LEDGER });
  for (;;) {
    const { waiting, refused } = await outbox.lag();
    assert.equal(refused, 0);
    if (waiting === 0) break;
    await pause(20);
  }
  await outbox.close();
}

test('servers, plain SQL and the outbox at once', { skip }, async (t) => {
  const database = await databases.create();
  const url = databases.url(database, LEDGER);
  const promises = new Promises();
  const servers: Child[] = [new Child('./server-process.ts', withLocal(url), 'server0')];
  const sealers = Array.from({ length: FULL ? 2 : 1 }, () => new Child('./sealer-process.ts', url));
  // The first makes the ledger.
  await servers[0]!.until((said) => said.includes('ready'));
  for (let i = 1; i < (FULL ? 4 : 1); i++)
    servers.push(new Child('./server-process.ts', withLocal(url), `server${i}`));
  await Promise.all(servers.map((server) => server.until((said) => said.includes('ready'))));
  const sql_url = databases.server.url(database, APP);
  const sessions = Array.from(
    { length: FULL ? 28 : 6 },
    (_, i) => new SqlSession(sql_url, LEDGER, `session${i}`, promises),
  );
  const shells = Array.from({ length: FULL ? 4 : 1 }, (_, i) => Psql.start(sql_url, LEDGER, `psql${i}`));
  await pause(SECONDS * 1000);
  await Promise.all([...sessions, ...servers].map((one) => one.stop()));
  for (const shell of shells) await shell?.stop(promises);
  await drained(url);
  await Promise.all(sealers.map((sealer) => sealer.stop()));
  for (const server of servers) promises.fromServer(server);
  const { committed } = promises;
  const promised = promises.receipts.size;
  assert.deepEqual(promises.errors, []);
  assert.doesNotMatch(databases.server.log, /deadlock|PANIC/);
  for (const name of [...servers.map((_, i) => `server${i}`), ...sessions.map((_, i) => `session${i}`)])
    assert.ok(
      Array.from(committed).some((mark) => mark.startsWith(`${name} `)),
      `${name} got somewhere`,
    );
  const records = await assertKept(url, promises);
  t.diagnostic(`${records} records; ${committed.size} events promised, ${promised} of them with a receipt`);
});

test(`${KILLS} kills each of the sealer, a server and PostgreSQL`, { skip }, async (t) => {
  const database = await databases.create();
  const url = databases.url(database, LEDGER);
  const sql_url = databases.server.url(database, APP);
  const promises = new Promises();
  const startServer = (name: string) => new Child('./server-process.ts', withLocal(url), name, '4');
  const servers = [startServer('server0')];
  const sealers = Array.from({ length: FULL ? 2 : 1 }, () => new Child('./sealer-process.ts', url));
  await servers[0]!.until((said) => said.includes('ready'));
  if (FULL) servers.push(startServer('server1'));
  const sessions = Array.from(
    { length: FULL ? 8 : 3 },
    (_, i) => new SqlSession(sql_url, LEDGER, `session${i}`, promises, true),
  );
  const progress = async (child: Child) => {
    const before = child.said.length;
    await child.until((said) => said.length > before + 5);
  };
  for (let kill = 0; kill < KILLS; kill++) {
    // The one that leads.
    await Promise.any(sealers.map((sealer) => sealer.until((said) => said.includes('leads'))));
    const leader = sealers.findIndex(({ said }) => said.includes('leads'));
    await sealers[leader]!.kill();
    sealers[leader] = new Child('./sealer-process.ts', url);

    const victim = kill % servers.length;
    await progress(servers[victim]!);
    await servers[victim]!.kill();
    promises.fromServer(servers[victim]!);
    servers[victim] = startServer(`server${victim}k${kill}`);
    await servers[victim]!.until((said) => said.includes('ready'));

    await Promise.all(servers.map(progress));
    await databases.server.kill();
    await databases.server.start();
    await Promise.all(servers.map(progress));
  }
  await Promise.all([...sessions, ...servers].map((one) => one.stop()));
  await drained(url);
  await Promise.all(sealers.map((sealer) => sealer.stop()));
  for (const server of servers) promises.fromServer(server);
  const { committed, unknown } = promises;
  const promised = promises.receipts.size;
  const records = await assertKept(url, promises);
  t.diagnostic(
    `${records} records; ${committed.size} events promised, ${promised} with a receipt, ${unknown.size} unknown`,
  );
});
