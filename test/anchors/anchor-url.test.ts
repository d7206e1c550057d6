/** Anchor URLs: what they say, and what is refused. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import fc from 'fast-check';
import { type AnchorPlan, parseAnchorUrl } from '../../packages/indelible/src/anchors/anchor-url.ts';
import { runs } from '../support/runs.ts';

const PLANS: readonly (readonly [text: string, plan: AnchorPlan])[] = [
  [
    'file:/mnt/a/anchors.jsonl',
    { kind: 'file', name: 'file:/mnt/a/anchors.jsonl', path: '/mnt/a/anchors.jsonl' },
  ],
  ['file:///mnt/a%20b#elsewhere', { kind: 'file', name: 'file:elsewhere', path: '/mnt/a b' }],
  ['file:/mnt/a%20b', { kind: 'file', name: 'file:/mnt/a_b', path: '/mnt/a b' }],
  ['sqlite:/mnt/a.db', { kind: 'database', name: 'database:/mnt/a.db', engine: 'sqlite', path: '/mnt/a.db' }],
  [
    'postgres://anchoring@db.example:5432/anchors?sslmode=verify-full',
    {
      kind: 'database',
      name: 'database:db.example:5432/anchors',
      engine: 'postgres',
      url: 'postgres://anchoring@db.example:5432/anchors?sslmode=verify-full',
    },
  ],
  [
    'https://receiver.example/hook?token=t',
    {
      kind: 'webhook',
      name: 'webhook:receiver.example',
      url: 'https://receiver.example/hook?token=t',
      secret_variable: 'INDELIBLE_WEBHOOK_SECRET',
    },
  ],
  [
    'http://127.0.0.1:8080/hook#auditor',
    {
      kind: 'webhook',
      name: 'webhook:auditor',
      url: 'http://127.0.0.1:8080/hook',
      secret_variable: 'INDELIBLE_WEBHOOK_SECRET',
    },
  ],
  [
    'tsa+https://tsa.example/tsr?roots=/etc/tsa%20roots.pem',
    {
      kind: 'timestamp',
      name: 'timestamp:tsa.example',
      url: 'https://tsa.example/tsr',
      roots_path: '/etc/tsa roots.pem',
    },
  ],
  [
    'tsa+http://localhost:3180?roots=/a+b.pem#local',
    { kind: 'timestamp', name: 'timestamp:local', url: 'http://localhost:3180/', roots_path: '/a+b.pem' },
  ],
  [
    's3://bucket/anchors?retention_days=3650#vault',
    {
      kind: 's3',
      name: 's3:vault',
      place: {
        bucket: 'bucket',
        prefix: 'anchors/',
        endpoint: null,
        region: null,
        lock: { worm: 'required', retention: { mode: 'COMPLIANCE', days: 3650 }, legal_hold: false },
        head_bucket: null,
        url: 's3://bucket/anchors',
      },
    },
  ],
];

for (const [text, plan] of PLANS) test(text, () => assert.deepEqual(parseAnchorUrl(text), plan));

test('everything else is refused, and not repeated', () => {
  for (const text of [
    '',
    '/mnt/a',
    'anchors.jsonl',
    'file:',
    'file:a/secret-6',
    'file:./secret-6',
    'file://host/secret-6',
    'file:/a/',
    'file:/',
    'file:/a%00secret-6',
    'file:/a%zzsecret-6',
    'file:/a?secret=6',
    'FILE:/a',
    'sqlite:secret-6.db',
    'sqlite::memory:',
    'sqlite:/a?mode=secret-6',
    'gs://secret-6/x',
    's3://key:secret-6@bucket/x',
    's3://bucket/x?head_bucket=secret-6',
    'postgres://user:secret-6@host/x',
    'postgres://user@host/secret-6/x',
    'postgres://secret-6',
    'postgres:/secret-6',
    'http://receiver.example/secret-6',
    'https://user:secret-6@receiver.example/',
    'https:///secret-6',
    'https://receiver.example/secret 6',
    'https://receiver.example/#Secret-6',
    'https://receiver.example/#',
    'https://receiver.example/\n',
    'tsa+https://tsa.example/',
    'tsa+https://tsa.example/?roots=',
    'tsa+https://tsa.example/?roots=secret-6.pem',
    'tsa+https://tsa.example/?roots=/a%zz',
    'tsa+https://tsa.example/?roots=/a&roots=/b',
    'tsa+https://tsa.example/?roots=/a&secret=6',
    'tsa+http://tsa.example/?roots=/secret-6',
    'tsa+https://user:secret-6@tsa.example/?roots=/a',
    'tsa+file:/a?roots=secret-6',
    'tsa+tsa+https://tsa.example/?roots=/a',
    `https://receiver.example/${'a'.repeat(2048)}`,
  ]) {
    assert.throws(
      () => parseAnchorUrl(text),
      (error) => isIndelibleError(error, 'ANCHOR_URL') && !/secret/i.test(error.message),
      text,
    );
  }
});

test('any text is an anchor or ANCHOR_URL', () => {
  const pieces = fc.constantFrom(
    'file:',
    'sqlite:',
    'postgres://',
    'https://',
    'tsa+',
    '/',
    '?roots=',
    '#',
    '%',
    'a',
    '@',
    '[',
    ':',
  );
  fc.assert(
    fc.property(
      fc.oneof(
        fc.string(),
        fc.array(pieces).map((parts) => parts.join('')),
      ),
      (text) => {
        try {
          assert.match(parseAnchorUrl(text).name, /^(?:file|database|webhook|timestamp):\S+$/);
        } catch (error) {
          assert.ok(isIndelibleError(error, 'ANCHOR_URL'), String(error));
        }
      },
    ),
    { numRuns: runs(1000) },
  );
});
