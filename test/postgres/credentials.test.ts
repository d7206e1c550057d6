/** A password, wherever it came from, is shown nowhere: not in URLs, errors, output, logs, records or files. */
import assert from 'node:assert/strict';
import { chmodSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, type TestContext, test } from 'node:test';
import { inspect } from 'node:util';
import { isIndelibleError } from '@indelible/core';
import { openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import { makePlace, said } from '../cli/run-cli.ts';
import { makeHere } from '../cli/run-here.ts';
import { noPostgres } from '../support/postgres.ts';
import { Databases } from './support.ts';

const LEDGER = 'acme.example/prod';
const RIGHT = 's3cret-pw';
const WRONG = 'wr0ng-pw';
const SECRETS = new RegExp(`${RIGHT}|${WRONG}`);
const skip = noPostgres();
let databases: Databases;
let database: string;

before(async () => {
  if (skip !== false) return;
  databases = await Databases.start([LEDGER]);
  database = await databases.create();
  const [place] = await databases.run(
    database,
    `CREATE ROLE locked LOGIN PASSWORD '${RIGHT}' IN ROLE indelible_writer, indelible_reader, indelible_sealer;
     SELECT indelible.bind('${LEDGER}', 'locked'); SHOW hba_file`,
  );
  await databases.run(
    database,
    `COPY (SELECT unnest(ARRAY['host all locked 127.0.0.1/32 scram-sha-256', 'host all all 127.0.0.1/32 trust']))
      TO '${String(place!.hba_file)}'; SELECT pg_reload_conf()`,
  );
  // The server reads its file when it comes to it.
  while (await lets()) await new Promise(setImmediate);
});
after(() => databases?.stop());

/** Whether the role is let in without a password. */
async function lets(): Promise<boolean> {
  try {
    await (await connectPostgres(databases.server.url(database, 'locked'))).end();
    return true;
  } catch (error) {
    assert.ok(isIndelibleError(error, 'STORE_UNAVAILABLE'));
    assert.match(error.message, /asks for a password/);
    return false;
  }
}

function urlWith(password: string | null, more = '', to = database): string {
  const login = password === null ? 'locked' : `locked:${password}`;
  return `${databases.server.url(to, 'locked').replace('locked', login)}?ledger=${LEDGER}${more}`;
}

/** Sets a variable of the environment, which is where the driver looks, until the test ends. */
function setenv(t: TestContext, name: string, value: string): void {
  process.env[name] = value;
  t.after(() => {
    delete process.env[name];
  });
}

for (const from of ['URL', 'PGPASSWORD', '.pgpass'] as const) {
  test(`a password from ${from}: it opens, and a wrong one shows nothing of itself`, { skip }, async (t) => {
    const { folder } = await makeHere(t);
    const file = join(folder, 'passwords');
    const give = (password: string): string => {
      if (from === 'PGPASSWORD') setenv(t, 'PGPASSWORD', password);
      if (from === '.pgpass') {
        writeFileSync(file, `127.0.0.1:*:*:locked:${password}\n`);
        chmodSync(file, 0o600);
        setenv(t, 'PGPASSFILE', file);
      }
      return urlWith(from === 'URL' ? password : null, `&local=${folder}/local`);
    };
    const ledger = await openLedger(give(RIGHT));
    const shown = `postgres://127.0.0.1:${databases.server.port}/${database}?ledger=${LEDGER}`;
    assert.deepEqual([ledger.url, ledger.store.url], [shown, shown]);
    assert.doesNotMatch(inspect(ledger, { depth: 2 }), SECRETS);
    await ledger.close();
    const error = await openStore(give(WRONG)).then(
      () => assert.fail('it was let in'),
      (one: unknown) => one as Error,
    );
    assert.ok(isIndelibleError(error, 'STORE_UNAVAILABLE'));
    assert.match(error.message, /did not let us in/);
    assert.doesNotMatch(
      `${inspect(error, { depth: 9, showHidden: true })} ${JSON.stringify(error)}`,
      SECRETS,
    );
  });
}

test('no command shows the password of its URL, nor writes it anywhere', { skip }, async (t) => {
  const here = await makeHere(t);
  const env = { INDELIBLE_REGISTRY: join(here.folder, 'registry.db'), HOME: here.folder };
  const fresh = await databases.create();
  await databases.run(fresh, `SELECT indelible.bind('${LEDGER}', 'locked')`);
  const url = urlWith(RIGHT, `&local=${here.folder}/local`, fresh);
  const wrong = urlWith(WRONG, `&local=${here.folder}/local`, fresh);
  const file = join(here.folder, 'a.backup');
  let count = 0;
  const problems: string[] = [];
  const quiet = async (args: readonly string[], code: number): Promise<void> => {
    const { stdout, stderr, code: left } = await here.run(args, env);
    if (left !== code) problems.push(`${args.join(' ')} left with ${left}: ${stdout}${stderr}`);
    if (SECRETS.test(stdout + stderr)) problems.push(`${args.join(' ')} shows it: ${stdout}${stderr}`);
    count++;
  };
  const commands: readonly (readonly string[])[] = [
    ['init'],
    ['record', 'some.thing'],
    ['verify'],
    ['doctor'],
    ['reindex', '--json'],
    ['pg', 'seal', '--once'],
    ['backup', file],
    ['checkpoint'],
  ];
  const known = process.env.HOME;
  process.env.HOME = here.folder;
  t.after(() => {
    process.env.HOME = known;
  });
  for (const command of commands) await quiet([...command, '--ledger', url], 0);
  await quiet(['init', '--ledger', url], 2);
  await quiet(['copy', url, `file:${join(here.folder, 'copy')}`], 0);
  await quiet(['restore', file, '--to', url], 2);
  // The registry does not know the password, so it cannot look.
  await quiet(['ledgers'], 3);
  for (const command of commands.slice(1, 4)) await quiet([...command, '--ledger', wrong], 3);
  assert.deepEqual(problems, []);
  assert.ok(count > 12);
  const files = readdirSync(here.folder, { recursive: true, withFileTypes: true }).filter((one) =>
    one.isFile(),
  );
  assert.ok(files.length > 5, 'there is something to look at');
  for (const { parentPath, name } of files)
    assert.doesNotMatch(readFileSync(join(parentPath, name), 'latin1'), SECRETS, name);
});

test('a command with a password from a file prints no word of the driver’s own', { skip }, async (t) => {
  const place = await makePlace(t);
  const file = join(place.folder, 'passwords');
  writeFileSync(file, `127.0.0.1:*:*:locked:${RIGHT}\n`, { mode: 0o600 });
  const child = place.start(['verify', '--json', '--ledger', urlWith(null)], { env: { PGPASSFILE: file } });
  let [printed, errors] = ['', ''];
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  await new Promise((resolve) => child.on('close', resolve));
  assert.equal(typeof JSON.parse(printed).ok, 'boolean');
  assert.doesNotMatch(errors, /Warning/);
});

test('a server shows it neither, when it starts and in its log', { skip }, async (t) => {
  const place = await makePlace(t);
  const child = place.start(['serve', '--port', '0', '--log-level', 'debug', '--ledger', urlWith(RIGHT)]);
  let errors = '';
  child.stderr.on('data', (chunk: Buffer) => (errors += chunk.toString()));
  const printed = await said(child, /Ctrl-C stops/);
  child.kill('SIGTERM');
  await new Promise((resolve) => child.on('close', resolve));
  assert.doesNotMatch(printed + errors, SECRETS);
});
