/**
 * The outbox of a ledger in PostgreSQL: rows of `indelible.outbox` that applications insert in their own transactions.
 *
 * Errors:  as the contract says, and HEAD_MOVED, OUTBOX_FENCED, DRIVER_MISSING, LEDGER_URL.
 */
import { IndelibleError } from '@indelible/core';
import type {
  Lease,
  Outbox,
  OutboxLag,
  RefusedEvent,
  SealedKey,
  Sweep,
  WaitingPart,
} from '../../outbox/contract.ts';
import type { Head, LineBatch } from '../contract.ts';
import { Appender, appendValues } from './appender.ts';
import { type Limits, limitsOf } from './limits.ts';
import { Link, type LinkSetup, type Row } from './link.ts';
import { Reader } from './reader.ts';
import { checkSchemaVersion } from './schema-version.ts';
import { parsePostgresUrl } from './url.ts';
import { Wake } from './wake.ts';

/** Where inserts are told while somebody says that it is idle. */
const OUTBOX = 'indelible_outbox';

/** Those of a sweep that goes on were committed when it began; the first one says when that was. */
const WAITING = `SELECT position, event,
    CASE WHEN bytes_before = 0 THEN last END, CASE WHEN bytes_before = 0 THEN seen END
  FROM (
    SELECT position, event, last, seen,
      sum(octet_length(event)) OVER (ORDER BY position) - octet_length(event) AS bytes_before
    FROM (
      SELECT o.position, indelible.outbox_event(o) AS event,
        (SELECT max(l.position) FROM indelible.outbox AS l WHERE l.ledger = $1) AS last,
        (SELECT pg_current_snapshot()) AS seen
      FROM indelible.outbox AS o WHERE o.ledger = $1 AND o.position > $2 AND o.position <= $3
        AND ($6::pg_snapshot IS NULL OR pg_visible_in_snapshot(o.xid, $6))
      ORDER BY o.position LIMIT $4
    ) AS page
  ) AS measured WHERE bytes_before < $5 ORDER BY position`;

/** As indelible.seal does: without that function in between. */
const SEAL = `INSERT INTO indelible.seals (ledger, expected_seq, expected_hash, lines, ends, epoch, positions)
  VALUES ($1, $2, $3, $4, $5, $6, $7)`;

export interface PostgresOutboxOptions extends Partial<Limits> {
  readonly url: string;
  /** The ledger when the URL names none. */
  readonly default_ledger: string;
}

export async function openPostgresOutbox(options: PostgresOutboxOptions): Promise<Outbox> {
  const outbox = new PostgresOutbox(options);
  try {
    await outbox.open();
    return outbox;
  } catch (error) {
    await outbox.close();
    throw error;
  }
}

class PostgresOutbox implements Outbox {
  readonly url: string;
  readonly ledger_name: string;
  readonly log: Outbox['log'];
  readonly #appender: Appender;
  /** For all that does not append. */
  readonly #link: Link;
  readonly #wake: Wake;
  #closing: Promise<void> | null = null;

  constructor(options: PostgresOutboxOptions) {
    const place = parsePostgresUrl(options.url);
    this.ledger_name = place.ledger ?? options.default_ledger;
    this.url = `${place.shown}?ledger=${this.ledger_name}`;
    const setup = (purpose: LinkSetup['purpose']): LinkSetup => ({
      place,
      purpose,
      on_primary: true,
      ...limitsOf(options),
    });
    this.#link = new Link(setup('write'));
    this.#wake = new Wake({ ...setup('listen'), patience_ms: 0 }, OUTBOX, this.ledger_name);
    this.#appender = new Appender(setup('write'), this.ledger_name, () => this.#link.drop());
    const reader = new Reader(this.#link, this.ledger_name);
    this.log = {
      url: this.url,
      head: async () => {
        this.#checkOpen();
        await this.#appender.settled();
        return reader.head();
      },
      get: (seqs) => reader.lines(seqs),
      read: (from, to) => reader.pages(from, to),
      reserve: () => this.#appender.reserve(),
    };
  }

  async open(): Promise<void> {
    await checkSchemaVersion(this.#link, this.url);
    await this.#appender.open();
  }

  async lead(holder: string, seconds: number): Promise<Lease> {
    const text = 'SELECT epoch, is_leader FROM indelible.lead($1, $2, $3)';
    const [row] = await this.#query('lead', text, [holder, seconds]);
    return { epoch: Number(row?.[0] ?? 0), is_leader: row?.[1] === 't' };
  }

  async waiting(
    at_most: number,
    bytes_max: number,
    behind?: { readonly after: number; readonly sweep: Sweep },
  ): Promise<WaitingPart> {
    const { after, sweep } = behind ?? { after: -1, sweep: null };
    const { up_to = Number.MAX_SAFE_INTEGER, seen = null } = sweep ?? {};
    const rows = await this.#query('waiting', WAITING, [after, up_to, at_most, bytes_max, seen]);
    const events = rows.map(([position, event]) => ({ position: Number(position), event: event ?? '' }));
    // Both of the same snapshot as the first events.
    const [, , last, now] = rows[0] ?? [];
    return { events, sweep: sweep ?? { up_to: Number(last ?? 0), seen: now ?? '' } };
  }

  async sealedKeys(keys: readonly string[]): Promise<Map<string, SealedKey>> {
    const text = 'SELECT key, digest, seq FROM indelible.idempotency_holders($1, $2)';
    const rows = await this.#query('keys', text, [JSON.stringify(keys)]);
    return new Map(rows.map(([key, digest, seq]) => [key ?? '', { digest: digest ?? '', seq: Number(seq) }]));
  }

  async seal(
    epoch: number,
    batch: LineBatch,
    expected: Head | null,
    positions: readonly number[],
  ): Promise<void> {
    this.#checkOpen();
    const values = [...appendValues(this.ledger_name, batch, expected), epoch, `{${positions.join(',')}}`];
    await this.#appender.change({ name: 'seal', text: SEAL, values });
  }

  async setAside(epoch: number, events: readonly RefusedEvent[]): Promise<void> {
    const text = 'SELECT indelible.set_aside($1, $2, $3)';
    await this.#query('set_aside', text, [epoch, JSON.stringify(events)]);
  }

  async idle(epoch: number, seconds: number): Promise<void> {
    await this.#query('idle', 'SELECT indelible.idle($1, $2, $3)', [epoch, seconds]);
  }

  async waitForEvents(ms: number, signal: AbortSignal): Promise<void> {
    const woken = this.#wake.next(ms, signal);
    try {
      await woken.promise;
    } finally {
      woken.forget();
    }
  }

  async lag(): Promise<OutboxLag> {
    const text = 'SELECT waiting, oldest_seconds, refused FROM indelible.outbox_lag WHERE ledger = $1';
    const [row] = await this.#query('lag', text, []);
    return {
      waiting: Number(row?.[0] ?? 0),
      oldest_s: Number(row?.[1] ?? 0),
      refused: Number(row?.[2] ?? 0),
    };
  }

  close(): Promise<void> {
    this.#closing ??= Promise.all([this.#wake.close(), this.#appender.close(), this.#link.close()]).then(
      () => {},
    );
    return this.#closing;
  }

  async #query(name: string, text: string, values: (string | number | null)[]): Promise<readonly Row[]> {
    this.#checkOpen();
    return (await this.#link.ask({ name, text, values: [this.ledger_name, ...values] })).rows;
  }

  #checkOpen(): void {
    if (this.#closing !== null) throw new IndelibleError('LEDGER_CLOSED', `${this.url} was closed`);
  }
}
