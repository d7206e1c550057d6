/** The rights that the documentation names (docs/format/store-jetstream.md), on a server that grants these and no others. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { type CliResult, makePlace } from '../cli/run-cli.ts';
import { noNats, startNats } from '../support/nats-cluster.ts';
import { documentedRights, userWith } from './support/documented-rights.ts';

const USERS = ['reader', 'writer', 'owner'] as const;
type User = (typeof USERS)[number];

const RIGHTS = documentedRights();
const users = [...RIGHTS].map(([user, rights]) => userWith(user, 'test', rights));
const skip = noNats();
const server =
  skip === false ? await startNats({ settings: `authorization { users: [ ${users.join(', ')} ] }` }) : null;
after(() => server?.stop());

function assertDone({ code, stdout, stderr }: CliResult): string {
  assert.equal(code, 0, stdout + stderr);
  return stdout;
}

function assertFails({ code, stderr }: CliResult, words: RegExp): void {
  assert.equal(code, 3, stderr);
  assert.match(stderr, words);
}

const LARGE = JSON.stringify({ text: 'a'.repeat(200_000) });

test('the table has a row for each of them', () => {
  assert.deepEqual([...RIGHTS.keys()], [...USERS]);
});

test('every one can do with these rights what it is for, and no more', { skip }, async (t) => {
  const place = await makePlace(t);
  const INDELIBLE_LEDGER = server!.url('AUDIT');
  const as = (user: User, ...args: string[]): Promise<CliResult> =>
    place.run(args, { env: { INDELIBLE_LEDGER, NATS_USER: user, NATS_PASSWORD: 'test' } });
  assertFails(await as('writer', 'init'), /STORE_UNAVAILABLE.*publish \$JS\.API\.STREAM\.CREATE\.AUDIT\b/);
  assertDone(await as('owner', 'init'));
  assertDone(await as('writer', 'record', 'user.login'));
  for (const user of USERS) assertDone(await as(user, 'verify'));

  assertFails(
    await as('writer', 'record', 'file.kept', '--data', LARGE),
    /STORE_UNAVAILABLE.*publish \$JS\.API\.STREAM\.CREATE\.AUDIT-attachments/,
  );
  assertDone(await as('owner', 'record', 'file.kept', '--data', LARGE));
  assertDone(await as('writer', 'record', 'file.kept', '--data', LARGE.replace('aaa', 'bbb')));
  for (const user of USERS) assert.match(assertDone(await as(user, 'verify')), /2 attachments/);

  assertDone(await as('reader', 'log'));
  assertFails(await as('reader', 'record', 'user.login'), /STORE_READ_ONLY.*publish indelible\.AUDIT$/m);

  assert.match(assertDone(await as('writer', 'doctor')), /writing +this user can write/);
  const { code, stdout } = await as('reader', 'doctor');
  assert.equal(code, 3, stdout);
  assert.match(stdout, /writing +STORE_READ_ONLY: .*do not permit: publish indelible\.AUDIT$/m);
});
