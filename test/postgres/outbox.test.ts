/** The outbox on a real server: what is committed is sealed once, and what cannot be sealed keeps nobody waiting. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { openLedger, openOutboxSealer } from '../../packages/indelible/src/compose.ts';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import type { OutboxSealer } from '../../packages/indelible/src/outbox/sealer.ts';
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import { openPostgresOutbox } from '../../packages/indelible/src/stores/postgres/postgres-outbox.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'acme.example/outbox';
const skip = noPostgres();
let databases: Databases;
let folder: string;
before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'indelible-outbox-'));
  databases = await Databases.start([LEDGER]);
});
after(async () => {
  await databases?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

interface Place {
  readonly url: string;
  readonly database: string;
  /** Runs SQL as the application. */
  sql(text: string, values?: unknown[]): Promise<Record<string, unknown>[]>;
  records(): Promise<{ seq: number; action: string; data?: { n?: number } }[]>;
}

/** A ledger with its first record, and a connection of the application. */
async function place(t: TestContext): Promise<Place> {
  const database = await databases.create();
  const url = `${databases.url(database, LEDGER)}&local=${join(folder, database)}`;
  await (await openLedger(url)).close();
  const connection = await connectPostgres(databases.server.url(database, APP));
  t.after(() => connection.end());
  return {
    url,
    database,
    sql: async (text, values) => (await connection.query(text, values)).rows,
    records: async () => {
      const store = await openPostgresStore({ url: databases.url(database, LEDGER), default_ledger: LEDGER });
      const all = [];
      for await (const { bytes } of store.read(1))
        all.push(
          ...Buffer.from(bytes)
            .toString()
            .trimEnd()
            .split('\n')
            .map((line) => JSON.parse(line).record),
        );
      await store.close();
      return all;
    },
  };
}

const leave = (n: number, more = ''): string =>
  `INSERT INTO indelible.outbox (action, data${more === '' ? '' : ', idempotency_key'})
    VALUES ('order.paid', '{"n":${n}}'${more === '' ? '' : `, '${more}'`})`;

async function sealerOf({ url }: Place): Promise<OutboxSealer> {
  return (await openOutboxSealer(url))!;
}

const never = () => new AbortController().signal;

test('what is committed is sealed in order; what is rolled back leaves nothing', { skip }, async (t) => {
  const here = await place(t);
  for (const n of [1, 2]) await here.sql(leave(n));
  await here.sql(`BEGIN; ${leave(3)}; ROLLBACK`);
  await here.sql(`BEGIN; ${leave(4)}; ${leave(5)}; COMMIT`);
  const sealer = await sealerOf(here);
  assert.equal((await sealer.lag()).waiting, 4);
  await sealer.drain(never());
  assert.deepEqual(
    (await here.records()).map(({ data }) => data?.n),
    [1, 2, 4, 5],
  );
  assert.deepEqual(await sealer.lag(), { waiting: 0, oldest_s: 0, refused: 0 });
  await sealer.close();
});

test('a key counts once, whichever way it came; other content under it is set aside', { skip }, async (t) => {
  const here = await place(t);
  await here.sql(leave(1, 'k'));
  await here.sql(leave(1, 'k'));
  await here.sql(leave(2, 'k'));
  await here.sql(leave(3));
  const sealer = await sealerOf(here);
  await sealer.drain(never());
  await here.sql(leave(1, 'k'));
  await sealer.drain(never());
  assert.deepEqual(
    (await here.records()).map(({ data }) => data?.n),
    [1, 3],
  );
  const { sealed, duplicates, refused } = sealer.status;
  assert.deepEqual({ sealed, duplicates, refused }, { sealed: 2, duplicates: 2, refused: 1 });
  await sealer.close();
});

test('an event too large for a record is set aside with its reason, and the others go on', {
  skip,
}, async (t) => {
  const here = await place(t);
  await here.sql(`INSERT INTO indelible.outbox (action, data) VALUES ('too.large', $1)`, [
    JSON.stringify({ text: 'x'.repeat(70_000) }),
  ]);
  await here.sql(leave(1));
  const sealer = await sealerOf(here);
  await sealer.drain(never());
  assert.deepEqual(
    (await here.records()).map(({ data }) => data?.n),
    [1],
  );
  assert.equal((await sealer.lag()).refused, 1);
  const [row] = await databases.run(here.database, 'SELECT code, event FROM indelible.outbox_refused');
  assert.equal(row?.code, 'RECORD_TOO_LARGE');
  assert.match(String(row?.event), /too\.large/);
  await sealer.close();
});

test('a sealer that sleeps is woken by an insert', { skip, timeout: 10_000 }, async (t) => {
  const here = await place(t);
  const outbox = await openPostgresOutbox({
    url: databases.url(here.database, LEDGER),
    default_ledger: LEDGER,
  });
  t.after(() => outbox.close());
  const { epoch } = await outbox.lead('sleeper', 30);
  // The first wait makes the session that listens, which wakes whoever waits.
  await outbox.waitForEvents(1_000_000, never());
  await outbox.idle(epoch, 30);
  // Keeping the lead does not end that.
  await outbox.lead('sleeper', 30);
  const woken = outbox.waitForEvents(1_000_000, never());
  await here.sql(leave(1));
  await woken;
  assert.equal((await outbox.waiting(10, 1000)).events.length, 1);
});

test('a sealer whose lead is over changes nothing', { skip }, async (t) => {
  const here = await place(t);
  await here.sql(leave(1));
  const outbox = await openPostgresOutbox({
    url: databases.url(here.database, LEDGER),
    default_ledger: LEDGER,
  });
  t.after(() => outbox.close());
  const first = await outbox.lead('first', 30);
  assert.deepEqual(await outbox.lead('second', 30), { is_leader: false, epoch: first.epoch });
  await outbox.lead('first', 0);
  const second = await outbox.lead('second', 30);
  assert.equal(second.is_leader, true);
  const [waiting] = (await outbox.waiting(10, 1000)).events;
  const nothing = { first_seq: 1, bytes: new Uint8Array(), ends: [] };
  await assert.rejects(outbox.seal(first.epoch, nothing, null, [waiting!.position]), {
    code: 'OUTBOX_FENCED',
  });
  await assert.rejects(outbox.setAside(first.epoch, [{ ...waiting!, code: 'X', message: 'x' }]), {
    code: 'OUTBOX_FENCED',
  });
  assert.equal((await outbox.lag()).waiting, 1);
  await outbox.seal(second.epoch, nothing, null, [waiting!.position]);
  assert.equal((await outbox.lag()).waiting, 0);
});

test('a server seals, and shows in health and metrics how it is doing', { skip }, async (t) => {
  const here = await place(t);
  const running = await serve({
    ledger_urls: [here.url],
    port: 0,
    print() {},
    log_level: 'silent',
    metrics_access: 'open',
    signals: false,
    verify_every_ms: null,
  });
  t.after(() => running.close());
  const began = performance.now();
  await here.sql(leave(1));
  while ((await here.records()).every(({ action }) => action !== 'order.paid')) await turn();
  t.diagnostic(`committed, sealed and read again after ${Math.round(performance.now() - began)} ms`);
  const health = (await (await fetch(`${running.url}/healthz`)).json()) as { ledgers: { outbox: unknown }[] };
  assert.deepEqual(health.ledgers[0]!.outbox, {
    is_leader: true,
    waiting: 0,
    oldest_s: 0,
    refused: 0,
    fault: null,
  });
  const metrics = await (await fetch(`${running.url}/metrics`)).text();
  for (const [name, value] of [
    ['waiting_events', 0],
    ['lag_seconds', 0],
    ['refused_events', 0],
    ['sealed_total', 1],
    ['leader', 1],
    ['failing', 0],
  ])
    assert.match(metrics, new RegExp(`^indelible_outbox_${name}\\{ledger="${LEDGER}"\\} ${value}$`, 'm'));
});
