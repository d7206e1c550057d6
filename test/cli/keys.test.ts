import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePlace } from './run-cli.ts';

const EVENTS = '{"action":"payment.sent"}\n'.repeat(5);
const SECRET = 'c0ffee'.repeat(11).slice(0, 64);

test('pitfall 20: a missing or wrong key is not tampering: exit code 3, never ok, and no key in any output', async (t) => {
  const place = await makePlace(t);
  const keyed = { INDELIBLE_KEY: `k1:${SECRET}` };
  const other = { INDELIBLE_KEY: `k1:${SECRET.replaceAll('c', 'd')}` };
  assert.equal((await place.json(['init'], { env: keyed })).keyed, true);
  await place.fill(EVENTS, keyed);
  const [right, none, wrong, short, unexpected] = await Promise.all([
    place.run(['verify', '--json'], { env: keyed }),
    place.run(['verify', '--json']),
    place.run(['verify', '--json'], { env: other }),
    place.run(['verify', '--json'], { env: { INDELIBLE_KEY: SECRET.slice(0, 60) } }),
    place.run(['doctor', '--json'], { env: other }),
  ]);
  assert.equal(right.code, 0, right.stderr);
  for (const [result, code] of [
    [none, 'KEY_REQUIRED'],
    [wrong, 'KEY_WRONG'],
  ] as const) {
    assert.equal(result.code, 3);
    assert.equal(JSON.parse(result.stderr).code, code);
    const report = JSON.parse(result.stdout);
    assert.deepEqual([report.ok, report.verdict, report.records_checked], [false, 'not_checked', 0]);
  }
  assert.deepEqual([short.code, JSON.parse(short.stderr).code], [2, 'KEY_INVALID']);
  assert.equal(unexpected.code, 3);
  assert.match(unexpected.stdout, /KEY_WRONG/);
  const all = [
    right,
    none,
    wrong,
    short,
    unexpected,
    await place.run(['log', '--json'], { env: keyed }),
    await place.run(['doctor'], { env: keyed }),
  ];
  for (const { stdout, stderr } of all) {
    for (const text of [SECRET, SECRET.replaceAll('c', 'd')])
      assert.ok(!`${stdout}${stderr}`.includes(text.slice(0, 16)));
  }
});

test('INDELIBLE_KEY=dev works, with a warning each time', async (t) => {
  const place = await makePlace(t);
  const env = { INDELIBLE_KEY: 'dev' };
  const made = await place.run(['init', '--json'], { env });
  assert.equal(JSON.parse(made.stdout).key_id, 'development');
  assert.match(made.stderr, /everybody knows/);
  assert.match((await place.run(['verify'], { env })).stderr, /everybody knows/);
});
