/**
 * Damage done to a ledger in PostgreSQL at rest, by a superuser who takes the triggers off for the act and puts them back:
 * found, named, placed.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { indexPath, openIndex, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import type { VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import {
  connectPostgres,
  type PostgresConnection,
} from '../../packages/indelible/src/stores/postgres/connection.ts';
import { Databases } from '../postgres/support.ts';
import { noPostgres } from '../support/postgres.ts';
import {
  assertFound,
  attacksAt,
  bodyOf,
  editIndex,
  fill,
  key,
  type Line,
  rehashed,
} from './at-rest-attacks.ts';

/** Few: a row takes longer to write than a line. */
const RECORDS = 120;
const AT = 40;
const ATTACKS = attacksAt(RECORDS, AT);
const NAMES = { plain: 'test/plain', keyed: 'test/keyed' };
type Flavour = keyof typeof NAMES;
interface Place {
  readonly url: string;
  readonly id: string;
  readonly store: LogStore;
  /** As they were recorded. */
  readonly lines: Line[];
}

const skip = noPostgres();
let folder: string;
let databases: Databases;
let attacker: PostgresConnection;
const places = {} as Record<Flavour, Place>;

before(async () => {
  if (skip !== false) return;
  folder = mkdtempSync(join(tmpdir(), 'indelible-rest-pg-'));
  databases = await Databases.start(Object.values(NAMES));
  const database = await databases.create();
  attacker = await connectPostgres(databases.server.url(database));
  for (const flavour of ['plain', 'keyed'] as const) {
    const url = `${databases.url(database, NAMES[flavour])}&local=${join(folder, flavour)}`;
    const ledger = await openLedger(url, { keys: flavour === 'keyed' ? [key] : [] });
    await fill(ledger, RECORDS);
    await ledger.caughtUp();
    await ledger.close();
    const store = await openStore(url, { read_only: true });
    const lines: Line[] = [];
    for await (const { bytes } of store.read(0))
      lines.push(...Buffer.from(bytes).toString().trimEnd().split('\n'));
    const sql = 'SELECT id FROM indelible.ledgers WHERE name = $1';
    const id = String((await attacker.query(sql, [NAMES[flavour]])).rows[0]!.id);
    places[flavour] = { url, id, store, lines };
  }
});
after(async () => {
  for (const { store } of Object.values(places)) await store.close();
  await attacker?.end();
  await databases?.stop();
  if (folder !== undefined) rmSync(folder, { recursive: true, force: true });
});

const unguarded = async (work: () => Promise<unknown>): Promise<void> => {
  await attacker.query('BEGIN; ALTER TABLE indelible.records DISABLE TRIGGER records_refuse_change');
  await work();
  await attacker.query('ALTER TABLE indelible.records ENABLE ALWAYS TRIGGER records_refuse_change; COMMIT');
};

/** The ledger has these lines and no others, each as the row of its place. */
function rewrite({ id }: Place, lines: readonly Line[]): Promise<void> {
  const taken = new Set<string>();
  const rows = lines.map((line, seq) => {
    const body = bodyOf(line);
    const named = /"prev_hash":"([0-9a-f]{64})","recorded_at"/.exec(body)?.[1];
    // Two rows cannot follow the same one: the second gets what nobody names.
    const prev_hash = named === undefined || taken.has(named) ? seq.toString(16).padStart(64, '0') : named;
    taken.add(prev_hash);
    return { seq, prev_hash, hash: line.slice(9, 73), body };
  });
  return unguarded(async () => {
    await attacker.query('DELETE FROM indelible.records WHERE ledger_id = $1', [id]);
    await attacker.query(
      `INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
        SELECT $1::integer, seq, decode(prev_hash, 'hex'), decode(hash, 'hex'), body
        FROM json_to_recordset($2::json) AS r(seq bigint, prev_hash text, hash text, body text)`,
      [id, JSON.stringify(rows)],
    );
  });
}

async function verify({ url, store }: Place, flavour: Flavour, with_index = false): Promise<VerifyReport> {
  const index = with_index ? await openIndex(url, { threads: 'none' }) : undefined;
  try {
    const keys = flavour === 'keyed' ? [key] : [];
    return await verifyLog({ store, workers: 0, keys, ...(index === undefined ? {} : { index }) });
  } finally {
    await index?.close();
  }
}

for (const flavour of ['plain', 'keyed'] as const) {
  test(`postgres ${flavour}: untouched is consistent, and so it is when it was written back`, {
    skip,
  }, async () => {
    const place = places[flavour];
    for (const again of [false, true]) {
      if (again) await rewrite(place, place.lines);
      const report = await verify(place, flavour, true);
      assert.deepEqual([report.ok, report.verdict, report.records_checked], [true, 'consistent', RECORDS]);
      assert.deepEqual([report.store_notes, report.index], [[], { checked: RECORDS, lag: 0 }]);
    }
  });

  // Where a secret makes no difference, once is enough.
  const attacks = flavour === 'plain' ? ATTACKS : ATTACKS.filter(({ act }) => act.length > 1);
  for (const attack of attacks) {
    test(`postgres ${flavour}: ${attack.name} → ${attack.damage} at ${attack.seq}`, { skip }, async () => {
      const place = places[flavour];
      await rewrite(place, attack.act(place.lines, rehashed(flavour === 'keyed')));
      assertFound(await verify(place, flavour), attack.damage, attack.seq);
    });
  }

  for (const [name, set, damage, seq] of [
    ['the text edited in place', `body = replace(body, 'step ${AT};', 'step 999;')`, 'mutated', AT],
    ['the number column edited', 'seq = 99999', 'column_mismatch', RECORDS - 1],
    [
      'the column of the record before edited',
      "prev_hash = decode(repeat('ab', 32), 'hex')",
      'column_mismatch',
      AT,
    ],
  ] as const) {
    test(`postgres ${flavour}: ${name} → ${damage} at ${seq}`, { skip }, async () => {
      const place = places[flavour];
      await rewrite(place, place.lines);
      const sql = `UPDATE indelible.records SET ${set} WHERE ledger_id = ${place.id} AND seq = ${seq}`;
      await unguarded(() => attacker.query(sql));
      assertFound(await verify(place, flavour), damage, seq);
    });
  }

  test(`postgres ${flavour}: a cut tail cannot be seen without an anchor, and the report says so`, {
    skip,
  }, async () => {
    const place = places[flavour];
    await rewrite(place, place.lines.slice(0, -5));
    const report = await verify(place, flavour);
    assert.deepEqual([report.ok, report.records_checked], [true, RECORDS - 5]);
    assert.match(
      report.does_not_prove[0]!,
      /no record was cut from the end.* nothing outside of it agrees with it/,
    );
    assert.equal((await verify(place, flavour, true)).damage, 'index_mismatch');
  });

  test(`postgres ${flavour}: an index column edited`, { skip }, async () => {
    const place = places[flavour];
    await rewrite(place, place.lines);
    editIndex(indexPath(place.url)!, AT);
    assertFound(await verify(place, flavour, true), 'index_mismatch', AT);
  });
}

test('postgres: a ledger of which the database no longer knows that it can compute its hashes', {
  skip,
}, async () => {
  const place = places.plain;
  await rewrite(place, place.lines);
  await attacker.query(`ALTER TABLE indelible.ledgers DISABLE TRIGGER USER;
    UPDATE indelible.ledgers SET keyed = NOT keyed WHERE id = ${place.id};`);
  const report = await verify(place, 'plain');
  await attacker.query(`UPDATE indelible.ledgers SET keyed = NOT keyed WHERE id = ${place.id};
    ALTER TABLE indelible.ledgers ENABLE ALWAYS TRIGGER ledgers_refuse_change;
    ALTER TABLE indelible.ledgers ENABLE ALWAYS TRIGGER ledgers_refuse_removal`);
  assertFound(report, 'column_mismatch', RECORDS - 1);
  assert.equal((await verify(place, 'plain')).ok, true);
});

test('postgres: a key that the database was made to forget, so that it could be used again', {
  skip,
}, async () => {
  const place = places.plain;
  await rewrite(place, place.lines);
  await attacker.query(
    "INSERT INTO indelible.events (ledger, action, idempotency_key) VALUES ($1, 'paid.once', 'order-1')",
    [NAMES.plain],
  );
  assert.equal((await verify(place, 'plain')).ok, true);
  await attacker.query(`ALTER TABLE indelible.idempotency_keys DISABLE TRIGGER USER; DELETE FROM indelible.idempotency_keys;
    ALTER TABLE indelible.idempotency_keys ENABLE ALWAYS TRIGGER idempotency_keys_refuse_change`);
  assertFound(await verify(place, 'plain'), 'column_mismatch', RECORDS);
});

test('postgres: a fork for which the unique key was dropped is told with the key', { skip }, async () => {
  const place = places.plain;
  const [fork] = ATTACKS.filter(({ name }) => name === 'chain forked');
  await rewrite(place, fork!.act(place.lines, rehashed(false)));
  await attacker.query('DROP INDEX indelible.records_prev_hash_key');
  const named = `(SELECT prev_hash FROM indelible.records WHERE ledger_id = ${place.id} AND seq = ${AT})`;
  const sql = `UPDATE indelible.records SET prev_hash = ${named} WHERE ledger_id = ${place.id} AND seq = ${AT + 1}`;
  await unguarded(() => attacker.query(sql));
  const report = await verify(place, 'plain');
  assertFound(report, 'forked', AT);
  const told = report.store_notes.map(({ detail }) => detail);
  assert.ok(told.includes('index indelible.records_prev_hash_key is missing'), told.join('\n'));
});
