/** Every attack of the table on a ledger in PostgreSQL, by somebody who is a superuser there and puts the triggers back. */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { after, before } from 'node:test';
import { openStoredProofs } from '../../../packages/indelible/src/compose/verification.ts';
import { openStore, treeFolder } from '../../../packages/indelible/src/compose.ts';
import type { LogStore } from '../../../packages/indelible/src/stores/contract.ts';
import {
  connectPostgres,
  type PostgresConnection,
} from '../../../packages/indelible/src/stores/postgres/connection.ts';
import { Databases } from '../../postgres/support.ts';
import type { SealedLine } from '../../support/chain.ts';
import { noPostgres } from '../../support/postgres.ts';
import { makeTemplates, type Opened, type Templates, writeTree } from './places.ts';
import { Court, testAttacks } from './run.ts';
import { ORIGIN, type State } from './world.ts';

const skip = noPostgres();
let court: Court;
let templates: Templates;
let databases: Databases;
let attacker: PostgresConnection;
let url: string;
/** Open all the time, as a verifier that has been there before the attack. */
let store: LogStore;

before(async () => {
  if (skip !== false) return;
  court = await Court.open();
  templates = await makeTemplates(court.folder);
  databases = await Databases.start([ORIGIN]);
  const database = await databases.create();
  url = `${databases.url(database, ORIGIN)}&local=${join(court.folder, 'local')}`;
  attacker = await connectPostgres(databases.server.url(database));
  store = await openStore(url, { read_only: true, create: false });
});
after(async () => {
  await store?.close();
  await attacker?.end();
  await databases?.stop();
  await templates?.database.store.close();
  court?.close();
});

/** Rows keep the numbers of their records where that is possible: what is deleted leaves a gap. */
async function write(lines: readonly SealedLine[]): Promise<void> {
  let row = -1;
  const rows = lines.map(({ seq, hash, body }) => {
    row = Math.max(row + 1, seq);
    return { seq: row, hash, body };
  });
  // What a row is linked to is kept in a column that must be unique: nobody is told what the attacker writes there.
  await attacker.query(
    'BEGIN; ALTER TABLE indelible.records DISABLE TRIGGER USER; DELETE FROM indelible.records',
  );
  await attacker.query(
    `INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
      SELECT l.id, r.seq, sha256(convert_to(r.seq::text, 'UTF8')), decode(r.hash, 'hex'), r.body
      FROM indelible.ledgers AS l, json_to_recordset($1::json) AS r(seq bigint, hash text, body text)`,
    [JSON.stringify(rows)],
  );
  await attacker.query('ALTER TABLE indelible.records ENABLE ALWAYS TRIGGER records_refuse_change; COMMIT');
}

async function place(state: State): Promise<Opened> {
  await write(state.lines);
  const tree = treeFolder(url)!;
  rmSync(tree, { recursive: true, force: true });
  writeTree(tree, state, templates);
  return { store, stored: await openStoredProofs(url), close: async () => {} };
}

testAttacks('postgres', () => court, place, skip);
