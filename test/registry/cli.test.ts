/** The registry behind the command line: what is written to is noted, what vanished or shrank is said. */
import assert from 'node:assert/strict';
import { cp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { makePlace } from '../cli/run-cli.ts';

test('pitfall 11: a ledger restored to an older state, and one deleted, are noticed', async (t) => {
  const place = await makePlace(t);
  const env = {
    INDELIBLE_REGISTRY: join(place.folder, 'registry', 'ledgers.db'),
    INDELIBLE_LEDGER: 'file:audit',
  };
  const audit = join(place.folder, 'audit');
  const first = await place.run(['record', 'a'], { env });
  assert.equal(first.code, 0, first.stderr);
  await cp(audit, join(place.folder, 'old'), { recursive: true });
  await place.json(['record', 'b'], { env });
  const { ledgers } = await place.json(['ledgers'], { env });
  assert.deepEqual(
    ledgers.map(({ url, size }: { url: string; size: number }) => [url, size]),
    [[`file:${audit}`, 3]],
  );

  await rm(audit, { recursive: true });
  await cp(join(place.folder, 'old'), audit, { recursive: true });
  const shrunk = await place.run(['ledgers'], { env });
  assert.equal(shrunk.code, 1);
  assert.match(shrunk.stdout, /shrunk: .*had 3 records, and now has 2/);
  const went_on = await place.run(['record', 'c'], { env });
  assert.equal(went_on.code, 0, 'recording goes on');
  assert.match(went_on.stderr, /shrunk: .*next: indelible ledgers/);

  await rm(audit, { recursive: true });
  const vanished = await place.run(['ledgers', '--json'], { env });
  assert.equal(vanished.code, 1);
  assert.equal(JSON.parse(vanished.stdout).findings[0].kind, 'vanished');
  const retired = await place.run(['ledgers', '--retire', `file:${audit}`, '--reason', 'a test'], { env });
  assert.match(retired.stderr, /not recorded in the ledger/);
  assert.equal((await place.run(['ledgers'], { env })).code, 0);
});

test('retiring is recorded in the ledger, and a registry that cannot be written fails no command', async (t) => {
  const place = await makePlace(t);
  const env = { INDELIBLE_REGISTRY: join(place.folder, 'ledgers.db'), INDELIBLE_LEDGER: 'file:audit' };
  await place.json(['record', 'a'], { env });
  const { recorded } = await place.json(['ledgers', '--retire', 'local/ledger', '--reason', 'moved'], {
    env,
  });
  assert.equal(recorded, true);
  const { record } = await place.json(['show', '2'], { env });
  assert.deepEqual([record.action, record.data.reason], ['ledger.retired', 'moved']);
  const unusable = await place.run(['record', 'b'], {
    env: { ...env, INDELIBLE_REGISTRY: '/dev/null/ledgers.db' },
  });
  assert.equal(unusable.code, 0);
  assert.match(unusable.stderr, /not noted in the registry/);
  assert.equal((await place.run(['ledgers'])).code, 2, 'turned off');
});
