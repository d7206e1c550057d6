/** Which tokens are refused: each point of the check fails for a token that is right in every other. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { checkTimestampToken } from '../../packages/indelible/src/anchors/timestamp/check-token.ts';
import { makeNonce, timestampQuery } from '../../packages/indelible/src/anchors/timestamp/query.ts';
import { context, integer, octets, oid, sequence } from '../support/der.ts';
import {
  type CertificateOrder,
  ecKeys,
  extension,
  forgeToken,
  issue,
  rsaKeys,
  SERVER_AUTH,
  TIME_STAMPING,
  type TokenOrder,
} from '../support/forge.ts';
import { FULL, runs } from '../support/runs.ts';

const DIGEST = new Uint8Array(createHash('sha256').update('a note').digest());
const NONCE = Uint8Array.from([0x41, 2, 3, 4, 5, 6, 7, 8]);
const AT = Date.parse('2026-11-21T02:15:00Z');
const root = issue({ name: 'root' });
const signer = issue({ name: 'authority', issuer: root });

const token = (order: Partial<TokenOrder> = {}) =>
  forgeToken({ digest: DIGEST, nonce: NONCE, signer, ...order });
const check = (bytes: Uint8Array, options: Partial<Parameters<typeof checkTimestampToken>[2]> = {}) =>
  checkTimestampToken(bytes, DIGEST, { roots: root.pem, at: AT, nonce: NONCE, ...options });

/** A token by an authority whose certificate is like this. */
function by(order: Partial<CertificateOrder>): Uint8Array {
  return token({ signer: issue({ name: 'authority', issuer: root, ...order }) });
}

test('a token that is right is accepted, and says when', async () => {
  const verdict = await check(token({ accuracy: sequence(integer(1), tlvMillis(500)) }));
  assert.deepEqual(verdict, {
    ok: true,
    time: 'attested',
    anchored_at: '2026-11-21T02:14:00.000Z',
    detail:
      'CN=authority attests 2026-11-21T02:14:00.000Z, to within 1500 ms; whether its certificate was revoked is not checked',
    facts: { accuracy_ms: 1500, serial: '2a', policy: '1.2.3.4.1', authority: 'CN=authority' },
  });
  const plain = await check(token({ gen_time: '20261121021400.25Z' }), {});
  assert.deepEqual([plain.anchored_at, plain.facts?.accuracy_ms], ['2026-11-21T02:14:00.250Z', null]);
});

function tlvMillis(value: number): Buffer {
  const bytes = integer(value);
  bytes[0] = 0x80;
  return bytes;
}

test('RSA, ECDSA, both kinds of certificate identifiers, and a root that is the signer itself', async () => {
  for (const keys of [rsaKeys(), ecKeys()]) {
    const authority = issue({ name: 'authority', issuer: root, keys });
    for (const names_version of [1, 2] as const) {
      const verdict = await check(token({ signer: authority, names_version }));
      assert.ok(verdict.ok, verdict.detail);
    }
    assert.ok((await check(token({ signer: authority }), { roots: authority.pem })).ok);
  }
});

/** What is wrong, the token (and options), and what the refusal says. */
const REFUSED: readonly [what: string, make: () => ReturnType<typeof check>, detail: RegExp][] = [
  ['a wrong digest', () => check(token({ digest: DIGEST.map((byte) => byte ^ 1) })), /something else/],
  [
    'another digest algorithm',
    () => check(token({ imprint_oid: '2.16.840.1.101.3.4.2.2' })),
    /something else/,
  ],
  ['a wrong nonce', () => check(token({ nonce: Uint8Array.from([0x41, 0, 0]) })), /another nonce/],
  ['no nonce though one was asked for', () => check(forgeToken({ digest: DIGEST, signer })), /another nonce/],
  [
    'a certificate that had expired',
    () => check(by({ until: '2026-11-21T02:13:59' })),
    /was not valid at the time/,
  ],
  ['a certificate of later', () => check(by({ from: '2026-11-21T02:14:01' })), /was not valid at the time/],
  ['no extended key usage', () => check(by({ purposes: null })), /has no extended key usage/],
  ['another extended key usage', () => check(by({ purposes: [SERVER_AUTH] })), /is not timeStamping$/],
  [
    'a further extended key usage',
    () => check(by({ purposes: [TIME_STAMPING, SERVER_AUTH] })),
    /is not timeStamping alone/,
  ],
  ['timeStamping twice', () => check(by({ purposes: [TIME_STAMPING, TIME_STAMPING] })), /timeStamping alone/],
  [
    'an extended key usage that is not critical',
    () => check(by({ purposes_critical: false })),
    /is not critical/,
  ],
  [
    'a key usage that is not to sign',
    () => check(by({ key_usage: 0x20 })),
    /key usage of the certificate is not to sign/,
  ],
  [
    'a certificate of an authority',
    () => check(by({ ca: true, purposes: [TIME_STAMPING] })),
    /authority for certificates/,
  ],
  [
    'an unknown critical extension',
    () => check(by({ extensions: [extension('1.2.3.9', octets(DIGEST), true)] })),
    /1\.2\.3\.9, which is unknown/,
  ],
  [
    'an extension twice',
    () => check(by({ extensions: [extension('2.5.29.37', sequence(oid(TIME_STAMPING)), true)] })),
    /malformed|twice/,
  ],
  [
    'a certificate signed with SHA-1',
    () => check(by({ digest: 'sha1' })),
    /1\.2\.840\.10045\.4\.1, which is not accepted/,
  ],
  ['an RSA key of 1,024 bits', () => check(by({ keys: rsaKeys(1024) })), /1024 bits/],
  [
    'an untrusted root',
    () => check(token(), { roots: issue({ name: 'root' }).pem }),
    /no root that is trusted/,
  ],
  [
    'a certificate signed by itself',
    () => check(token({ signer: issue({ name: 'authority', ca: false }) })),
    /no root that is trusted/,
  ],
  ['a root that had expired', () => expiredRoot(), /root\) was not valid/],
  ['a wrong signature', () => check(token({ key: ecKeys().privateKey })), /signature of the token is wrong/],
  ['another kind of key', () => check(token({ key: rsaKeys().privateKey })), /key of another kind/],
  [
    'a timestamp that was altered',
    () => check(token({ swap: laterTime })),
    /its digest is not the one signed/,
  ],
  ['no signed attributes', () => check(token({ unsigned: true })), /no signed attributes/],
  [
    'a content type that is not signed',
    () => check(token({ content_type: null })),
    /content type is not signed/,
  ],
  [
    'another signed content type',
    () => check(token({ content_type: '1.2.840.113549.1.7.1' })),
    /content type that is signed/,
  ],
  ['no certificate named', () => check(token({ names: null })), /which certificate/],
  [
    'a token signed by another certificate than is named',
    () => check(token({ names: issue({ name: 'authority', issuer: root }) })),
    /another certificate than it states/,
  ],
  [
    'another certificate named by SHA-1',
    () => check(token({ names: issue({ name: 'authority', issuer: root }), names_version: 1 })),
    /another certificate than it states/,
  ],
  [
    'the right serial number, but another digest of the certificate',
    () => check(token({ names: issue({ name: 'authority', issuer: root }), names_serial: signer.serial })),
    /another certificate than it states/,
  ],
  [
    'the right digest, but another serial number',
    () => check(token({ names_serial: Uint8Array.from([9]) })),
    /another certificate than it states/,
  ],
  [
    'a certificate with the same key that is not the one named',
    () => renewed(),
    /another certificate than it states/,
  ],
  ['no certificate at all', () => check(token({ certificates: [] })), /lacks its certificate/],
  ['two signers', () => check(token({ signers: 2 })), /exactly one signer/],
  ['no signer', () => check(token({ signers: 0 })), /exactly one signer/],
  [
    'SHA-1 as the digest of the signer',
    () => check(token({ digest_oid: '1.3.14.3.2.26' })),
    /digest 1\.3\.14\.3\.2\.26 is not accepted/,
  ],
  ['another version', () => check(token({ version: 2 })), /not of version 1/],
  [
    'an unknown critical extension of the timestamp',
    () => check(token({ extensions: [extension('1.2.3.9', octets(DIGEST), true)] })),
    /unknown critical extension/,
  ],
  ['a time still to come', () => check(token({ gen_time: '20261121022001Z' })), /still to come/],
  [
    'a time before it was asked for',
    () => check(token(), { not_before: AT + 5 * 60_000 }),
    /before it was asked for/,
  ],
  ['a time without seconds', () => check(token({ gen_time: '202611210214Z' })), /genTime is no time/],
  ['a local time', () => check(token({ gen_time: '20261121021400+0100' })), /genTime is no time/],
  ['a fraction with zeros', () => check(token({ gen_time: '20261121021400.10Z' })), /genTime is no time/],
  ['a 30th of February', () => check(token({ gen_time: '20260230021400Z' })), /genTime is no time/],
  [
    'more than one certificate may have',
    () => check(token({ certificates: Array.from({ length: 17 }, () => signer) })),
    /more than 16 certificates/,
  ],
  ['bytes behind it', async () => check(Uint8Array.from([...token(), 0])), /not well-formed/],
  ['too many bytes', () => check(new Uint8Array(20 * 1024 + 1)), /at most 20480 bytes/],
  ['no bytes', () => check(new Uint8Array()), /malformed|not well-formed/],
];

function expiredRoot() {
  const old = issue({ name: 'root', until: '2026-11-21T02:13:00' });
  return check(token({ signer: issue({ name: 'authority', issuer: old }) }), { roots: old.pem });
}

/** The authority's key, certified twice. */
function renewed() {
  const keys = ecKeys();
  const first = issue({ name: 'authority', issuer: root, keys });
  const second = issue({ name: 'authority', issuer: root, keys });
  return check(token({ signer: second, names: first }));
}

function laterTime(content: Buffer): Buffer {
  const at = content.indexOf('20261121021400Z');
  const altered = Buffer.from(content);
  altered.write('20261121021459Z', at);
  return altered;
}

for (const [what, run, detail] of REFUSED) {
  test(`refused: ${what}`, async () => {
    const verdict = await run();
    assert.match(verdict.detail, detail);
    assert.deepEqual([verdict.ok, verdict.time, verdict.anchored_at], [false, 'asserted', null]);
  });
}

test('chains: through authorities that may, and no others', async () => {
  const middle = (order: Partial<CertificateOrder> = {}) =>
    issue({ name: 'middle', issuer: root, ca: true, ...order });
  const through = (authority: ReturnType<typeof middle>, more: readonly ReturnType<typeof middle>[] = []) => {
    const leaf = issue({ name: 'authority', issuer: authority });
    return check(token({ signer: leaf, certificates: [leaf, authority, ...more] }));
  };
  for (const order of [{}, { path_length: 0 }, { purposes: [TIME_STAMPING] }, { key_usage: null }]) {
    const verdict = await through(middle(order));
    assert.ok(verdict.ok, verdict.detail);
  }
  const first = middle({ name: 'first', path_length: 1 });
  assert.ok((await through(middle({ issuer: first }), [first])).ok);
  const tight = middle({ name: 'first', path_length: 0 });
  for (const [verdict, detail] of [
    [await through(middle({ ca: false })), /is not one of an authority|no root/],
    [await through(middle({ key_usage: 0x80 })), /may not sign certificates|no root/],
    [await through(middle({ purposes: [SERVER_AUTH] })), /no authority for timestamps/],
    [await through(middle({ until: '2026-11-21T02:13:00' })), /was not valid at the time/],
    [await through(middle({ digest: 'sha1' })), /not accepted/],
    [await through(middle({ issuer: tight }), [tight]), /chain below CN=first is too long/],
    [await through(middle({ issuer: first })), /no root that is trusted/],
  ] as const) {
    assert.ok(!verdict.ok);
    assert.match(verdict.detail, detail);
  }
  // Two authorities that certify each other lead nowhere, and not in circles.
  const [a, b] = [ecKeys(), ecKeys()];
  const seed = issue({ name: 'b', keys: b });
  const left = issue({ name: 'a', issuer: seed, ca: true, keys: a });
  const right = issue({ name: 'b', issuer: left, ca: true, keys: b });
  const leaf = issue({ name: 'authority', issuer: left });
  const verdict = await check(token({ signer: leaf, certificates: [leaf, left, right] }));
  assert.match(verdict.detail, /no root that is trusted/);
});

test('certificates that are sent along without need may be of any kind', async () => {
  const odd = issue({ name: 'odd', extensions: [extension('1.2.3.9', octets(DIGEST), true)] });
  const verdict = await check(token({ certificates: [signer, odd] }));
  assert.ok(verdict.ok, verdict.detail);
});

test('roots that are none are an error of the settings', async () => {
  for (const roots of ['', 'no PEM', root.pem.replace('MII', 'MIX'), 'x'.repeat(1024 * 1024 + 1)]) {
    await assert.rejects(check(token(), { roots }), (error) => isIndelibleError(error, 'ANCHOR_CONFIG'));
  }
  assert.ok((await check(token(), { roots: `text\n${issue({ name: 'other' }).pem}\n${root.pem}` })).ok);
});

test('a query is what RFC 3161 says, byte for byte', () => {
  const query = Buffer.from(timestampQuery(new Uint8Array(32).fill(0xab), NONCE)).toString('hex');
  assert.equal(
    query,
    `30430201013031300d060960864801650304020105000420${'ab'.repeat(32)}020841020304050607080101ff`,
  );
  for (let i = 0; i < 200; i++) assert.ok(makeNonce()[0]! >= 0x40 && makeNonce()[0]! < 0x80);
});

test('mutated tokens are refused, or attest nothing else', async () => {
  const good = token();
  const expected = await check(good);
  let random = 12345;
  const next = (below: number) => {
    random = (random * 1103515245 + 12345) & 0x7fffffff;
    return (random >> 8) % below;
  };
  let refused = 0;
  const cases: Uint8Array[] = [];
  // Single bits all over, then several bytes at a time, cuts and repeats.
  for (let i = next(3); i < good.length; i += 1 + next(FULL ? 5 : 25))
    cases.push(good.map((byte, at) => (at === i ? byte ^ (1 << next(8)) : byte)));
  for (let i = 0; i < runs(150); i++) {
    const bytes = Uint8Array.from(good);
    for (let n = 1 + next(6); n > 0; n--) bytes[next(bytes.length)] = next(256);
    cases.push(bytes);
  }
  for (let i = 0; i < runs(40); i++) {
    const at = next(good.length);
    cases.push(good.slice(0, at), Uint8Array.from([...good.slice(0, at), ...good.slice(at >> 1)]));
  }
  for (const bytes of cases) {
    const verdict = await check(bytes);
    if (!verdict.ok) refused++;
    else assert.deepEqual(verdict, expected, 'what is accepted attests the same');
  }
  assert.ok(refused > cases.length * 0.9, `${refused} of ${cases.length} were refused`);
  // Depth, and lengths that promise more than there is.
  for (const bytes of [
    Uint8Array.from({ length: 20_000 }, (_, i) => (i % 2 === 0 ? 0x30 : 0x80)),
    Uint8Array.from({ length: 20_000 }, () => 0x30),
    Uint8Array.from([0x30, 0x84, 0xff, 0xff, 0xff, 0xff]),
    new Uint8Array(context(0, sequence())),
  ]) {
    assert.equal((await check(bytes)).ok, false);
  }
});
