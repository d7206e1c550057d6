import assert from 'node:assert/strict';
import { test } from 'node:test';
import { jsonLines, makePlace, outcome, said } from './run-cli.ts';

test('log: newest first, filters, limit, and a line of JSON each', async (t) => {
  const place = await makePlace(t);
  const events = Array.from({ length: 30 }, (_, i) => ({
    action: i % 2 === 0 ? 'file.read' : 'file.write',
    actor: { type: 'user', id: i % 3 === 0 ? 'alice' : 'bob' },
    outcome: i === 7 ? 'error' : 'ok',
    message: `number ${i}`,
  }));
  await place.fill(events.map((event) => JSON.stringify(event)).join('\n'));
  const seqs = async (...args: string[]): Promise<number[]> => {
    const { code, stdout, stderr } = await place.run(['log', '--json', ...args]);
    assert.equal(code, 0, stderr);
    return jsonLines(stdout).map(({ record }) => record.seq);
  };
  const [usual, few, alice, errors, prefix, text, none] = await Promise.all([
    seqs(),
    seqs('--limit', '3'),
    seqs('--actor', 'alice', '--limit', '100'),
    seqs('--outcome', 'error'),
    seqs('--action', 'file.w*', '--limit', '2'),
    seqs('--text', 'number 17'),
    seqs('--since', '2030-01-01'),
  ]);
  assert.deepEqual(
    usual,
    Array.from({ length: 20 }, (_, i) => 30 - i),
  );
  assert.deepEqual(few, [30, 29, 28]);
  assert.deepEqual(alice, [28, 25, 22, 19, 16, 13, 10, 7, 4, 1]);
  assert.deepEqual(errors, [8]);
  assert.deepEqual(prefix, [30, 28]);
  assert.deepEqual(text, [18]);
  assert.deepEqual(none, []);
  const plain = await place.run(['log', '--limit', '1']);
  assert.match(plain.stdout, /^ +30 {2}\S+Z {2}ok {7}user:bob {2}file\.write {4}number 29\n$/);
});

test('log --follow shows what other processes record, in order, and Ctrl-C ends it with 0', async (t) => {
  const place = await makePlace(t);
  await place.run(['record', 'before.one']);
  const follower = place.start(['log', '--follow', '--json', '--limit', '1', '--action', 'a*'], {
    input: '',
  });
  const done = outcome(follower);
  follower.stdin.end();
  const seen = said(follower, 'after.two');
  // The follower may still be starting: what it misses live, its first page holds, so either way it is shown.
  await place.run(['record', 'after.one']);
  await place.run(['record', 'ignored.by-filter']);
  await place.run(['record', 'after.two']);
  await seen;
  follower.kill('SIGINT');
  const { code, stdout } = await done;
  assert.equal(code, 0);
  const actions = jsonLines(stdout).map(({ record }) => record.action);
  assert.equal(actions.at(-1), 'after.two');
  assert.ok(!actions.includes('ignored.by-filter') && !actions.includes('before.one'));
});
