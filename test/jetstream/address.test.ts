/** Addresses, and who may do what with a stream. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { nkeys } from '@nats-io/transport-node';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { parseAddress, shownAddress } from '../../packages/indelible/src/stores/jetstream/address.ts';
import { Appender } from '../../packages/indelible/src/stores/jetstream/appender.ts';
import { Connection } from '../../packages/indelible/src/stores/jetstream/connection.ts';
import { loadDriver } from '../../packages/indelible/src/stores/jetstream/driver.ts';
import { openJetStreamStore, TIMES } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { MessageMap } from '../../packages/indelible/src/stores/jetstream/message-map.ts';
import { StreamClient } from '../../packages/indelible/src/stores/jetstream/stream.ts';
import { type NatsCluster, noNats, startNats } from '../support/nats-cluster.ts';
import { documentedRights, userWith } from './support/documented-rights.ts';

const skip = noNats();

test('addresses', () => {
  assert.deepEqual(parseAddress('nats://a/AUDIT'), {
    servers: ['a:4222'],
    stream: 'AUDIT',
    replicas: 3,
    tls: false,
  });
  const full = parseAddress('nats://B.example:1,10.0.0.7,[::1]:4223/a_b-1?replicas=5&tls=required');
  assert.deepEqual(full, {
    servers: ['b.example:1', '10.0.0.7:4222', '[::1]:4223'],
    stream: 'a_b-1',
    replicas: 5,
    tls: true,
  });
  assert.equal(shownAddress(full), 'nats://b.example:1,10.0.0.7:4222,[::1]:4223/a_b-1');
});

test('addresses that are refused, and what is secret in them is not repeated', () => {
  for (const url of [
    'nats://a',
    'nats://a/',
    'nats:///S',
    'nats://a,/S',
    'nats://a,a:4222/S',
    'nats://a:0/S',
    'nats://a:65536/S',
    'nats://a b/S',
    'nats://-a/S',
    'nats://a/S/more',
    'nats://a/S.T',
    'nats://a/S*',
    `nats://a/${'S'.repeat(65)}`,
    'nats://a/S?replicas=2',
    'nats://a/S?replicas=3&replicas=3',
    'nats://a/S?tls=no',
    'nats://a/S?other=1',
    'nats://a/S#x',
    'nats://me:s3cret@a/S',
    'nats://a/S?token=s3cret',
    'tls://a/S',
    `nats://${Array.from({ length: 33 }, (_, i) => `h${i}`).join(',')}/S`,
  ]) {
    assert.throws(
      () => parseAddress(url),
      (error) => isIndelibleError(error, 'LEDGER_URL') && !error.message.includes('s3cret'),
      url,
    );
  }
});

const SEED = nkeys.createUser();

async function running(t: TestContext, settings: string): Promise<NatsCluster> {
  const server = await startNats({ settings });
  t.after(() => server.stop());
  return server;
}

async function check(store: LogStore): Promise<void> {
  const head = await store.head();
  assert.equal(head?.seq, 0);
  assert.equal((await store.get([0])).length, 1);
  for await (const { ends } of store.read(0)) assert.equal(ends.length, 1);
  assert.deepEqual(await store.inspect(), []);
  await store.waitForAppend(-1, AbortSignal.timeout(5000));
}

test('a writer and a reader need no more than docs/format/store-jetstream.md says', { skip }, async (t) => {
  const rights = documentedRights();
  const users = ['writer', 'reader'].map((name) => userWith(name, `s3cret-${name}`, rights.get(name)!));
  const server = await running(
    t,
    `authorization { users: [ { nkey: ${SEED.getPublicKey()} }, ${users.join(', ')} ] }`,
  );
  const folder = mkdtempSync(join(tmpdir(), 'indelible-nkey-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const seed = join(folder, 'owner.nk');
  writeFileSync(seed, `${new TextDecoder().decode(SEED.getSeed())}\n`);
  const url = server.url('AUDIT');
  const as = (name: string) => ({ NATS_USER: name, NATS_PASSWORD: `s3cret-${name}` });

  await assert.rejects(openJetStreamStore({ url, env: as('writer') }), (error) => {
    assert.ok(isIndelibleError(error, 'STORE_UNAVAILABLE'), String(error));
    assert.match(error.message, /do not permit: publish \$JS\.API\.STREAM\.CREATE\.AUDIT/);
    return true;
  });
  const owner = await openJetStreamStore({ url, env: { NATS_NKEY: seed } });
  await owner.close();

  const [first, second] = sampleLines(2);
  const writer = await openJetStreamStore({ url, env: as('writer') });
  t.after(() => writer.close());
  await writer.append(sampleBatch([first!]), null);
  await check(writer);
  const reader = await openJetStreamStore({ url, read_only: true, env: as('reader') });
  t.after(() => reader.close());
  await check(reader);

  await assert.rejects(openJetStreamStore({ url, env: as('reader') }), (error) =>
    isIndelibleError(error, 'STORE_READ_ONLY'),
  );
  assert.deepEqual(await reader.inspect(), [], 'nothing came of the attempt');

  // As when the right is withdrawn while the ledger is open.
  const driver = await loadDriver();
  const connection = new Connection({ driver, address: parseAddress(url), env: as('reader'), times: TIMES });
  t.after(() => connection.close());
  const stream = new StreamClient({ connection, stream: 'AUDIT', driver });
  const intruder = new Appender(stream, new MessageMap());
  const head = await intruder.head();
  await assert.rejects(intruder.append(sampleBatch([second!]), head), (error) =>
    isIndelibleError(error, 'STORE_READ_ONLY'),
  );
  assert.deepEqual(await intruder.head(), head, 'nothing is in doubt');

  for (const env of [{}, { NATS_USER: 'writer', NATS_PASSWORD: 's3cret-wrong' }]) {
    await assert.rejects(openJetStreamStore({ url, env }), (error) => {
      assert.ok(isIndelibleError(error, 'STORE_UNAVAILABLE'), String(error));
      assert.match(error.message, /refuse these credentials/);
      assert.doesNotMatch(`${error.message}${JSON.stringify(error.details)}`, /s3cret/);
      return true;
    });
  }
  await assert.rejects(openJetStreamStore({ url, env: { NATS_CREDS: join(folder, 'none') } }), (error) => {
    assert.ok(isIndelibleError(error, 'STORE_UNAVAILABLE'), String(error));
    assert.match(error.message, /NATS_CREDS names cannot be read \(ENOENT\)/);
    return true;
  });
});

test('a token', { skip }, async (t) => {
  const server = await running(t, 'authorization { token: "s3cret-token" }');
  const env = { NATS_TOKEN: 's3cret-token' };
  const store = await openJetStreamStore({ url: server.url('A'), env });
  assert.doesNotMatch(store.url, /s3cret/);
  assert.equal(await store.head(), null);
  await store.close();
});

test('TLS: required means required', { skip }, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-tls-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const file = (name: string): string => join(folder, name);
  const subject = ['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'];
  const made = spawnSync('openssl', [
    ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'],
    ...['-keyout', file('key.pem'), '-out', file('cert.pem'), ...subject],
  ]);
  if (made.status !== 0) {
    if (process.env.CI === 'true') throw new Error('openssl is missing');
    return t.skip('openssl is not installed');
  }
  const plain = await running(t, '');
  const secured = await running(
    t,
    `tls { cert_file: ${JSON.stringify(file('cert.pem'))}, key_file: ${JSON.stringify(file('key.pem'))} }`,
  );
  const times = { patience_ms: 200, answer_ms: 1000 };
  const env = { NATS_CA: file('cert.pem') };
  // The driver checks names, not addresses.
  const url = `nats://localhost:${secured.nodes[0]!.port}/A?replicas=1&tls=required`;
  const store = await openJetStreamStore({ url, env });
  await store.append(sampleBatch(sampleLines(1)), null);
  await check(store);
  await store.close();
  await assert.rejects(
    openJetStreamStore({ url: plain.url('A', 'replicas=1&tls=required'), env: {}, times }),
    (error) => isIndelibleError(error, 'STORE_UNAVAILABLE') && /tls/i.test(error.message),
  );
  // Not a certificate that we know.
  await assert.rejects(
    openJetStreamStore({ url, env: {}, times }),
    (error) => isIndelibleError(error, 'STORE_UNAVAILABLE') && /self.signed|certificate/i.test(error.message),
  );
});

test('no server: unavailable, and soon said', async () => {
  const times = { patience_ms: 100, answer_ms: 100 };
  await assert.rejects(
    openJetStreamStore({ url: 'nats://127.0.0.1:1/A', env: {}, times }),
    (error) => isIndelibleError(error, 'STORE_UNAVAILABLE') && /127\.0\.0\.1:1\/A: /.test(error.message),
  );
});
