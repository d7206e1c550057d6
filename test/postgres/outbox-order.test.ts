/** Within a correlation id the outbox keeps the order of commits, however transactions overlap, and nobody waits. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import fc from 'fast-check';
import type { Client } from 'pg';
import { openPostgresOutbox } from '../../packages/indelible/src/stores/postgres/postgres-outbox.ts';
import { noPostgres } from '../support/postgres.ts';
import { connected } from './schema-support.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'acme.example/order';
const SESSIONS = 4;
const RUNS = Number(process.env.INDELIBLE_ORDER_RUNS ?? 40);
const skip = noPostgres();
let databases: Databases;
let owner: Client;
let sessions: Client[];
let url: string;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([LEDGER]);
  const database = await databases.create();
  url = databases.url(database, LEDGER);
  owner = await connected(databases.server, database);
  sessions = await Promise.all(
    Array.from({ length: SESSIONS }, () => connected(databases.server, database, APP)),
  );
});
after(async () => {
  await Promise.all([owner, ...(sessions ?? [])].map((client) => client?.end()));
  await databases?.stop();
});

const runId = (run: number) => String(run + 1).padStart(32, '0');
const row = (run: number, n: number) => `('order.paid', '${n}', '${runId(run)}')`;
const leave = (...rows: string[]) =>
  `INSERT INTO indelible.outbox (action, data, correlation_id) VALUES ${rows.join()}`;

type Step = 'insert' | 'insert two' | 'undone' | 'commit' | 'rollback';
const step = fc.record({
  session: fc.nat(SESSIONS - 1),
  run: fc.nat(1),
  what: fc.constantFrom<Step>('insert', 'insert', 'insert two', 'undone', 'commit', 'commit', 'rollback'),
});

test('whatever overlaps, the order of positions is the order of commits', { skip }, async () => {
  const schedule = fc.array(step, { minLength: 4, maxLength: 24 });
  await fc.assert(
    fc.asyncProperty(schedule, async (steps) => {
      await owner.query('DELETE FROM indelible.outbox');
      const expected: number[][] = [[], []];
      const open = sessions.map(() => null as { run: number; n: number }[] | null);
      let n = 0;
      const end = async (session: number, word: 'COMMIT' | 'ROLLBACK') => {
        await sessions[session]!.query(word);
        if (word === 'COMMIT') for (const one of open[session] ?? []) expected[one.run]!.push(one.n);
        open[session] = null;
      };
      for (const { session, run, what } of steps) {
        const client = sessions[session]!;
        if (what === 'commit' || what === 'rollback') {
          await end(session, what === 'commit' ? 'COMMIT' : 'ROLLBACK');
          continue;
        }
        if (open[session] === null) await client.query('BEGIN');
        const rows = (open[session] ??= []);
        if (what === 'undone') {
          await client.query(`SAVEPOINT s; ${leave(row(run, ++n))}; ROLLBACK TO s`);
          continue;
        }
        const numbers = what === 'insert' ? [++n] : [++n, ++n];
        await client.query(leave(...numbers.map((number) => row(run, number))));
        rows.push(...numbers.map((number) => ({ run, n: number })));
      }
      for (const session of sessions.keys()) await end(session, 'COMMIT');
      for (const run of expected.keys()) {
        const { rows } = await owner.query<{ n: number }>(
          'SELECT data::text::integer AS n FROM indelible.outbox WHERE correlation_id = $1 ORDER BY position',
          [runId(run)],
        );
        assert.deepEqual(
          rows.map((one) => one.n),
          expected[run],
        );
      }
    }),
    { numRuns: RUNS },
  );
});

test('pitfall 2: a transaction that waits for another connection, which records, too, is no deadlock', {
  skip,
}, async () => {
  await owner.query('DELETE FROM indelible.outbox');
  const [business, other] = sessions as [Client, Client];
  await business.query(`BEGIN; ${leave(row(0, 1))}`);
  // Nobody could see that the first waits for it: were there a lock, both would wait for ever.
  await other.query(`SET lock_timeout = 1000; ${leave(row(0, 2))}; RESET lock_timeout`);
  await business.query('COMMIT');
  const { rows } = await owner.query('SELECT data FROM indelible.outbox ORDER BY position');
  assert.deepEqual(
    rows.map(({ data }) => data),
    [2, 1],
  );
});

test('who commits alone keeps the position of the insert: the row is written once', { skip }, async () => {
  await owner.query('DELETE FROM indelible.outbox');
  const [first, second] = sessions as [Client, Client];
  for (const client of [first, second]) await client.query(leave(row(0, 1), row(0, 2), row(1, 3)));
  await first.query(`BEGIN; ${leave(row(0, 4))}`);
  await second.query(leave(row(1, 5)));
  await first.query('COMMIT');
  const { rows } = await owner.query(
    'SELECT count(*)::integer AS rows, max(position)::integer - min(position)::integer + 1 AS drawn FROM indelible.outbox',
  );
  assert.deepEqual(rows, [{ rows: 8, drawn: 8 }]);
});

test('a sweep never passes what was committed when it began', { skip }, async (t) => {
  await owner.query('DELETE FROM indelible.outbox');
  const outbox = await openPostgresOutbox({ url, default_ledger: LEDGER });
  t.after(() => outbox.close());
  const [company, early, late, others] = sessions as [Client, Client, Client, Client];
  await company.query(`BEGIN; ${leave(row(0, 0))}`);
  // It has its place, and takes its time.
  await early.query(`BEGIN; ${leave(row(0, 1))}; SET CONSTRAINTS ALL IMMEDIATE`);
  await company.query('ROLLBACK');
  await others.query(leave(row(1, 2)));
  await late.query(`BEGIN; ${leave(row(0, 3))}`);
  await others.query(leave(row(1, 4)));
  const numbers = (events: readonly { event: string }[]) => events.map(({ event }) => JSON.parse(event).data);
  const first = await outbox.waiting(1, 1_000_000);
  assert.deepEqual(numbers(first.events), [2]);
  await early.query('COMMIT');
  await late.query('COMMIT');
  const after = first.events[0]!.position;
  const second = await outbox.waiting(10, 1_000_000, { after, sweep: first.sweep });
  assert.deepEqual(numbers(second.events), [4], 'not the late one, whose place is still to come');
  assert.deepEqual(numbers((await outbox.waiting(10, 1_000_000)).events), [1, 2, 3, 4]);
});
