import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import fc from 'fast-check';
import { keysFromEnvironment } from '../../packages/indelible/src/ledger/env-keys.ts';

const SECRET = Uint8Array.from({ length: 32 }, (_, i) => 255 - i);
const HEX = Buffer.from(SECRET).toString('hex');
const BASE64 = Buffer.from(SECRET).toString('base64');

function refusal(env: Record<string, string>): string {
  try {
    keysFromEnvironment(env);
  } catch (error) {
    assert.ok(isIndelibleError(error, 'KEY_INVALID'), String(error));
    return error.message;
  }
  return assert.fail('it was taken');
}

test('no variable, no key', () => {
  assert.deepEqual(keysFromEnvironment({}), { keys: [], warnings: [] });
  assert.deepEqual(keysFromEnvironment({ INDELIBLE_KEY: ' ' }), { keys: [], warnings: [] });
});

test('hex, base64 and base64url are the same secret under the same derived id', () => {
  const texts = [
    HEX,
    HEX.toUpperCase(),
    BASE64,
    BASE64.replace(/=+$/, ''),
    Buffer.from(SECRET).toString('base64url'),
  ];
  const keys = texts.map((text) => keysFromEnvironment({ INDELIBLE_KEY: text }).keys[0]!);
  for (const key of keys) assert.deepEqual(key, keys[0]);
  assert.deepEqual(keys[0]!.secret, SECRET);
  assert.match(keys[0]!.key_id, /^[0-9a-f]{16}$/);
});

test('any secret of 32 bytes or more comes back from either form', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 32, maxLength: 80 }), (secret) => {
      for (const form of ['hex', 'base64', 'base64url'] as const) {
        const { keys } = keysFromEnvironment({ INDELIBLE_KEY: `k1:${Buffer.from(secret).toString(form)}` });
        assert.deepEqual(keys, [{ key_id: 'k1', secret }]);
      }
    }),
  );
});

test('retired keys follow the active one', () => {
  const env = {
    INDELIBLE_KEY: `new:${HEX}`,
    INDELIBLE_KEYS_RETIRED: ` a:${'ab'.repeat(32)}, b:${'cd'.repeat(32)},`,
  };
  assert.deepEqual(
    keysFromEnvironment(env).keys.map(({ key_id }) => key_id),
    ['new', 'a', 'b'],
  );
});

test('what is no key is refused, and no message repeats any of it', () => {
  const secret = randomBytes(32).toString('hex');
  const cases: Record<string, string>[] = [
    { INDELIBLE_KEY: secret.slice(2) },
    { INDELIBLE_KEY: `${secret.slice(0, 40)}!${secret.slice(40)}` },
    { INDELIBLE_KEY: `${secret}:k1` },
    { INDELIBLE_KEY: `bad id ${secret}:${secret}` },
    { INDELIBLE_KEY: `:${secret}` },
    { INDELIBLE_KEY: `${BASE64.slice(0, -2)}x` },
    { INDELIBLE_KEYS_RETIRED: `old:${secret}` },
    { INDELIBLE_KEY: `k:${secret}`, INDELIBLE_KEYS_RETIRED: `k:${'ab'.repeat(32)}` },
    { INDELIBLE_KEY: `k:${secret}`, INDELIBLE_KEYS_RETIRED: secret.slice(0, 20) },
  ];
  for (const env of cases) {
    const message = refusal(env);
    assert.match(message, /^(the part of )?INDELIBLE_KEY/);
    for (const text of [secret, BASE64]) assert.ok(!message.includes(text.slice(0, 12)), message);
  }
});

test('dev is a key that comes with a warning', () => {
  const { keys, warnings } = keysFromEnvironment({ INDELIBLE_KEY: 'dev' });
  assert.equal(keys[0]!.key_id, 'development');
  assert.equal(keys[0]!.secret.length, 32);
  assert.match(warnings.join(), /everybody knows/);
});
