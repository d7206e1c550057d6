/** URLs of places in buckets, locks, and a driver that is not there: without a server. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import fc from 'fast-check';
import { parseLedgerUrl } from '../../packages/indelible/src/compose/ledger-url.ts';
import { loadSdk } from '../../packages/indelible/src/s3/driver.ts';
import { s3Fault } from '../../packages/indelible/src/s3/faults.ts';
import {
  chooseLock,
  lockMetadata,
  lockNow,
  lockThatWasSet,
  weakened,
} from '../../packages/indelible/src/s3/lock.ts';
import { parseS3Url } from '../../packages/indelible/src/s3/place.ts';
import type { Commits } from '../../packages/indelible/src/stores/s3/commits.ts';
import { floorSlot, lastSlot } from '../../packages/indelible/src/stores/s3/find-slots.ts';
import { Findings } from '../../packages/indelible/src/stores/s3/findings.ts';
import {
  batchFacts,
  batchMetadata,
  claimedKey,
  parseBatchName,
  parseClaim,
  parseSettings,
} from '../../packages/indelible/src/stores/s3/layout.ts';

const place = (url: string) => parseS3Url(url, 'LEDGER_URL', { head_bucket: true });
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return isIndelibleError(error) ? error.code : String(error);
  }
  return 'none';
};

test('a URL says where, and how objects are kept', () => {
  assert.deepEqual(place('s3://b-1.x/team/prod?region=eu-central-1&lock=governance&retention_days=30'), {
    bucket: 'b-1.x',
    prefix: 'team/prod/',
    endpoint: null,
    region: 'eu-central-1',
    lock: { worm: 'required', retention: { mode: 'GOVERNANCE', days: 30 }, legal_hold: false },
    head_bucket: null,
    url: 's3://b-1.x/team/prod',
  });
  const local = place('s3://bkt?endpoint=http://127.0.0.1:7480&worm=off&head_bucket=heads');
  assert.deepEqual(
    [local.prefix, local.endpoint, local.region, local.head_bucket, local.url],
    ['', 'http://127.0.0.1:7480', 'us-east-1', 'heads', 's3://bkt?endpoint=http://127.0.0.1:7480'],
  );
  assert.deepEqual(place('s3://bkt/p?retention_days=1').lock.retention, { mode: 'COMPLIANCE', days: 1 });
  assert.equal(place('s3://bkt/p?endpoint=http://store:9000&plain_http=true').endpoint, 'http://store:9000');
});

test('everything else is refused, and no secret repeated', () => {
  for (const url of [
    's3:bkt',
    's3://',
    's3://B',
    's3://key:secret-7@bkt/p',
    's3://bkt//p',
    's3://bkt/../p',
    's3://bkt/a b',
    's3://bkt/p#x',
    's3://bkt/p?secret_7=1',
    's3://bkt/p?lock=compliance',
    's3://bkt/p?lock=none&retention_days=1',
    's3://bkt/p?retention_days=0',
    's3://bkt/p?retention_days=99999',
    's3://bkt/p?retention_days=1&retention_days=2',
    's3://bkt/p?worm=off&retention_days=1',
    's3://bkt/p?worm=off&legal_hold=true',
    's3://bkt/p?legal_hold=yes',
    's3://bkt/p?head_bucket=bkt',
    's3://bkt/p?endpoint=http://store:9000',
    's3://bkt/p?endpoint=https://key:secret-7@store',
    's3://bkt/p?endpoint=https://store/path',
    's3://bkt/p?region=Europe!',
  ]) {
    assert.throws(
      () => place(url),
      (error: unknown) => isIndelibleError(error, 'LEDGER_URL') && !error.message.includes('secret-7'),
      url,
    );
  }
  assert.equal(
    codeOf(() => parseS3Url('s3://bkt/p?head_bucket=h-1', 'ANCHOR_URL')),
    'ANCHOR_URL',
  );
});

test('what is derived lies in the same folder, however objects are to be kept', () => {
  const local = (url: string): string => (parseLedgerUrl(url) as { local: string }).local;
  const plain = local('s3://bkt/p?endpoint=https://s.example');
  assert.equal(local('s3://bkt/p?retention_days=9&endpoint=https://s.example&head_bucket=heads'), plain);
  assert.notEqual(local('s3://bkt/p?endpoint=https://t.example'), plain);
  assert.notEqual(local('s3://bkt/q?endpoint=https://s.example'), plain);
});

test('a lock is what the bucket offers and the URL asks for, or refused', () => {
  const rule = { mode: 'GOVERNANCE', days: 7 } as const;
  const days = { mode: 'COMPLIANCE', days: 30 } as const;
  const wish = (worm: 'required' | 'preferred' | 'off', more = {}) =>
    ({ worm, retention: null, legal_hold: false, ...more }) as const;
  const enabled = { enabled: true, rule: null };
  const none = { enabled: false, rule: null };
  assert.deepEqual(chooseLock(wish('required'), { enabled: true, rule }, 'p'), {
    retention: rule,
    legal_hold: false,
  });
  assert.deepEqual(
    chooseLock(wish('required', { retention: days }), { enabled: true, rule }, 'p')?.retention,
    days,
  );
  assert.deepEqual(chooseLock(wish('preferred', { retention: days }), none, 'p'), null);
  assert.deepEqual(chooseLock(wish('off'), { enabled: true, rule }, 'p'), null);
  assert.deepEqual(chooseLock(wish('required', { legal_hold: true }), enabled, 'p')?.legal_hold, true);
  for (const bucket of [enabled, none])
    assert.equal(
      codeOf(() => chooseLock(wish('required'), bucket, 'p')),
      'STORE_NOT_WORM',
    );
});

test('a lock that is less than what was set is told from one that never was more', () => {
  const now = Date.parse('2026-11-21T12:00:00.123Z');
  const set = lockNow({ retention: { mode: 'COMPLIANCE', days: 10 }, legal_hold: true }, now);
  assert.equal(set.retain_until, Date.parse('2026-12-01T12:00:00Z'));
  assert.deepEqual(lockThatWasSet(lockMetadata(set)), set);
  assert.equal(lockThatWasSet({}), null);
  const until = set.retain_until!;
  for (const [found, less] of [
    [set, null],
    [{ ...set, retain_until: until + 1e9 }, null],
    [{ ...set, retain_until: until - 500 }, null],
    [{ ...set, retain_until: until - 60_000 }, /shortened to 2026-12-01T11:59/],
    [{ ...set, mode: null, retain_until: null }, /has no retention/],
    [{ ...set, mode: 'GOVERNANCE' }, /weakened to GOVERNANCE/],
  ] as const) {
    const said = weakened(set, found, now);
    if (less === null) assert.equal(said, null);
    else assert.match(said!, less);
    assert.equal(weakened(set, found, until + 1), null, 'its time is over');
  }
});

test('names and small objects are read as they are written, and nothing else is', () => {
  assert.deepEqual(parseBatchName('0000000000000041'), { slot: 41, last_seq: null });
  assert.deepEqual(parseBatchName('0000000000000041-0000000000000049-0123456789abcdef'), {
    slot: 41,
    last_seq: 49,
  });
  for (const name of [
    '',
    '41',
    '0000000000000041-',
    '0000000000000041-0000000000000040-0123456789abcdef',
    '9999999999999999',
  ])
    assert.equal(parseBatchName(name), null, name);
  const facts = {
    first_seq: 1,
    last_seq: 2,
    hash: 'ab'.repeat(32),
    nonce: '0123456789abcdef',
    confirmed_seq: -1,
  };
  assert.deepEqual(batchFacts(batchMetadata(facts)), facts);
  for (const change of [
    { 'first-seq': '3' },
    { 'last-hash': 'x' },
    { nonce: '' },
    { 'confirmed-seq': '-2' },
    { 'last-seq': '1e3' },
  ])
    assert.equal(batchFacts({ ...batchMetadata(facts), ...change }), null);
  const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
  for (const value of [null, [], {}, { format: 1 }, { format: 1, id: 'x', head_bucket: 3 }])
    assert.equal(
      codeOf(() => parseSettings(bytes(value), 'p')),
      'LEDGER_DAMAGED',
    );
  assert.equal(
    codeOf(() => parseSettings(bytes({ format: 2, id: 'x', head_bucket: null }), 'p')),
    'LEDGER_TOO_NEW',
  );
  assert.equal(
    codeOf(() => parseSettings(new Uint8Array([0xff]), 'p')),
    'LEDGER_DAMAGED',
  );
  const claim = { format: 1, first_seq: 7, last_seq: 7, hash: 'ab'.repeat(32), version_id: null };
  const keyFor = (slot: number) => claimedKey('p/log/', slot, 7, '0123456789abcdef');
  const parse = (slot: number, change = {}) =>
    parseClaim(bytes({ ...claim, key: keyFor(slot), ...change }), slot, 'p', 'p/log/');
  assert.equal(parse(0).slot, 0, 'the first batch may begin with any record');
  assert.equal(parse(7).nonce, '0123456789abcdef');
  assert.equal(
    codeOf(() => parse(8)),
    'LEDGER_DAMAGED',
  );
  assert.equal(
    codeOf(() => parse(7, { last_seq: 6 })),
    'LEDGER_DAMAGED',
  );
  const elsewhere = [
    'k',
    'p/spare',
    keyFor(0),
    keyFor(7).replace('p/', 'q/'),
    keyFor(7).slice(0, -1),
    `${keyFor(7)}0`,
  ];
  for (const key of elsewhere)
    assert.equal(
      codeOf(() => parse(7, { key })),
      'LEDGER_DAMAGED',
      key,
    );
});

/** Slots that are taken, as a server lists them. */
function listed(slots: readonly number[]) {
  let requests = 0;
  const commits = {
    slots: async (after: number, count: number) => {
      requests++;
      const behind = slots.filter((slot) => slot > after);
      return { slots: behind.slice(0, count), more: behind.length > count };
    },
  } as unknown as Commits;
  return { commits, requests: () => requests };
}

test('slots are found with few requests, wherever they are', async () => {
  const step = fc.oneof(
    fc.constant(1),
    fc.integer({ min: 1, max: 5000 }),
    fc.integer({ min: 1, max: 2 ** 40 }),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 60 }), fc.nat(), fc.nat(), async (steps, known, seq) => {
      const slots = [0];
      // Long runs of neighbours, too: more than a page of them.
      for (const [i, one] of steps.entries())
        for (let run = i === 7 ? 1500 : 1; run > 0; run--) slots.push(slots.at(-1)! + one);
      const { commits } = listed(slots);
      const start = known % 3 === 0 ? -1 : slots[known % slots.length]!;
      assert.equal(await lastSlot(commits, start), slots.at(-1));
      const wanted = seq % (slots.at(-1)! + 10);
      assert.equal(
        await floorSlot(commits, wanted),
        slots.findLast((slot) => slot <= wanted),
      );
    }),
    { numRuns: 60 },
  );
  assert.equal(await lastSlot(listed([]).commits, -1), null);
  assert.equal(await floorSlot(listed([]).commits, 5), null);
  const many = listed(Array.from({ length: 50_000 }, (_, i) => i * 7));
  assert.equal(await lastSlot(many.commits, -1), 49_999 * 7);
  assert.ok(many.requests() < 120, `${many.requests()} requests for the head of 50,000 batches`);
  const before = many.requests();
  assert.equal(await floorSlot(many.commits, 123_456), 123_452);
  assert.equal(many.requests() - before, 1);
});

test('a driver that is not there is named, with the command that installs it', async () => {
  const missing = loadSdk(() =>
    Promise.reject(Object.assign(new Error('gone'), { code: 'ERR_MODULE_NOT_FOUND' })),
  );
  await assert.rejects(missing, (error: unknown) => {
    return (
      isIndelibleError(error, 'DRIVER_MISSING') && error.message.includes('npm install @aws-sdk/client-s3')
    );
  });
});

test('an error of the SDK becomes one of ours, without what it holds', () => {
  const sdk = (name: string, status: number | undefined, message = 'said') =>
    Object.assign(new Error(message), {
      name,
      $metadata: { httpStatusCode: status },
      AWSAccessKeyId: 'AKIA7',
    });
  for (const [error, code] of [
    [sdk('NoSuchBucket', 404), 'LEDGER_NOT_FOUND'],
    [sdk('AccessDenied', 403), 'STORE_READ_ONLY'],
    [sdk('SignatureDoesNotMatch', 403), 'STORE_UNAVAILABLE'],
    [sdk('CredentialsProviderError', undefined), 'STORE_UNAVAILABLE'],
    [sdk('QuotaExceeded', 403), 'STORE_FULL'],
    [sdk('Odd', 507), 'STORE_FULL'],
    [sdk('SlowDown', 503), 'STORE_UNAVAILABLE'],
    [sdk('Error', undefined, 'connect ECONNREFUSED'), 'STORE_UNAVAILABLE'],
  ] as const) {
    const ours = s3Fault(error, 's3://bkt', 'putting x');
    assert.equal(ours.code, code, error.name);
    assert.ok(!JSON.stringify([ours.message, ours.details]).includes('AKIA7'));
    assert.equal(ours.cause, undefined);
  }
});

test('of many findings of one kind some are named, and all are counted', () => {
  const findings = new Findings();
  for (let i = 0; i < 50; i++) findings.add('leftover_file', `${i}`);
  for (let i = 0; i < 3; i++) findings.once('not_locked', 'the same');
  findings.add('leftover_file', 'bad', { damage: true, seq: 4 });
  const list = findings.list();
  assert.equal(list.length, 20 + 1 + 1 + 1);
  assert.equal(list[20]!.detail, 'and 30 more of the same kind');
  assert.deepEqual(
    list.filter(({ damage }) => damage),
    [{ code: 'leftover_file', detail: 'bad', damage: true, seq: 4 }],
  );
});
