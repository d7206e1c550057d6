/**
 * The log as outsiders read it: every file, who may read it, for how long it may be kept, and what of that is recorded.
 */
import assert from 'node:assert/strict';
import { request } from 'node:http';
import { type TestContext, test } from 'node:test';
import { gunzipSync } from 'node:zlib';
import { decodeBundle, parseNote, parseRecord, parseTilePath, parseVerifierKey } from '@indelible/core';
import { type LogAccess, parseLogPath } from '../../packages/indelible/src/http/log-path.ts';
import { ManualTimers, record, until } from '../transparency/support.ts';
import { bytesOf, readCheckpoint, readLog } from './log-client.ts';
import { problem, type Rig, startRig } from './support.ts';

const LOG = '/log/test/home';
const FOREVER = 'max-age=31536000, immutable';

/** A signed log with so many events, under a checkpoint. */
async function signedRig(t: TestContext, log_access: LogAccess, events = 3): Promise<Rig> {
  const rig = await startRig(t, { log_access, checkpoints: {} });
  await record(rig.ledger, events);
  await rig.ledger.transparency!.checkpointNow();
  return rig;
}

/** As a client sends it: fetch would tidy up the path. */
function raw(rig: Rig, path: string, headers: Record<string, string> = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<{
    status: number;
    headers: NodeJS.Dict<string | string[]>;
    body: Buffer;
  }>();
  request(rig.url + path, { path, headers }, (response) => {
    const pieces: Buffer[] = [];
    response.on('data', (piece: Buffer) => pieces.push(piece));
    response.on('end', () =>
      resolve({
        status: response.statusCode!,
        headers: response.headers,
        body: Buffer.concat(pieces),
      }),
    );
  })
    .on('error', reject)
    .end();
  return promise;
}

test('a client that knows address and key alone reads 1,000 records, and verifies each of them', async (t) => {
  const rig = await signedRig(t, 'public', 1000);
  const get = (path: string) => rig.call(`${LOG}/${path}`, null);
  const vkeys = new TextDecoder().decode(await bytesOf(await get('log.vkey')));
  assert.equal(vkeys, `${rig.ledger.transparency!.verifier_keys[0]}\n`);
  const checkpoint = await readCheckpoint(get, [vkeys.trim()]);
  assert.equal(checkpoint.origin, 'test/home');
  const entries = await readLog(get, checkpoint);
  assert.equal(entries.filter((entry) => parseRecord(entry).action === 'load.step').length, 1000);
});

test('tiles of older checkpoints are still there when the log has grown, partial and full', async (t) => {
  const rig = await signedRig(t, 'public', 100);
  const get = (path: string) => rig.call(`${LOG}/${path}`, null);
  const keys = rig.ledger.transparency!.verifier_keys;
  const older = await readCheckpoint(get, keys);
  await record(rig.ledger, 500);
  await rig.ledger.transparency!.checkpointNow();
  const newer = await readCheckpoint(get, keys);
  assert.ok(older.size < 256 && newer.size > 512);
  const before = await readLog(get, older);
  const after = await readLog(get, newer);
  assert.deepEqual(after.slice(0, older.size), before);
  const answer = await get('tile/1/000.p/2');
  assert.equal((await bytesOf(answer)).length, 64);
});

test('media types and cache headers: tiles for ever, checkpoint and keys for a second', async (t) => {
  for (const log_access of ['public', 'token'] as const) {
    const rig = await signedRig(t, log_access);
    const secret = log_access === 'public' ? null : await rig.token();
    const who = log_access === 'public' ? 'public' : 'private';
    const { size } = (await rig.ledger.transparency!.latest())!;
    const expected = [
      ['checkpoint', 'text/plain; charset=utf-8', 'max-age=1'],
      ['log.vkey', 'text/plain; charset=utf-8', 'max-age=1'],
      [`tile/0/000.p/${size}`, 'application/octet-stream', FOREVER],
      [`tile/entries/000.p/${size}`, 'application/octet-stream', FOREVER],
    ];
    for (const [path, type, lifetime] of expected) {
      for (const method of ['GET', 'HEAD']) {
        const { status, headers } = await rig.call(`${LOG}/${path}`, secret, { method });
        assert.deepEqual(
          [status, headers.get('content-type'), headers.get('cache-control')],
          [200, type, `${who}, ${lifetime}`],
          `${method} ${path}`,
        );
        assert.equal(headers.get('x-content-type-options'), 'nosniff');
      }
    }
  }
});

test('entries are compressed for who takes gzip, and nothing else is', async (t) => {
  const rig = await signedRig(t, 'public', 50);
  const { size } = (await rig.ledger.transparency!.latest())!;
  const path = `${LOG}/tile/entries/000.p/${size}`;
  const plain = await raw(rig, path);
  assert.equal(plain.headers['content-encoding'], undefined);
  assert.equal(plain.headers.vary, 'accept-encoding');
  const takes = ['gzip', 'br, GZIP', 'gzip;q=0.5', 'deflate,gzip ; q=1.0', 'gzip;q=0.001'];
  for (const accept of takes) {
    const packed = await raw(rig, path, { 'accept-encoding': accept });
    assert.equal(packed.headers['content-encoding'], 'gzip', accept);
    assert.equal(Number(packed.headers['content-length']), packed.body.length);
    assert.ok(packed.body.length < plain.body.length);
    assert.deepEqual(gunzipSync(packed.body), plain.body);
  }
  for (const accept of ['br', 'identity', 'gzip;q=0', 'gzip;q=0.000', 'xgzip', 'gzippy']) {
    const packed = await raw(rig, path, { 'accept-encoding': accept });
    assert.equal(packed.headers['content-encoding'], undefined, accept);
  }
  const tile = await raw(rig, `${LOG}/tile/0/000.p/${size}`, { 'accept-encoding': 'gzip' });
  assert.equal(tile.headers['content-encoding'], undefined);
});

test('what no checkpoint covers is 404, what is no tile 400, and neither may be kept', async (t) => {
  const rig = await signedRig(t, 'public');
  const { size } = (await rig.ledger.transparency!.latest())!;
  const expected: readonly [string, number, string][] = [
    [`tile/0/000.p/${size + 1}`, 404, 'TILE_MISSING'],
    ['tile/0/000', 404, 'TILE_MISSING'],
    ['tile/1/000.p/1', 404, 'TILE_MISSING'],
    ['tile/63/000.p/1', 404, 'TILE_MISSING'],
    ['tile/entries/001.p/1', 404, 'TILE_MISSING'],
    ['tile/entries/x001/000.p/1', 404, 'TILE_MISSING'],
    ['tile/64/000', 400, 'TILE_INVALID'],
    ['tile/00/000', 400, 'TILE_INVALID'],
    ['tile/0/0', 400, 'TILE_INVALID'],
    ['tile/0/x000/001', 400, 'TILE_INVALID'],
    ['tile/0/000.p/0', 400, 'TILE_INVALID'],
    ['tile/0/000.p/256', 400, 'TILE_INVALID'],
    ['tile/0/000.p/01', 400, 'TILE_INVALID'],
    ['tile/0/%30%30%30', 400, 'TILE_INVALID'],
    ['tile/entries/000.p/', 400, 'TILE_INVALID'],
    ['tile/leaves/000', 400, 'TILE_INVALID'],
    ['', 404, 'NOT_FOUND'],
    ['issuer/abc', 404, 'NOT_FOUND'],
    ['checkpoint/', 404, 'NOT_FOUND'],
    ['checkpoint?size=3', 400, 'QUERY_INVALID'],
  ];
  for (const [path, status, code] of expected) {
    const response = await rig.call(`${LOG}/${path}`, null);
    assert.equal(response.headers.get('cache-control'), 'no-store', path);
    assert.deepEqual([response.status, (await problem(response)).code], [status, code], path);
  }
  for (const path of ['/log/', '/log/checkpoint', '/log//checkpoint', '/log/other/checkpoint'])
    assert.equal((await raw(rig, path)).status, 404, path);
  assert.equal((await raw(rig, '/log/%ff/checkpoint')).status, 400);
  const posted = await rig.call(`${LOG}/checkpoint`, null, { method: 'POST' });
  assert.deepEqual([posted.status, posted.headers.get('allow')], [405, 'GET, HEAD']);
});

test('before the first checkpoint, and without a signing key, there is no log to read', async (t) => {
  const unsigned = await startRig(t, { log_access: 'public' });
  const none = await startRig(t, {
    log_access: 'public',
    // What is signed waits for witnesses that never answer.
    checkpoints: { withhold_until_policy: true, cosigner: NEVER_MET },
  });
  await record(none.ledger, 3);
  for (const rig of [unsigned, none]) {
    const response = await rig.call(`${LOG}/checkpoint`, null);
    assert.deepEqual([response.status, (await problem(response)).code], [404, 'CHECKPOINT_MISSING']);
    assert.equal(response.headers.get('retry-after'), rig === none ? '1' : null);
    assert.equal((await rig.call(`${LOG}/tile/0/000.p/1`, null)).status, 404);
    assert.equal((await rig.call(`${LOG}/tile/entries/000.p/1`, null)).status, 404);
  }
});

const NEVER_MET = {
  cosign: async (note: string) => ({ note, meets_policy: false, faults: [] }),
};

test('a name may hold anything that names may: slashes as they are or escaped, and the words of the log', async (t) => {
  const names = [
    'acme.example/prod',
    'plain',
    'a:b@c~d',
    'acme.example/checkpoint',
    'acme.example',
    'x/tile/0/000',
    'x/tile/entries',
    'x',
    'log.vkey/checkpoint',
  ];
  const rig = await startRig(t, { names, log_access: 'public', checkpoints: {} });
  for (const ledger of rig.ledgers.values()) await ledger.transparency!.checkpointNow();
  for (const name of names) {
    for (const spelled of [name, encodeURIComponent(name)]) {
      const get = (path: string) => rig.call(`/log/${spelled}/${path}`, null);
      const checkpoint = await readCheckpoint(get, rig.ledgers.get(name)!.transparency!.verifier_keys);
      assert.equal(checkpoint.origin, name);
      const entries = await readLog(get, checkpoint);
      assert.equal(parseRecord(entries[0]!).ledger, name);
    }
  }
});

test('no path of a log means two ledgers', () => {
  const files = ['checkpoint', 'log.vkey', 'tile/0/000', 'tile/entries/x001/000.p/7'];
  const names = [
    'a',
    'a/tile/0',
    'a/tile',
    'a/tile/entries',
    'a/checkpoint',
    'tile/0/000',
    'checkpoint',
    'a//b',
  ];
  const seen = new Map<string, string>();
  for (const name of names) {
    for (const file of files) {
      const path = `/log/${name}/${file}`;
      assert.ok(!seen.has(path), `${path}: ${seen.get(path)} and ${name}`);
      seen.set(path, name);
      const found = parseLogPath(path);
      assert.deepEqual([found.ledger, found.path], [name, file]);
      if (file.startsWith('tile'))
        assert.equal(found.file === 'entries', parseTilePath(file).level === 'entries');
    }
  }
});

test('token: the log needs one that may read this ledger; bundles are recorded each, hashes counted', async (t) => {
  const rig = await startRig(t, { names: ['test/home', 'test/other'], checkpoints: {} });
  for (const ledger of rig.ledgers.values()) await ledger.transparency!.checkpointNow();
  const { size } = (await rig.ledger.transparency!.latest())!;
  const files = ['checkpoint', 'log.vkey', `tile/0/000.p/${size}`, `tile/entries/000.p/${size}`];
  const reader = await rig.token({ name: 'auditor', scopes: ['audit:read'], ledgers: ['test/home'] });
  const writer = await rig.token({ scopes: ['audit:write'] });
  for (const file of files) {
    assert.equal((await rig.call(`${LOG}/${file}`, null)).status, 401, file);
    assert.equal((await rig.call(`${LOG}/${file}`, writer)).status, 403, file);
    assert.equal((await rig.call(`/log/test/other/${file}`, reader)).status, 403, file);
    for (let i = 0; i < 3; i++) assert.equal((await rig.call(`${LOG}/${file}`, reader)).status, 200, file);
  }
  const [denied] = await rig.records('access.denied');
  assert.equal((denied!.data as { route: string }).route, 'GET /log/{ledger}/checkpoint');
  const reads = await rig.records('access.read');
  assert.deepEqual(
    reads.map(({ actor, data }) => [actor.id, data]),
    Array.from({ length: 3 }, () => [
      'auditor',
      {
        route: 'GET /log/{ledger}/tile/entries/{index}',
        query: { file: `tile/entries/000.p/${size}` },
        returned: size,
      },
    ]),
  );
  await rig.server.journal.flush();
  const counted = (await rig.records('access.read'))
    .slice(3)
    .map(({ data }) => data as Record<string, unknown>);
  assert.deepEqual(
    counted.map(({ route, grouped, count }) => [route, grouped, count]).toSorted(),
    ['checkpoint', 'log.vkey', 'tile/{level}/{index}'].map((file) => [`GET /log/{ledger}/${file}`, true, 3]),
  );
});

test('hashes: everybody reads checkpoint, keys and tiles; the records need a token', async (t) => {
  const rig = await signedRig(t, 'hashes');
  const { size } = (await rig.ledger.transparency!.latest())!;
  const head = (await rig.ledger.head())!.seq;
  for (const file of ['checkpoint', 'log.vkey', `tile/0/000.p/${size}`]) {
    const response = await rig.call(`${LOG}/${file}`, null);
    assert.equal(response.status, 200, file);
    assert.match(response.headers.get('cache-control')!, /^public/);
  }
  assert.equal((await rig.ledger.head())!.seq, head, 'what is open to everybody is not recorded');
  const entries = `${LOG}/tile/entries/000.p/${size}`;
  assert.equal((await rig.call(entries, null)).status, 401);
  for (const trick of ['tile/entries/../entries', 'tile/./entries', 'tile//entries', 'tile/%65ntries'])
    assert.notEqual((await raw(rig, `${LOG}/${trick}/000.p/${size}`)).status, 200, trick);
  const answer = await rig.call(entries, await rig.token());
  assert.match(answer.headers.get('cache-control')!, /^private/);
  assert.equal(decodeBundle(await bytesOf(answer), size).length, size);
});

test('public: a read leaves no record, a token or not, but strangers have their limit', async (t) => {
  const rig = await startRig(t, { log_access: 'public', requests_per_minute_address: 4, checkpoints: {} });
  await rig.ledger.transparency!.checkpointNow();
  const secret = await rig.token();
  const head = (await rig.ledger.head())!.seq;
  const statuses: number[] = [];
  for (let i = 0; i < 6; i++) statuses.push((await rig.call(`${LOG}/checkpoint`, null)).status);
  assert.deepEqual(statuses, [200, 200, 200, 200, 429, 429]);
  assert.equal((await rig.call(`${LOG}/tile/entries/000.p/1`, secret)).status, 200);
  assert.equal((await rig.ledger.head())!.seq, head);
});

test('by default checkpoints follow by themselves, and what was signed is what is served', async (t) => {
  const timers = new ManualTimers();
  const rig = await startRig(t, { log_access: 'hashes', checkpoints: { checkpoint_timers: timers } });
  const get = (path: string) => rig.call(`${LOG}/${path}`, null);
  timers.advance(0);
  await until('the first', async () => (await get('checkpoint')).status === 200);
  const keys = rig.ledger.transparency!.verifier_keys;
  const first = await readCheckpoint(get, keys);
  await record(rig.ledger, 5);
  assert.equal((await readCheckpoint(get, keys)).size, first.size, 'at most one a second');
  await until('the next is planned', () => timers.next_ms !== null);
  timers.advance(1000);
  await until('the second', async () => (await readCheckpoint(get, keys)).size === first.size + 5);
  const note = parseNote(await bytesOf(await get('checkpoint')));
  assert.equal(note.signatures[0]!.key_id, parseVerifierKey(keys[0]!).key_id);
});
