import assert from 'node:assert/strict';
import { test } from 'node:test';
import { makePlace } from './run-cli.ts';

test('token: the secret is shown at creation and nowhere else', async (t) => {
  const place = await makePlace(t);
  await place.run(['init']);
  const { token, secret } = await place.json(['token', 'create', 'reports', '--scope', 'audit:read']);
  assert.equal(token.name, 'reports');
  assert.match(secret, /^ind_/);
  const plain = await place.run([
    'token',
    'create',
    'writer',
    '--scope',
    'audit:read,audit:write',
    '--expires',
    '2999-01-01T00:00:00Z',
  ]);
  assert.match(plain.stdout, /^ind_\S+\n$/, 'standard output is the secret alone');

  const taken = await place.run(['token', 'create', 'reports', '--scope', 'audit:read', '--json']);
  assert.deepEqual([taken.code, JSON.parse(taken.stderr).code], [2, 'TOKEN_INVALID']);
  const scope = await place.run(['token', 'create', 'x', '--scope', 'everything', '--json']);
  assert.deepEqual([scope.code, JSON.parse(scope.stderr).code], [2, 'TOKEN_INVALID']);

  const revoked = await place.json(['token', 'revoke', 'reports']);
  assert.equal(revoked.token.status, 'revoked');
  const missing = await place.run(['token', 'revoke', 'nobody', '--json']);
  assert.deepEqual([missing.code, JSON.parse(missing.stderr).code], [3, 'NOT_FOUND']);

  const outputs = await Promise.all(
    [
      ['token', 'list'],
      ['token', 'list', '--json'],
      ['log', '--json'],
      ['export', '--format', 'jsonl'],
      ['doctor'],
    ].map((args) => place.run(args)),
  );
  for (const { stdout, stderr } of outputs) {
    assert.ok(!stdout.includes(secret) && !stderr.includes(secret));
    assert.ok(!stdout.includes(plain.stdout.trim()));
  }
  const { tokens } = JSON.parse(outputs[1]!.stdout);
  assert.deepEqual(
    tokens.map(({ name, status }: { name: string; status: string }) => [name, status]),
    [
      ['reports', 'revoked'],
      ['writer', 'active'],
    ],
  );
  assert.ok(!outputs[1]!.stdout.includes('token_hash'));
});
