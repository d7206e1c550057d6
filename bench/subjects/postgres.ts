/**
 * PostgreSQL: the ways into a ledger there, and what people have instead.
 */
import { canonicalize, type Event, GENESIS_HASH } from '@indelible/core';
import type { Client } from 'pg';
import { openOutboxSealer } from '../../packages/indelible/src/compose.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { baselineRecord } from '../baseline-record.ts';
import { EventPool } from '../events.ts';
import { type Measures, numberParam, type Params, quantile, textParam } from '../sample.ts';
import { measureAppends, perSecond } from './ledger-append.ts';
import { BenchDatabase, LEDGER } from './postgres-server.ts';

/** The application path: callers of a ledger, index included. */
export async function postgresLedger(params: Params, folder: string): Promise<Measures> {
  const database = await BenchDatabase.start(folder);
  await database.install();
  const measures = await measureAppends(params, database.ledger_url);
  await database.stop();
  return measures;
}

/** So many rows are made before they are copied. */
const ROWS_AHEAD = 20_000;

/** COPY into a table without any chain: the best that PostgreSQL can do with the same rows in the same batches. */
export async function postgresCopy(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const batch = Math.max(1, Math.round(numberParam(params, 'batch_records')));
  const database = await BenchDatabase.start(folder);
  await database.prepare(
    'CREATE TABLE plain (seq bigint PRIMARY KEY, hash text NOT NULL, body text NOT NULL)',
  );
  const client = await database.connect('postgres');
  const events = new EventPool(records);
  let seq = 0;
  const next = (): Buffer => {
    const lines: string[] = [];
    for (let i = 0; i < batch; i++) {
      const body = canonicalize(baselineRecord(events.next(), seq, GENESIS_HASH, new Date().toISOString()));
      lines.push(`${seq++}\t${GENESIS_HASH}\t${body.replaceAll('\\', '\\\\')}\n`);
    }
    return Buffer.from(lines.join(''));
  };
  let ms = 0;
  let copied = 0;
  for (let warm = true; copied < records; warm = false) {
    // Rows are made before the clock runs.
    const batches = Array.from({ length: Math.ceil(ROWS_AHEAD / batch) }, next);
    const started = performance.now();
    for (const rows of batches) await copy(client, rows);
    if (warm) continue;
    ms += performance.now() - started;
    copied += batches.length * batch;
  }
  await database.stop();
  return { records_per_s: perSecond(copied, ms), batch_records: batch };
}

function copy(client: Client, rows: Buffer): Promise<void> {
  return new Promise((resolve, reject) => {
    client.query({
      submit(connection: {
        query(text: string): void;
        sendCopyFromChunk(rows: Buffer): void;
        endCopyFrom(): void;
      }) {
        // Sent at once, without waiting for the server's invitation.
        connection.query('COPY plain FROM STDIN');
        connection.sendCopyFromChunk(rows);
        connection.endCopyFrom();
      },
      handleCopyInResponse() {},
      handleCommandComplete() {},
      handleError: reject,
      handleReadyForQuery: () => resolve(),
    } as never);
  });
}

/** The design that most people find first: a trigger that takes a lock, reads the last hash and digests. */
const CLASSIC = `
  CREATE EXTENSION pgcrypto;
  CREATE TABLE audit (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, tenant text NOT NULL, recorded_at timestamptz NOT NULL DEFAULT now(),
    event jsonb NOT NULL, prev_hash text NOT NULL, hash text NOT NULL);
  CREATE FUNCTION chain() RETURNS trigger LANGUAGE plpgsql AS $$
  BEGIN
    PERFORM pg_advisory_xact_lock(hashtext(NEW.tenant));
    SELECT hash INTO NEW.prev_hash FROM audit WHERE tenant = NEW.tenant ORDER BY id DESC LIMIT 1;
    NEW.prev_hash := coalesce(NEW.prev_hash, repeat('0', 64));
    NEW.hash := encode(digest(NEW.prev_hash || NEW.recorded_at::text || NEW.event::text, 'sha256'), 'hex');
    RETURN NEW;
  END $$;
  CREATE TRIGGER chain BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION chain();
  CREATE INDEX audit_tenant ON audit (tenant, id);
  CREATE ROLE classic LOGIN;
  GRANT SELECT, INSERT ON audit TO classic;
  ALTER TABLE audit ENABLE ROW LEVEL SECURITY;
  CREATE POLICY own ON audit USING (tenant = current_user) WITH CHECK (tenant = current_user);`;

const PLAIN = `
  CREATE TABLE events (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, action text NOT NULL, actor jsonb, resource jsonb, data jsonb,
    correlation_id text, outcome text, created_at timestamptz NOT NULL DEFAULT now());
  CREATE ROLE plain LOGIN;
  GRANT SELECT, INSERT ON events TO plain;`;

type Insert = (event: Event) => { readonly text: string; readonly values: unknown[] };

const json = (value: unknown): string | null => (value === undefined ? null : JSON.stringify(value));
const members = ({ action, actor, resource, data, correlation_id, outcome }: Event): unknown[] => [
  action,
  json(actor),
  json(resource),
  json(data),
  correlation_id ?? null,
  outcome ?? 'ok',
];

const INTO: Readonly<
  Record<string, { readonly sql: string | null; readonly user?: string; readonly insert: Insert }>
> = {
  classic: {
    sql: CLASSIC,
    user: 'classic',
    insert: (event) => ({
      text: 'INSERT INTO audit (tenant, event) VALUES (current_user, $1) RETURNING id, recorded_at, hash',
      values: [JSON.stringify(event)],
    }),
  },
  plain: {
    sql: PLAIN,
    user: 'plain',
    insert: (event) => ({
      text: `INSERT INTO events (action, actor, resource, data, correlation_id, outcome)
        VALUES ($1, $2, $3, $4, $5, $6)`,
      values: members(event),
    }),
  },
  sealed: {
    sql: null,
    insert: (event) => ({
      text: `INSERT INTO indelible.events (action, actor, resource, data, correlation_id, outcome)
        VALUES ($1, $2, $3, $4, $5, $6) RETURNING seq, recorded_at, hash`,
      values: members(event),
    }),
  },
  outbox: {
    sql: null,
    insert: (event) => ({
      text: `INSERT INTO indelible.outbox (action, actor, resource, data, correlation_id, outcome)
        VALUES ($1, $2, $3, $4, $5, $6)`,
      values: members(event),
    }),
  },
};

/** Clients that insert one event in a transaction each, as applications do. */
export async function postgresInsert(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const { sql, user, insert } = INTO[textParam(params, 'into')]!;
  const database = await BenchDatabase.start(folder);
  if (sql === null) {
    await database.install();
    await createLedger(database);
  } else await database.prepare(sql);
  const clients = await Promise.all(
    Array.from({ length: numberParam(params, 'clients') }, () => database.connect(user)),
  );
  const events = new EventPool(records);
  const waits = new Float64Array(records);
  const run = async (count: number): Promise<number> => {
    let taken = 0;
    const started = performance.now();
    await Promise.all(
      clients.map(async (client) => {
        while (taken < count) {
          const i = taken++;
          const called = performance.now();
          await client.query({ name: 'insert', ...insert(events.next()) });
          waits[i] = performance.now() - called;
        }
      }),
    );
    return performance.now() - started;
  };
  await run(Math.ceil(records / 10));
  // As autovacuum does within a minute: without statistics the last row of a table is found by sorting it.
  await database.prepare('ANALYZE');
  const ms = await run(records);
  await database.stop();
  waits.sort();
  return {
    records_per_s: perSecond(records, ms),
    p50_ms: quantile(waits, 0.5),
    p99_ms: quantile(waits, 0.99),
  };
}

/** An outbox full of events, and how soon the sealer has them in the log. */
export async function postgresSealing(params: Params, folder: string): Promise<Measures> {
  const records = numberParam(params, 'records');
  const database = await BenchDatabase.start(folder);
  await database.install();
  await createLedger(database);
  const client = await database.connect();
  const events = new EventPool(records);
  const fill = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1000) {
      const rows = Array.from({ length: Math.min(1000, count - done) }, () => events.next());
      await client.query(
        `INSERT INTO indelible.outbox (action, actor, resource, data, correlation_id, outcome)
         SELECT e->>'action', (e->'actor')::text::json, (e->'resource')::text::json, (e->'data')::text::json,
           e->>'correlation_id', coalesce(e->>'outcome', 'ok')
         FROM jsonb_array_elements($1::jsonb) AS e`,
        [JSON.stringify(rows)],
      );
    }
  };
  const drain = async (): Promise<number> => {
    const sealer = (await openOutboxSealer(database.ledger_url))!;
    const started = performance.now();
    await sealer.drain(new AbortController().signal);
    const ms = performance.now() - started;
    await sealer.close();
    return ms;
  };
  await fill(Math.ceil(records / 10));
  await drain();
  await fill(records);
  await database.prepare('ANALYZE');
  const ms = await drain();
  const store = await openPostgresStore({
    url: database.ledger_url.replace(/&local=.*/, ''),
    default_ledger: LEDGER,
  });
  const head = await store.head();
  await store.close();
  await database.stop();
  if (head === null || head.seq < records) throw new Error(`the log ends with ${head?.seq}`);
  return { records_per_s: perSecond(records, ms) };
}

/** Its first record. */
async function createLedger(database: BenchDatabase): Promise<void> {
  const url = database.ledger_url.replace(/&local=.*/, '');
  await (await Ledger.open({ store: await openPostgresStore({ url, default_ledger: LEDGER }) })).close();
}
