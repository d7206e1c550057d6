/** The timestamp anchor against an authority that nobody here wrote: `openssl ts`. */
import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { decodeBase64 } from '@indelible/core';
import { runAnchorConformance, sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import { loadAsn1 } from '../../packages/indelible/src/anchors/timestamp/asn1.ts';
import {
  checkTimestampToken,
  stampedDigest,
} from '../../packages/indelible/src/anchors/timestamp/check-token.ts';
import { makeNonce, timestampQuery } from '../../packages/indelible/src/anchors/timestamp/query.ts';
import { tokenOfResponse } from '../../packages/indelible/src/anchors/timestamp/response.ts';
import { openTimestampAnchor } from '../../packages/indelible/src/anchors/timestamp/timestamp-anchor.ts';
import { ecKeys, forgeToken, type Identity, issue, rsaKeys } from '../support/forge.ts';
import { noOpenssl, TimestampAuthority } from '../support/timestamp-authority.ts';
import { type Server, serve } from './http-server.ts';
import { publish } from './support.ts';

const skip = noOpenssl();
const REPLY = { 'content-type': 'application/timestamp-reply' };

function serveAuthority(authority: TimestampAuthority): Promise<Server> {
  return serve(async ({ body }, response) => {
    response.writeHead(200, REPLY).end(await authority.reply(body));
  });
}

for (const [kind, keys, ess] of [
  ['ECDSA', ecKeys, 'sha256'],
  ['RSA', rsaKeys, 'sha1'],
] as const) {
  describe(`${kind}, ESSCertID by ${ess}`, { skip }, () => {
    let authority: TimestampAuthority;
    let server: Server;
    let root: Identity;

    before(async () => {
      root = issue({ name: `${kind} root`, keys: keys() });
      const middle = issue({ name: `${kind} middle`, issuer: root, ca: true, path_length: 0, keys: keys() });
      const signer = issue({ name: `${kind} authority`, issuer: middle, keys: keys() });
      authority = new TimestampAuthority(signer, [middle], { ess });
      server = await serveAuthority(authority);
    });
    after(async () => {
      await server.close();
      authority.close();
    });

    test('its token is accepted by us and, as we keep it, by openssl ts -verify', async () => {
      const anchor = await openTimestampAnchor({ url: `${server.url}/tsr?key=secret-5`, roots: root.pem });
      const checkpoint = sampleCheckpoint(41);
      const note = `${checkpoint.note}\u2014 witness.example/w1 AQIDBAUGBwg=\n`;
      const { evidence, anchored_at } = await publish(anchor, { ...checkpoint, note });
      const { token, tsa, ...rest } = evidence as Record<string, string>;
      assert.deepEqual(rest, { note: checkpoint.note }, 'only what the log itself signed is stamped');
      assert.equal(tsa, `${server.url}/tsr`);
      const bytes = decodeBase64(token!)!;
      assert.match(
        await authority.verify(bytes, Buffer.from(checkpoint.note), root.pem),
        /Verification: OK$/,
      );
      assert.match(await authority.verify(bytes, Buffer.from(`${checkpoint.note}x`), root.pem), /FAILED/);
      const verdict = await anchor.check({ evidence, anchored_at }, checkpoint);
      assert.deepEqual([verdict.ok, verdict.time, verdict.anchored_at], [true, 'attested', anchored_at]);
      assert.match(
        verdict.detail,
        new RegExp(`^CN=${kind} authority attests .*to within 1500.1 ms; .*revoked`),
      );
      const other = { evidence, anchored_at: '2020-01-01T00:00:00.000Z' };
      assert.match((await anchor.check(other, checkpoint)).detail, /states another time/);
    });

    test('its token is refused for another digest, another nonce and by other roots', async () => {
      const [digest, nonce] = [stampedDigest(Buffer.from('data')), makeNonce()];
      const answer = await authority.reply(timestampQuery(digest, nonce));
      const token = tokenOfResponse(await loadAsn1(), new Uint8Array(answer));
      const check = (d: Uint8Array, n: Uint8Array, roots: string) =>
        checkTimestampToken(token, d, { roots, nonce: n });
      const good = await check(digest, nonce, root.pem);
      assert.ok(good.ok, good.detail);
      assert.deepEqual([good.facts?.accuracy_ms, good.facts?.policy], [1500.1, '1.2.3.4.1']);
      assert.match((await check(stampedDigest(Buffer.from('x')), nonce, root.pem)).detail, /something else/);
      assert.match((await check(digest, makeNonce(), root.pem)).detail, /another nonce/);
      const stranger = issue({ name: `${kind} root`, keys: keys() });
      assert.match((await check(digest, nonce, stranger.pem)).detail, /no root that is trusted/);
    });

    // Which keys the authority has makes no difference to what an anchor promises.
    if (kind === 'ECDSA') {
      runAnchorConformance(test, kind, async () => ({
        open: () => openTimestampAnchor({ url: `${server.url}/tsr`, roots: root.pem }),
        kept: async () => String(server.received.length),
        remove: async () => {},
      }));
    }
  });
}

test('what the tests forge is what openssl takes, when nothing is wrong with it', { skip }, async () => {
  const root = issue({ name: 'root' });
  for (const keys of [ecKeys(), rsaKeys()]) {
    const signer = issue({ name: 'authority', issuer: root, keys });
    const authority = new TimestampAuthority(signer, []);
    const data = Buffer.from('data');
    for (const names_version of [1, 2] as const) {
      const token = forgeToken({ digest: stampedDigest(data), signer, names_version });
      assert.match(await authority.verify(token, data, root.pem), /Verification: OK$/);
      const verdict = await checkTimestampToken(token, stampedDigest(data), { roots: root.pem });
      assert.ok(verdict.ok, verdict.detail);
    }
    authority.close();
  }
});

test('an authority that refuses says why', { skip }, async () => {
  const root = issue({ name: 'root' });
  const signer = issue({ name: 'authority', issuer: root });
  const authority = new TimestampAuthority(signer, []);
  // A query that asks for a digest of the wrong length.
  const bad = await authority.reply(Buffer.from(`3039020101303106${'00'.repeat(3)}`, 'hex'));
  const asn1 = await loadAsn1();
  assert.throws(() => tokenOfResponse(asn1, new Uint8Array(bad)), /the authority refused \(status 2: .+\)/);
  authority.close();
});
