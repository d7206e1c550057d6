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
  const taken = new Set<string>();
  const rows = lines.map(({ seq, hash, body }) => {
    row = Math.max(row + 1, seq);
    const named = /"prev_hash":"([0-9a-f]{64})","recorded_at"/.exec(body)?.[1];
    // Two rows cannot follow the same one: the second gets what nobody names.
    const prev_hash = named === undefined || taken.has(named) ? row.toString(16).padStart(64, '0') : named;
    taken.add(prev_hash);
    return { seq: row, prev_hash, hash, body };
  });
  await attacker.query(
    `BEGIN; ALTER TABLE indelible.records DISABLE TRIGGER USER; DELETE FROM indelible.records;
      UPDATE indelible.ledgers SET keyed = false WHERE keyed IS NULL`,
  );
  await attacker.query(
    `INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
      SELECT l.id, r.seq, decode(r.prev_hash, 'hex'), decode(r.hash, 'hex'), r.body
      FROM indelible.ledgers AS l, json_to_recordset($1::json) AS r(seq bigint, prev_hash text, hash text, body text)`,
    [JSON.stringify(rows)],
  );
  await attacker.query('ALTER TABLE indelible.records ENABLE ALWAYS TRIGGER records_refuse_change; COMMIT');
}

async function place(state: State): Promise<Opened> {
  await write(state.lines);
  const tree = treeFolder(url)!;
  rmSync(tree, { recursive: true, force: true });
  writeTree(tree, state, templates);
  return { store: lookedAtOnce(), stored: await openStoredProofs(url), close: async () => {} };
}

/** All verifiers of a state see the same schema: one look is enough. */
function lookedAtOnce(): LogStore {
  const found = store.inspect();
  return new Proxy(store, {
    get(target, name) {
      if (name === 'inspect') return () => found;
      const value: unknown = Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

testAttacks('postgres', () => court, place, skip);
