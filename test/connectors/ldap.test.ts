/** The LDAP connector: conformance against a real slapd, and what directories have of their own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { isIndelibleError, type JsonObject } from '@indelible/core';
import { Attribute, Change } from 'ldapts';
import { memoryBlobs, runConnectorConformance } from '../../packages/indelible/src/connectors/conformance.ts';
import type { EffectContext } from '../../packages/indelible/src/connectors/contract.ts';
import { openLdapConnector } from '../../packages/indelible/src/connectors/ldap/connector.ts';
import { formatDn, isWithin, normalDn, parseDn } from '../../packages/indelible/src/connectors/ldap/dn.ts';
import { ADMIN_PASSWORD, noSlapd, SUFFIX, startSlapd } from '../support/slapd.ts';
import { LDAP_SECRETS, type LdapPlaces, ldapConfig, STORED_PASSWORD, startLdapPlaces } from './ldap-place.ts';
import { conformanceOptions, temporaryFolder } from './support.ts';

const skip = noSlapd();
let places: LdapPlaces;

if (skip === false) {
  before(async () => {
    places = await startLdapPlaces();
  });
  after(() => places.stop());
  runConnectorConformance(test, 'ldap', () => places.make(), {
    ...conformanceOptions(4),
    secrets: LDAP_SECRETS,
  });
} else test('ldap', { skip }, () => {});

function contextOf(effect: string, over: Partial<EffectContext> = {}): EffectContext {
  return {
    signal: new AbortController().signal,
    blobs: memoryBlobs(),
    secret: async (name) => LDAP_SECRETS[name as keyof typeof LDAP_SECRETS] ?? '',
    operation_id: effect,
    effect_key: createHash('sha256').update(effect).digest('hex'),
    fencing_epoch: 1,
    reached: async () => {},
    ...over,
  };
}

test('pitfall 25: a change between the last look and the request is refused by the directory itself', {
  skip,
}, async (t) => {
  const place = await places.make();
  const connector = await place.open();
  t.after(async () => {
    await connector.close();
    await place.remove();
  });
  for (const { action, params } of place.samples) {
    const plan = await connector.plan(action, params, contextOf('plan'));
    const snapshot = await connector.snapshot(plan, contextOf('plan'));
    let disturbed = '';
    const reached = async (point: string) => {
      if (point !== 'checked') return;
      await place.disturb(plan);
      disturbed = await place.digest();
    };
    await assert.rejects(
      connector.execute(plan, snapshot, contextOf(action, { reached }), { commit: true }),
      (error) => isIndelibleError(error, 'TARGET_CHANGED'),
    );
    assert.equal(await place.digest(), disturbed, `${action}: nothing but the foreign change`);
  }
});

test('a password is restored without having been shown, and a foreign new one stops the undo', {
  skip,
}, async (t) => {
  const place = await places.make();
  const connector = await place.open();
  t.after(async () => {
    await connector.close();
    await place.remove();
  });
  const ann = `uid=ann,${place.base}`;
  const stored = async () => {
    const { searchEntries } = await places.client.search(ann, {
      scope: 'base',
      attributes: ['userPassword'],
    });
    return searchEntries[0]!.userPassword;
  };
  const change = { operation: 'replace', attribute: 'userpassword', values: [{ $secret: 'new/password' }] };
  const ctx = contextOf('password');
  const plan = await connector.plan('modify', { dn: ann, changes: [change] }, ctx);
  const snapshot = await connector.snapshot(plan, ctx);
  const done = await connector.execute(plan, snapshot, ctx, { commit: true });
  assert.equal(await stored(), LDAP_SECRETS['new/password']);
  await places.client.modify(ann, [
    new Change({
      operation: 'replace',
      modification: new Attribute({ type: 'userPassword', values: ['foreign'] }),
    }),
  ]);
  await assert.rejects(connector.planRollback(plan, done, snapshot, ctx), (error) =>
    isIndelibleError(error, 'ROLLBACK_REFUSED'),
  );
  const undo = await connector.planRollback(plan, done, snapshot, ctx, { override: true });
  const kept = await connector.snapshot(undo, ctx);
  await connector.execute(undo, kept, contextOf('undo', { blobs: ctx.blobs }), { commit: true });
  assert.equal(await stored(), STORED_PASSWORD);
  const literal = { ...change, values: ['in the open'] };
  const elsewhere = { ...change, attribute: 'description' };
  for (const wrong of [literal, elsewhere]) {
    await assert.rejects(connector.plan('modify', { dn: ann, changes: [wrong] }, ctx), (error) =>
      isIndelibleError(error, 'CONNECTOR_PARAMS'),
    );
  }
});

test('what the directory refuses did not happen, and names outside of the base are not touched', {
  skip,
}, async (t) => {
  const place = await places.make();
  const connector = await place.open();
  t.after(async () => {
    await connector.close();
    await place.remove();
  });
  const ctx = contextOf('refused');
  const digest = await place.digest();
  const group = `cn=staff,${place.base}`;
  const everybody = [`uid=ann,${place.base}`, `uid=bob,${place.base}`];
  const plan = await connector.plan('remove-member', { group, members: everybody }, ctx);
  const snapshot = await connector.snapshot(plan, ctx);
  await assert.rejects(connector.execute(plan, snapshot, ctx, { commit: true }), (error) => {
    assert.ok(isIndelibleError(error, 'TARGET_REFUSED'), String(error));
    assert.match(error.message, /the schema forbids it .*member/);
    return true;
  });
  assert.equal((await connector.probe(plan, snapshot, ctx)).outcome, 'not_applied');
  assert.equal(await place.digest(), digest);
  for (const dn of [
    SUFFIX,
    `uid=x,ou=other,${SUFFIX}`,
    `uid=x\\,${place.base}`,
    place.base.replace('ou', 'xou'),
  ]) {
    await assert.rejects(connector.plan('delete', { dn }, ctx), (error) =>
      isIndelibleError(error, 'CONNECTOR_PARAMS'),
    );
  }
});

test('no answer, a wrong password and an empty one: each an error that shows nothing', { skip }, async () => {
  const config = ldapConfig(places.server.url, SUFFIX);
  const cases = [
    [{ ...config, url: 'ldap://127.0.0.1:1' }, ADMIN_PASSWORD, 'CONNECTOR_UNAVAILABLE'],
    [config, 'hunter2', 'CONNECTOR_CONFIG'],
    [config, '', 'CONNECTOR_CONFIG'],
  ] as const;
  for (const [one, password, code] of cases) {
    const connector = await openLdapConnector('people', one);
    const ctx = contextOf('plan', { secret: async () => password });
    await assert.rejects(connector.plan('delete', { dn: `uid=ann,${SUFFIX}` }, ctx), (error) => {
      assert.ok(isIndelibleError(error, code), String(error));
      assert.ok(!JSON.stringify([error.message, error.details]).includes('hunter2'));
      return true;
    });
    await connector.close();
  }
});

test('a connection is encrypted before anything is said, to a server that the authority vouches for', {
  skip: skip || (spawnSync('openssl', ['version']).error !== undefined && 'openssl is not installed'),
}, async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const [certificate, key] = [join(folder.path, 'cert.pem'), join(folder.path, 'key.pem')];
  const names = ['-subj', '/CN=127.0.0.1', '-addext', 'subjectAltName=IP:127.0.0.1'];
  const curve = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1'];
  const made = [
    'req',
    '-x509',
    '-nodes',
    '-days',
    '2',
    ...curve,
    ...names,
    '-keyout',
    key,
    '-out',
    certificate,
  ];
  assert.equal(spawnSync('openssl', made).status, 0);
  const server = await startSlapd({ tls: { certificate, key } });
  t.after(() => server.stop());
  const config = ldapConfig(server.url, SUFFIX);
  const attributes = { objectClass: ['organization', 'dcObject'], dc: ['example'], o: ['Example'] };
  const plan = async (over: JsonObject) => {
    const connector = await openLdapConnector('people', { ...config, ...over });
    t.after(() => connector.close());
    return connector.plan('add', { dn: SUFFIX, attributes }, contextOf('plan'));
  };
  // The server takes no password over an open connection.
  await assert.rejects(plan({}), (error) => isIndelibleError(error, 'CONNECTOR_CONFIG'));
  await assert.rejects(plan({ start_tls: true }), (error) =>
    isIndelibleError(error, 'CONNECTOR_UNAVAILABLE'),
  );
  assert.equal((await plan({ start_tls: true, ca_file: certificate })).targets[0]!.before, null);
});

test('one name has one normal form, however it is spelled', () => {
  const normal = (text: string) => normalDn(parseDn(text));
  for (const text of ['cn=a\\,B, DC=x', 'CN=A\\2cb ,dc=X', 'cn = a\\,b,dc=x']) {
    assert.equal(normal(text), 'cn=a\\,b,dc=x');
    assert.equal(normal(normal(text)), normal(text));
  }
  assert.equal(normal('uid=x+cn=y,dc=z'), normal('CN=Y+UID=x,dc=z'));
  assert.equal(formatDn(parseDn('cn=\\ a\\ ,dc=\\#x')), 'cn=\\ a\\ ,dc=\\#x');
  assert.equal(formatDn(parseDn('cn=\\C3\\A4')), 'cn=ä');
  assert.ok(isWithin(parseDn('cn=a,DC=x'), parseDn('dc=x')));
  assert.ok(!isWithin(parseDn('cn=a,dc=xx'), parseDn('dc=x')));
  for (const text of [
    '',
    'x',
    'cn=',
    'cn=a,',
    '=a',
    'cn=a;dc=x',
    'cn="a"',
    'cn=#04',
    'cn=\\zz',
    'cn=\\ff',
    '1.2.3=a',
  ]) {
    assert.throws(
      () => parseDn(text),
      (error) => isIndelibleError(error, 'CONNECTOR_PARAMS'),
      text,
    );
  }
});
