/** The role of an open ledger is renamed, or loses its binding: it sees no record then, which is no damage. */
import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { APP, Databases } from './support.ts';

const LEDGER = 'acme.example/renamed';
const skip = noPostgres();
let databases: Databases;
before(async () => {
  // Of its own: roles are all databases' of a server.
  if (skip === false) databases = await Databases.start([LEDGER], {});
});
after(() => databases?.stop());

const CASES = {
  'is renamed under an open session': [
    `ALTER ROLE ${APP} RENAME TO renamed`,
    `ALTER ROLE renamed RENAME TO ${APP}`,
  ],
  'loses its binding between two sessions': [
    `SELECT indelible.unbind('${LEDGER}', '${APP}')`,
    `SELECT indelible.provision('${LEDGER}', '${APP}')`,
  ],
} as const;

for (const [what, [take, give]] of Object.entries(CASES)) {
  test(`a role that ${what}: LEDGER_NOT_FOUND, then all is as it was`, { skip }, async (t) => {
    const database = await databases.create();
    const store = await openPostgresStore({ url: databases.url(database, LEDGER), default_ledger: LEDGER });
    const ledger = await Ledger.open({ store });
    t.after(() => ledger.close());
    const { seq } = await ledger.record({ action: 'before' });

    await databases.run(database, take);
    if (what.includes('two sessions')) await endSessions(database);
    for (const wants of [
      () => store.head(),
      () => store.firstSeq(),
      () => store.get([seq]),
      () => store.read(0)[Symbol.asyncIterator]().next(),
      () => ledger.record({ action: 'meanwhile' }),
      () => ledger.record({ action: 'meanwhile' }),
    ])
      await assert.rejects(wants, { code: 'LEDGER_NOT_FOUND' });

    await databases.run(database, give);
    assert.equal((await ledger.record({ action: 'after' })).seq, seq + 1);
    assert.deepEqual(
      (await ledger.get([seq, seq + 1])).map(({ record }) => record.action),
      ['before', 'after'],
    );
  });
}

/** Of the store, and nobody else's: whoever asks is in another database. */
function endSessions(database: string) {
  const sessions = 'pg_stat_activity WHERE datname = $1';
  return databases.run('postgres', `SELECT pg_terminate_backend(pid, 5000) FROM ${sessions}`, [database]);
}
