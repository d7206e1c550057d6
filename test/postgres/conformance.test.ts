/** The PostgreSQL store satisfies the suite of all stores, as the role of an application. */
import { after, before, test } from 'node:test';
import { runStoreConformance } from '../../packages/indelible/src/stores/conformance.ts';
import { openPostgresStore } from '../../packages/indelible/src/stores/postgres/postgres-store.ts';
import { noPostgres } from '../support/postgres.ts';
import { Databases } from './support.ts';

const LEDGER = 'conformance.example';
const missing = noPostgres();
let databases: Databases;

before(async () => {
  if (missing === false) databases = await Databases.start([LEDGER]);
});
after(() => databases?.stop());

if (missing !== false) test('PostgreSQL', { skip: missing }, () => {});
else {
  runStoreConformance(test, 'postgres', async () => {
    const database = await databases.create();
    const url = databases.url(database, LEDGER);
    return {
      open: (options = {}) => openPostgresStore({ url, default_ledger: LEDGER, ...options }),
      // Gone with the server: dropping each would take longer than its case.
      remove: async () => {},
    };
  });
}
