/** A server whose database goes away and comes back, or keeps silent: it says so, recovers by itself, and ends in time. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { TcpProxy } from '../support/tcp-proxy.ts';
import { until } from '../transparency/support.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'acme.example/outage';
/** The server's own waits are some seconds; only one that never ends meets this. */
const STUCK = { timeout: 60_000 };
const skip = noPostgres();
let databases: Databases;
let folder: string;
before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'indelible-outage-'));
  databases = await Databases.start([LEDGER], {});
});
after(async () => {
  await databases?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

/** A server behind a wire, and a way to record there. */
async function start(t: TestContext, times: { readonly close_ms_max?: number } = {}) {
  const database = await databases.create();
  const wire = await TcpProxy.start(databases.server.port);
  t.after(() => wire.close());
  const said: string[] = [];
  const running = await serve({
    ledger_urls: [
      `${databases.server.url(database, APP, wire.port)}?ledger=${LEDGER}&local=${join(folder, database)}`,
    ],
    port: 0,
    print: (line) => void said.push(line),
    log_level: 'silent',
    signals: false,
    verify_every_ms: null,
    resume_every_ms: 20,
    shutdown_grace_ms: 20,
    ...times,
  });
  const token = /ind_\S+/.exec(said.join('\n'))![0];
  const record = (key: string) =>
    fetch(`${running.url}/v1/records`, {
      method: 'POST',
      headers: {
        authorization: `Bearer ${token}`,
        'content-type': 'application/json',
        'idempotency-key': key,
      },
      body: JSON.stringify({ action: 'order.paid', data: { key } }),
    });
  const isReady = async () => (await fetch(`${running.url}/readyz`)).ok;
  /** The keys of what was recorded, straight from the database. */
  const recorded = async () => {
    const store = await openPostgresStore({ url: databases.url(database, LEDGER), default_ledger: LEDGER });
    const lines: string[] = [];
    for await (const { bytes } of store.read(0))
      lines.push(...Buffer.from(bytes).toString().trimEnd().split('\n'));
    await store.close();
    const events = lines.map((line) => JSON.parse(line).record as { action: string; data: { key: string } });
    return events.filter(({ action }) => action === 'order.paid').map(({ data }) => data.key);
  };
  return { running, wire, record, isReady, recorded };
}

test('the database dies and comes back: refused with 503, then ready without any request, each record once', {
  skip,
  ...STUCK,
}, async (t) => {
  const { running, record, isReady, recorded } = await start(t);
  t.after(() => running.close());
  assert.equal((await record('a')).status, 201);
  await databases.server.kill();
  const refused = await record('b');
  assert.deepEqual([refused.status, refused.headers.get('retry-after')], [503, '1']);
  assert.equal(((await refused.json()) as { code: string }).code, 'STORE_UNAVAILABLE');
  assert.equal(await isReady(), false);
  await databases.server.start();
  await until('it is ready again', isReady);
  assert.deepEqual([(await record('a')).status, (await record('b')).status], [200, 201]);
  assert.deepEqual(await recorded(), ['a', 'b']);
});

test('a database that keeps silent does not keep the server from ending; what was acknowledged is there', {
  skip,
  ...STUCK,
}, async (t) => {
  const { running, wire, record, recorded } = await start(t, { close_ms_max: 500 });
  assert.equal((await record('a')).status, 201);
  wire.silence({ towards_server: true, towards_client: true });
  const cut = record('b').catch(() => null);
  await assert.rejects(running.close(), { code: 'STORE_UNAVAILABLE', exit_code: 3 });
  assert.equal(await cut, null, 'nobody was told that it was recorded');
  assert.deepEqual(await recorded(), ['a']);
});
