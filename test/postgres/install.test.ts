import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { makePlace } from '../cli/run-cli.ts';
import { noPostgres, type PostgresServer, startPostgres } from '../support/postgres.ts';

let server: PostgresServer;
const skip = noPostgres();
before(async () => {
  if (skip === false) server = await startPostgres();
});
after(() => server?.stop());

test('pg install makes the schema once; pg sql prints what it runs', { skip }, async (t) => {
  const { json, run } = await makePlace(t);
  const url = server.url('postgres');
  const { applied, version } = await json(['pg', 'install', '--ledger', url]);
  assert.deepEqual([applied.length, applied.at(-1)], [version, version]);
  const again = await run(['pg', 'install', '--ledger', url]);
  assert.equal(again.stdout, `the schema is up to date (${version})\n`);
  const script = await run(['pg', 'sql']);
  assert.match(script.stdout, new RegExp(`version ${version}\\.`));
  const elsewhere = await run(['pg', 'install', '--ledger', 'memory:']);
  assert.match(elsewhere.stderr, /only ledgers in PostgreSQL/);
});
