/**
 * PostgreSQL: a ledger there by every way in, beside what people have instead. One server per sample, all set up alike.
 */
import type { Params } from '../sample.ts';
import type { Case, Suite, Target, Turn } from '../suite.ts';

const CLIENTS = 8;
const CALLERS = 64;
/** As many as the bench of files and SQLite has. */
const MORE_CALLERS = 256;
const BULK_CALLERS = 2000;
/** Designs that commit each event by itself get fewer of them. */
const SINGLE_SHARE = 10;

export function postgresSuite(records: number): Suite {
  const few = Math.max(200, Math.round(records / SINGLE_SHARE));
  const ledger = (id: string, title: string, callers: number, more: Params = {}): Case => ({
    id,
    title,
    subject: 'postgres-ledger',
    params: () => ({ callers, records, ...more }),
  });
  // The batches that the ledger had in the same round.
  const copy = (id: string, like: string): Case => ({
    id,
    title: `COPY without any chain, batches of "${like}"`,
    subject: 'postgres-copy',
    params: (turn) => ({ records, batch_records: batchOf(turn, like) }),
  });
  const insert = (id: string, title: string, into: string): Case => ({
    id,
    title,
    subject: 'postgres-insert',
    params: () => ({ into, clients: CLIENTS, records: few }),
  });
  return {
    what: 'postgres',
    title: 'PostgreSQL: events per second, each acknowledged once it is durable',
    prepare: [],
    cases: [
      ledger('ledger', `application path, ${CALLERS} callers`, CALLERS),
      copy('copy', 'ledger'),
      ledger('ledger/256', `application path, ${MORE_CALLERS} callers`, MORE_CALLERS),
      copy('copy/256', 'ledger/256'),
      ledger('ledger/bulk', 'application path, 2,000 callers', BULK_CALLERS),
      copy('copy/bulk', 'ledger/bulk'),
      ledger('ledger/keyed', `application path, keyed, ${CALLERS} callers`, CALLERS, { keyed: true }),
      insert('classic', 'classic trigger: advisory lock, pgcrypto, row-level security; 8 clients', 'classic'),
      insert('sealed', 'plain SQL, sealed on insert; 8 clients', 'sealed'),
      insert('plain', 'plain insert, no chain; 8 clients', 'plain'),
      insert('outbox', 'insert into the outbox; 8 clients', 'outbox'),
      {
        id: 'sealing',
        title: 'sealing of a full outbox',
        subject: 'postgres-sealing',
        params: () => ({ records: Math.ceil(records / 2) }),
      },
    ],
    columns: [
      { measure: 'records_per_s', heading: 'events/s', show: 'count' },
      { measure: 'batch_records', heading: 'batch', show: 'decimal' },
      { measure: 'p50_ms', heading: 'p50', show: 'ms' },
      { measure: 'p99_ms', heading: 'p99', show: 'ms' },
    ],
    targets: [
      ratio('ledger', 'classic', { at_least: 15, aim: 25 }),
      ratio('ledger/256', 'classic', { at_least: 15, aim: 25 }),
      ratio('ledger/bulk', 'classic', { at_least: 15, aim: 25 }),
      ratio('ledger', 'copy', { at_least: 0.5 }),
      ratio('ledger/256', 'copy/256', { at_least: 0.5 }),
      ratio('ledger/bulk', 'copy/bulk', { at_least: 0.5 }),
      ratio('sealed', 'classic', { at_least: 1 }),
      ratio('outbox', 'plain', { at_least: 0.8 }),
      {
        title: 'sealing of the outbox, events/s',
        of: { case: 'sealing', measure: 'records_per_s' },
        show: 'count',
        at_least: 20_000,
      },
    ],
  };
}

function ratio(of: string, to: string, bounds: Pick<Target, 'at_least' | 'aim'>): Target {
  const measure = 'records_per_s';
  return {
    title: `${of} to ${to}`,
    of: { case: of, measure },
    to: { case: to, measure },
    show: 'decimal',
    ...bounds,
  };
}

function batchOf({ earlier }: Turn, id: string): number {
  return earlier.get(id)?.batch_records ?? 32;
}
