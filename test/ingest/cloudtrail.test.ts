import assert from 'node:assert/strict';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Actor, canonicalize, checkEvent, LIMITS } from '@indelible/core';
import { cloudTrailImporter } from '../../packages/indelible/src/ingest/cloudtrail.ts';
import { importInto } from '../../packages/indelible/src/ingest/run-import.ts';
import { brief, bytes, FakeLedger, fixture, readAll, source } from './support.ts';

const ALICE: Actor = { type: 'user', id: 'arn:aws:iam::111122223333:user/alice', name: 'alice' };
const ROLE: Actor = { type: 'role', id: 'arn:aws:iam::111122223333:role/deploy', name: 'deploy' };
const SESSION: Actor = {
  type: 'role-session',
  id: 'arn:aws:sts::111122223333:assumed-role/deploy/build-17',
  name: 'build-17',
};
const NOBODY: Actor = { type: 'unauthenticated', id: 'anonymous' };
const behind = (origin: Actor): Actor => ({ ...SESSION, on_behalf_of: { ...ROLE, on_behalf_of: origin } });

/** What becomes of each record of identities.json. */
const IDENTITIES: readonly [what: string, actor: Actor, session?: object][] = [
  ['IAMUser with a long-lived key', ALICE, { id: 'AKIAEXAMPLEKEY01' }],
  [
    'IAMUser in the console, through a service',
    ALICE,
    {
      id: 'AIDAEXAMPLEALICE@2024-05-06T07:00:00Z',
      agent_id: 'secretsmanager.amazonaws.com',
      agent_type: 'aws-service',
    },
  ],
  [
    'IAMUser without arn',
    { type: 'user', id: 'HIDDEN_DUE_TO_SECURITY_REASONS', name: 'HIDDEN_DUE_TO_SECURITY_REASONS' },
  ],
  ['Root', { type: 'user', id: 'arn:aws:iam::111122223333:root', name: 'root' }],
  [
    'AssumedRole',
    { ...SESSION, on_behalf_of: ROLE },
    { id: 'AROAEXAMPLEROLE:build-17@2024-05-06T07:00:00Z' },
  ],
  [
    'AssumedRole with webIdFederation',
    behind({ type: 'identity-provider', id: 'arn:aws:iam::111122223333:oidc-provider/token.example.com' }),
    { id: 'AROAEXAMPLEROLE:build-17@2024-05-06T07:00:00Z' },
  ],
  [
    'AssumedRole with sourceIdentity',
    behind({ type: 'user', id: 'carol' }),
    { id: 'AROAEXAMPLEROLE:build-17@2024-05-06T07:00:00Z' },
  ],
  [
    'AssumedRole of an Identity Center user',
    behind({ type: 'user', id: '94482488-3041-7012-8000-3f0000000001' }),
    { id: 'AROAEXAMPLEROLE:build-17@2024-05-06T07:00:00Z' },
  ],
  [
    'AssumedRole by a service',
    { ...SESSION, on_behalf_of: ROLE },
    {
      id: 'AROAEXAMPLEROLE:build-17@2024-05-06T07:00:00Z',
      agent_id: 'inspector2.amazonaws.com',
      agent_type: 'aws-service',
    },
  ],
  ['Role', { type: 'role', id: 'arn:aws:iam::111122223333:role/deploy' }],
  [
    'FederatedUser',
    { type: 'federated-user', id: 'arn:aws:sts::111122223333:federated-user/dora', on_behalf_of: ALICE },
    { id: '111122223333:dora@2024-05-06T07:00:00Z' },
  ],
  ['SAMLUser', { type: 'user', id: 'X7example=:erin', name: 'erin@example.com' }],
  ['WebIdentityUser', { type: 'user', id: 'accounts.example.com:app-1:user-2', name: 'user-2' }],
  ['Directory', { type: 'user', id: 'arn:aws:ds:eu-central-1:111122223333:user/d-1/frank', name: 'frank' }],
  ['IdentityCenterUser', { type: 'user', id: '94482488-3041-7012-8000-3f0000000002' }],
  ['AWSService', { type: 'service', id: 'ec2.amazonaws.com' }],
  ['a service without type', { type: 'service', id: 'secretsmanager.amazonaws.com' }],
  ['AWSAccount', { type: 'account', id: '444455556666', name: 'AIDAOTHERACCOUNT' }],
  ['an anonymous S3 request', NOBODY],
  ['Unknown with a principal', { type: 'Unknown', id: 'example.com//S-1-5-21-1', name: 'grace' }],
  ['a type yet to be invented', { type: 'HologramUser', id: 'HOLO1' }],
  ['a type alone', NOBODY],
  ['identity null', NOBODY],
  ['identity missing', NOBODY],
  ['identity empty', NOBODY],
];

test('every kind of userIdentity becomes an actor with its delegation', async () => {
  const { good, bad } = await readAll(cloudTrailImporter, source(fixture('identities.json')));
  assert.deepEqual(bad, []);
  assert.equal(good.length, IDENTITIES.length);
  IDENTITIES.forEach(([what, actor, session], i) => {
    assert.deepEqual(good[i]!.event.actor, actor, what);
    assert.deepEqual(good[i]!.event.session, session, what);
    assert.equal(good[i]!.event.action, 'sts.GetCallerIdentity');
  });
});

test('resources, outcomes, messages and correlation ids of the edge cases', async () => {
  const content = fixture('edge-cases.json');
  const { good, bad } = await readAll(cloudTrailImporter, source(content, 7));
  assert.deepEqual(bad, []);
  const events = good.map(({ event }) => event);
  const at = (i: number) => events[i]!;
  const bucket = { type: 'AWS::S3::Bucket', id: 'arn:aws:s3:::reports' };

  assert.deepEqual(at(0).resource, { type: 'AWS::S3::Object', id: 'arn:aws:s3:::reports/2024/q1.csv' });
  assert.deepEqual(at(0).related_resources, [bucket]);
  assert.deepEqual(at(1).related_resources, [bucket], 'listed twice, related once');
  assert.deepEqual(at(2).resource, {
    type: 'ssm:parameter',
    id: 'arn:aws:ssm:eu-central-1:111122223333:parameter/db/password',
  });
  assert.deepEqual([at(3).resource?.id, at(3).related_resources?.[0]?.id], ['i-1', 'i-2']);
  assert.equal(at(4).resource?.type, 'AWS::IAM::Role');
  assert.equal(at(14).related_resources?.length, LIMITS.related_resources);

  assert.deepEqual(
    events.slice(0, 9).map((event) => event.outcome),
    ['ok', 'ok', 'ok', 'denied', 'denied', 'error', 'error', 'denied', 'ok'],
  );
  assert.equal(at(5).message, 'The bucket policy does not exist');
  assert.equal(at(6).message, 'InvocationDoesNotExist');
  assert.equal(at(13).message?.length, LIMITS.message);
  assert.equal(at(13).resource?.id.length, LIMITS.identifier);

  assert.equal(at(0).correlation_id, '000000a000004000800000000000001a', 'requestID, dashes stripped');
  assert.equal(at(7).correlation_id, '000000e0000040008000000000000021', 'eventID when nothing is shared');
  assert.equal(
    at(8).correlation_id,
    '2d524f87fd1c3a3231c2aaae0add625b',
    'SHA-256 of cloudtrail:K7Q2ZXW1V8N5M3T9',
  );
  assert.equal(at(9).correlation_id, 'aaaabbbbcccc4ddd8eeeffff00001111', 'sharedEventID, lower case');
  assert.equal(at(10).correlation_id, '000000e0000040008000000000000024', 'a filler is no request id');
  assert.match(at(11).correlation_id!, /^[0-9a-f]*[1-9a-f][0-9a-f]*$/, 'never all zeros');

  assert.equal(at(12).action, 'sqs.SendMessage', 'China partition');
  assert.equal(at(12).resource?.id.includes('\n'), false, 'no line can be forged');
  for (const event of events) checkEvent(event);
  const originals = JSON.parse(new TextDecoder().decode(content)).Records;
  assert.deepEqual(
    events.map(({ data }) => canonicalize(data)),
    originals.map(canonicalize),
    'the whole original, values untouched',
  );
});

test('a malformed record is named by position and the rest goes in', async () => {
  const { good, bad } = await readAll(cloudTrailImporter, source(fixture('malformed-middle.json')));
  assert.deepEqual(
    good.map(({ position }) => position),
    ['Records[0]', 'Records[2]', 'Records[4]'],
  );
  assert.deepEqual(brief(bad), ['Records[1] JSON_INVALID', 'Records[3] EVENT_INVALID']);
  assert.equal(bad[0]!.error.details.byte, 736);
  assert.match(bad[1]!.error.message, /eventID is missing/);
});

test('gzipped, with a byte order mark, in any pieces: the same events', async () => {
  const plain = fixture('identities.json');
  const expected = await readAll(cloudTrailImporter, source(plain));
  const marked = Buffer.concat([Buffer.from([0xef, 0xbb, 0xbf]), plain]);
  const twice = Buffer.concat([gzipSync(plain.subarray(0, 1000)), gzipSync(plain.subarray(1000))]);
  for (const content of [marked, gzipSync(plain), gzipSync(marked), twice]) {
    for (const size of [1, 13, 65_536]) {
      assert.deepEqual(await readAll(cloudTrailImporter, source(content, size)), expected);
    }
  }
});

test('importing the same files twice, also gzipped and renamed, adds nothing', async () => {
  const ledger = new FakeLedger();
  const plain = fixture('edge-cases.json');
  const first = await importInto(ledger.record, cloudTrailImporter, [source(plain)]);
  assert.equal(first.added, 15);
  const again = [source(plain), source(gzipSync(plain), 100, 'other-name.json.gz')];
  const second = await importInto(ledger.record, cloudTrailImporter, again);
  assert.deepEqual([second.read, second.added, second.duplicates, second.failed], [30, 0, 30, 0]);
});

test('a record near the limit and one over it go in, one over the bound is named', async () => {
  const records = [10, 60_000, 70_000, 2_000_000, 10].map((size, i) => ({
    eventVersion: '1.08',
    eventID: `00000000-0000-4000-8000-00000000000${i}`,
    eventTime: '2024-05-06T07:00:00Z',
    eventSource: 's3.amazonaws.com',
    eventName: 'PutObject',
    requestParameters: { filler: 'x'.repeat(size) },
  }));
  const { good, bad } = await readAll(cloudTrailImporter, source(JSON.stringify({ Records: records })));
  assert.deepEqual(
    good.map(({ position }) => position),
    ['Records[0]', 'Records[1]', 'Records[2]', 'Records[4]'],
  );
  assert.deepEqual(brief(bad), ['Records[3] RECORD_TOO_LARGE']);
});

test('invalid UTF-8, lossy numbers and doubled keys are faults of their record alone', async () => {
  const good =
    '{"eventVersion":"1","eventID":"e%","eventTime":"2024-05-06T07:00:00Z","eventSource":"a","eventName":"b"';
  const text = `{"Records":[${good}},${good},"x":"\u0001"},${good},"x":12345678901234567890},${good},"x":1,"x":2},${good}}]}`;
  const content = bytes(text.replace('\u0001', '?'));
  content[bytes(text.slice(0, text.indexOf('\u0001'))).length] = 0xff;
  const found = await readAll(cloudTrailImporter, source(content));
  assert.deepEqual(brief(found.bad), [
    'Records[1] JSON_INVALID',
    'Records[2] JSON_NUMBER',
    'Records[3] JSON_DUPLICATE_KEY',
  ]);
  assert.equal(found.good.length, 2);
});

const REAL = new URL('../../../shared/data/cloudtrail/', import.meta.url);

test('real CloudTrail files: every record is a valid event', { skip: !existsSync(REAL) }, async () => {
  const ledger = new FakeLedger();
  const files = readdirSync(REAL).filter((name) => name.endsWith('.json'));
  const contents = files.map((name) => readFileSync(new URL(name, REAL)));
  const originals = contents.flatMap((content) => JSON.parse(content.toString()).Records);
  const first = await importInto(
    ledger.record,
    cloudTrailImporter,
    contents.map((content, i) => source(content, 4096, files[i]!)),
  );
  assert.ok(originals.length > 0);
  assert.deepEqual(first.errors, []);
  assert.equal(first.added, originals.length);
  ledger.events.forEach((event, i) => {
    checkEvent(event);
    assert.equal(canonicalize(event.data), canonicalize(originals[i]));
    assert.notEqual(event.actor?.type, 'unauthenticated');
  });

  const runs = new Map<string, string[]>();
  for (const { correlation_id, action } of ledger.events) {
    runs.set(correlation_id!, [...(runs.get(correlation_id!) ?? []), action]);
  }
  // A launch, and the roles that EC2 took up to carry it out, are one run.
  assert.deepEqual(runs.get('95b435ce68af4a4bb89cf653d8946ebc')?.toSorted(), [
    'ec2.RunInstances',
    'sts.AssumeRole',
    'sts.AssumeRole',
  ]);

  const second = await importInto(
    ledger.record,
    cloudTrailImporter,
    contents.map((content) => source(gzipSync(content))),
  );
  assert.deepEqual([second.added, second.duplicates], [0, originals.length]);
});
