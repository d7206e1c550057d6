import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonLines, makePlace, type Place } from './run-cli.ts';

const EVENTS = Array.from({ length: 50 }, (_, i) =>
  JSON.stringify({ action: 'step.done', message: `step ${i}` }),
).join('\n');
const KEYED = { INDELIBLE_KEY: `k1:${'5a'.repeat(32)}` };

async function lines(place: Place, name: string): Promise<string[]> {
  return (await readFile(join(place.folder, name), 'utf8')).trimEnd().split('\n');
}

test('an incomplete or altered backup is refused, and nothing is made', async (t) => {
  const place = await makePlace(t);
  await place.fill(EVENTS);
  await place.run(['backup', 'good']);
  const text = await readFile(join(place.folder, 'good'), 'utf8');
  const [header, ...rest] = text.trimEnd().split('\n');
  const trailer = rest.pop()!;
  const altered: Record<string, string> = {
    empty: '',
    'no-trailer': `${[header, ...rest].join('\n')}\n`,
    'half-a-line': text.slice(0, text.length - 100),
    'one-line-less': `${[header, ...rest.slice(0, -1), trailer].join('\n')}\n`,
    'one-byte': text.replace('step 30', 'step 3x'),
    'header-edited': text.replace('"last_seq":50', '"last_seq":51'),
    'more-behind': `${text}{}\n`,
    'no-newline': text.trimEnd(),
    'other-version': text.replace('"indelible_backup":1', '"indelible_backup":2'),
    'not-a-backup': '{"action":"a"}\n',
    'lines-alone': `${rest.join('\n')}\n`,
  };
  for (const [name, content] of Object.entries(altered)) {
    assert.notEqual(content, text, name);
    await writeFile(join(place.folder, name), content);
  }
  const names = Object.keys(altered);
  const all = await Promise.all(
    names.map((name) => place.run(['restore', name, '--to', `file:to-${name}`, '--json'])),
  );
  for (const [i, { code, stderr }] of all.entries()) {
    assert.deepEqual([code, JSON.parse(stderr).code], [3, 'BACKUP_INVALID'], names[i]);
  }
  assert.deepEqual(
    (await readdir(place.folder)).filter((name) => name.startsWith('to-')),
    [],
  );
});

test('a backup whose seal was made to fit an edited record does not verify: exit code 1, and nothing is made', async (t) => {
  const place = await makePlace(t);
  await place.fill(EVENTS);
  await place.run(['backup', 'good']);
  const all = (await lines(place, 'good')).map((line) => line.replace('step 30', 'step 31'));
  const seal = JSON.parse(all.pop()!);
  seal.sha256 = createHash('sha256')
    .update(`${all.join('\n')}\n`)
    .digest('hex');
  await writeFile(join(place.folder, 'forged'), `${[...all, JSON.stringify(seal)].join('\n')}\n`);
  const { code, stderr } = await place.run(['restore', 'forged', '--to', 'file:new', '--json']);
  const error = JSON.parse(stderr);
  assert.deepEqual([code, error.code, error.details.first_bad_seq], [1, 'RESTORED_BACKUP_DIFFERS', 31]);
  assert.ok(!(await readdir(place.folder)).includes('new'));
  assert.equal((await place.run(['verify', '--backup', 'forged'])).code, 1);
});

test('a backup replaces no file, and a restore no ledger', async (t) => {
  const place = await makePlace(t);
  await place.run(['record', 'a']);
  await writeFile(join(place.folder, 'taken'), 'precious');
  const taken = await place.run(['backup', 'taken', '--json']);
  assert.deepEqual([taken.code, JSON.parse(taken.stderr).code], [2, 'LEDGER_EXISTS']);
  assert.equal(await readFile(join(place.folder, 'taken'), 'utf8'), 'precious');
  await place.run(['backup', 'copy']);
  const again = await place.run(['restore', 'copy', '--json']);
  assert.deepEqual([again.code, JSON.parse(again.stderr).code], [2, 'LEDGER_EXISTS']);
  const missing = await place.run(['restore', 'no-such-file', '--to', 'file:x', '--json']);
  assert.deepEqual([missing.code, JSON.parse(missing.stderr).code], [3, 'IMPORT_SOURCE']);
  assert.deepEqual(
    (await readdir(place.folder)).filter((name) => name.includes('partial')),
    [],
  );
});

test('the backup of a keyed ledger needs its key to be restored', async (t) => {
  const place = await makePlace(t);
  await place.fill(EVENTS, KEYED);
  await place.run(['backup', 'copy'], { env: KEYED });
  const [none, wrong] = await Promise.all([
    place.run(['restore', 'copy', '--to', 'file:none', '--json']),
    place.run(['restore', 'copy', '--to', 'file:wrong', '--json'], {
      env: { INDELIBLE_KEY: `k1:${'6b'.repeat(32)}` },
    }),
  ]);
  assert.deepEqual([none.code, JSON.parse(none.stderr).code], [3, 'KEY_REQUIRED']);
  assert.deepEqual([wrong.code, JSON.parse(wrong.stderr).code], [3, 'KEY_WRONG']);
  assert.deepEqual(
    (await readdir(place.folder)).filter((name) => ['none', 'wrong'].includes(name)),
    [],
  );
  const restored = await place.json(['restore', 'copy', '--to', 'file:right'], { env: KEYED });
  assert.equal(restored.verdict, 'consistent');
  assert.ok(!(await readFile(join(place.folder, 'copy'), 'utf8')).includes('5a5a5a5a5a'));
  assert.equal(
    jsonLines(
      (await place.run(['log', '--json', '--limit', '1', '--ledger', 'file:right'], { env: KEYED })).stdout,
    )[0].record.action,
    'ledger.restored',
  );
});
