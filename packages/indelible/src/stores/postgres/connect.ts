/**
 * One session on a server: the first host that answers and is fit for the purpose.
 *
 * All values come back as text, and statements are pipelined: the next is sent before the last is answered.
 *
 * Errors:  DRIVER_MISSING and whatever `pg` raises; STORE_READ_ONLY where every host is a standby; STORE_UNSUITABLE
 *          behind a pooler in transaction mode.
 */
import { randomBytes } from 'node:crypto';
import { IndelibleError } from '@indelible/core';
import type { Client } from 'pg';
import { loadDriver } from './driver.ts';
import { isLost } from './faults.ts';
import type { Limits } from './limits.ts';
import { claimBackend, MARK } from './own-backend.ts';
import type { PostgresPlace } from './url.ts';

export interface SessionSetup extends Limits {
  readonly place: PostgresPlace;
  /** `read` promises to change nothing. */
  readonly purpose: 'write' | 'read' | 'listen';
  /** Passes over standbys: they may be behind, and take no changes. */
  readonly on_primary: boolean;
}

/** Which backend serves a session, so that it can be told from every other that there ever was. */
export interface Backend {
  readonly pid: string;
  readonly started: string;
  readonly name: string;
}

export interface Session {
  readonly client: Client;
  readonly backend: Backend;
  readonly is_standby: boolean;
}

/** What the server may take of the time for an answer; the rest is for the way. */
const SERVERS_SHARE = 0.8;
/** A probe when nothing was heard for so long: a firewall forgets silent connections without a word. */
const KEEPALIVE_MS = 10_000;
const TEXT = { getTypeParser: () => (value: string) => value } as never;

/** Tries one host after the other. */
export async function connect(setup: SessionSetup): Promise<Session> {
  const { Client } = await loadDriver();
  let failure: unknown;
  for (const connectionString of setup.place.connections) {
    const client = new Client({
      connectionString,
      types: TEXT,
      pipeline: true,
      keepAlive: true,
      keepAliveInitialDelayMillis: KEEPALIVE_MS,
      connectionTimeoutMillis: setup.connect_ms_max,
      query_timeout: setup.answer_ms_max,
      fallback_application_name: 'indelible',
    });
    // Without a listener an idle connection that breaks would end the process; statements tell by themselves.
    client.on('error', () => {});
    try {
      await client.connect();
      const session = await begin(client, setup);
      if (!setup.on_primary || !session.is_standby) return session;
      failure = new IndelibleError('STORE_READ_ONLY', `${setup.place.shown} is a standby, or read-only`);
    } catch (error) {
      // A standby says more than that another host is down.
      if (failure === undefined || !isLost(error)) failure = error;
    }
    await client.end().catch(() => {});
  }
  throw failure;
}

/** What is acknowledged is durable, whatever the database or the role was set to. Less than `on` for standbys is its owner's choice. */
const DURABLE = `CASE current_setting('synchronous_commit') WHEN 'off' THEN set_config('synchronous_commit', 'on', false) END`;

/** Settings for the session alone. Each name is new, so that this session can be recognised for certain. */
async function begin(client: Client, setup: SessionSetup): Promise<Session> {
  const name = `indelible ${setup.purpose} ${randomBytes(6).toString('hex')}`;
  const statement_ms = Math.ceil(setup.answer_ms_max * SERVERS_SHARE);
  const settings = {
    [MARK]: name,
    application_name: name,
    client_min_messages: 'warning',
    statement_timeout: `${statement_ms}ms`,
    lock_timeout: `${setup.lock_ms_max}ms`,
    // Whoever reserved the ledger and hangs must not keep it from others for ever.
    idle_in_transaction_session_timeout: `${statement_ms}ms`,
    default_transaction_read_only: setup.purpose === 'read' ? 'on' : 'off',
    // Under a stricter one, a statement would not see what was appended while it waited for its turn.
    default_transaction_isolation: 'read committed',
    // All that is asked of records follows an index. A planner that has not seen how they grew would rather sort them.
    enable_seqscan: 'off',
    enable_bitmapscan: 'off',
    enable_sort: 'off',
    // Where one of these cannot be avoided, it counts as so expensive that the server would compile the plan, for seconds.
    jit: 'off',
    search_path: 'pg_catalog, pg_temp',
    // Off, a policy would be an error.
    row_security: 'on',
    // What the database says of our schema is compared letter by letter.
    quote_all_identifiers: 'off',
    standard_conforming_strings: 'on',
    // The server finds out soon, too, that nobody is there any more.
    tcp_keepalives_idle: '10',
    tcp_keepalives_interval: '5',
    tcp_keepalives_count: '3',
  };
  const list = Object.keys(settings).map((setting, i) => `set_config('${setting}', $${i + 1}, false)`);
  const { rows } = await client.query({
    text: `SELECT pg_backend_pid(),
        (SELECT extract(epoch FROM backend_start)::text FROM pg_stat_get_activity(pg_backend_pid())),
        pg_is_in_recovery() OR current_setting('transaction_read_only') = 'on',
        current_setting('${MARK}', true), ${DURABLE}, ${list.join(', ')}`,
    values: Object.values(settings),
    rowMode: 'array',
  });
  const [pid, started, standby, mark] = rows[0] as (string | null)[];
  await claimBackend(client, name, mark ?? null, setup.place.shown);
  return { client, backend: { pid: pid!, started: started!, name }, is_standby: standby === 't' };
}
