/** What URLs of ledgers in PostgreSQL mean, and that what is secret in them stays so. No server is needed. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { storeFault } from '../../packages/indelible/src/stores/postgres/faults.ts';
import { parsePostgresUrl } from '../../packages/indelible/src/stores/postgres/url.ts';
import { root } from '../support/root.ts';

test('a URL is taken apart: connections for the driver, the ledger, and what may be shown', () => {
  const url = 'postgres://app:s3cret@db.example:6432/prod?ledger=acme.example/prod&sslmode=verify-full';
  assert.deepEqual(parsePostgresUrl(url), {
    connections: ['postgres://app:s3cret@db.example:6432/prod?sslmode=verify-full'],
    ledger: 'acme.example/prod',
    shown: 'postgres://db.example:6432/prod',
  });
  assert.deepEqual(parsePostgresUrl('postgresql://localhost/prod'), {
    connections: ['postgres://localhost/prod'],
    ledger: null,
    shown: 'postgres://localhost/prod',
  });
});

test('an sslmode that `pg` warns of is what it makes of it: verify-full', () => {
  const modeOf = (query: string) =>
    new URL(parsePostgresUrl(`postgres://h/d?${query}`).connections[0]!).searchParams.get('sslmode');
  for (const mode of ['prefer', 'require', 'verify-ca']) {
    assert.equal(modeOf(`sslmode=${mode}`), 'verify-full');
    assert.equal(modeOf(`sslmode=${mode}&uselibpqcompat=true`), mode);
  }
  for (const mode of ['disable', 'no-verify']) assert.equal(modeOf(`sslmode=${mode}`), mode);
});

test('several hosts are several connections; a socket needs none', () => {
  const { connections } = parsePostgresUrl('postgres://app@a:5432,b:5433,[::1]:5434/prod?application_name=x');
  assert.deepEqual(connections, [
    'postgres://app@a:5432/prod?application_name=x',
    'postgres://app@b:5433/prod?application_name=x',
    'postgres://app@[::1]:5434/prod?application_name=x',
  ]);
  const socket = parsePostgresUrl('postgres:///prod?host=/run/postgresql');
  assert.deepEqual(socket.connections, ['postgres:///prod?host=%2Frun%2Fpostgresql']);
});

test('what is no such URL is LEDGER_URL, and the message quotes nothing', () => {
  for (const url of [
    'postgres:/secret',
    'postgres://app:secret@host:port/db',
    'postgres://app:secret@host/db?ledgre=x',
    'postgres://app:secret@host/db?password=secret',
    'postgres://app:secret@host/db?ledger=a&ledger=b',
    'postgres://app:secret@host/db?sslmode=a&sslmode=b',
    'postgres://app:secret@host/db?ledger=has%20space',
    'postgres://app:secret@host/db#secret',
    'postgres://app:sec@ret@host/db',
    `postgres://app:secret@${Array(9).fill('host').join(',')}/db`,
  ]) {
    assert.throws(
      () => parsePostgresUrl(url),
      (error) => isIndelibleError(error, 'LEDGER_URL') && !`${error.stack}`.includes('secret'),
      url,
    );
  }
});

test('errors of the server become ours; its details, which may quote records, are left out', () => {
  const raise = (code: string, more: object = {}) =>
    storeFault(Object.assign(new Error('said so'), { code, severity: 'ERROR', ...more }), 'postgres://h/d');
  const codes = {
    '25006': 'STORE_READ_ONLY',
    '28P01': 'STORE_UNAVAILABLE',
    '3D000': 'LEDGER_NOT_FOUND',
    '42P01': 'SCHEMA_MISSING',
    '53100': 'STORE_FULL',
    '53200': 'STORE_UNAVAILABLE',
    '55P03': 'STORE_UNAVAILABLE',
    '57P01': 'STORE_UNAVAILABLE',
    '08006': 'STORE_UNAVAILABLE',
    '23505': 'LEDGER_DAMAGED',
    XX001: 'LEDGER_DAMAGED',
    '22012': 'INTERNAL',
  };
  for (const [state, code] of Object.entries(codes)) assert.equal(raise(state).code, code, state);
  const fault = raise('23514', { detail: 'Failing row contains (secret).', where: 'secret' });
  assert.doesNotMatch(`${fault.stack} ${JSON.stringify(fault)} ${String(fault.cause)}`, /secret/);
  assert.deepEqual(fault.details, { sqlstate: '23514' });
  const moved = raise('ND001', { detail: `{"head":{"seq":41,"hash":"${'ab'.repeat(32)}"}}` });
  assert.equal(moved.code, 'HEAD_MOVED');
  assert.deepEqual(moved.details, { head: { seq: 41, hash: 'ab'.repeat(32) } });
  assert.deepEqual(raise('ND001', { detail: '{"head":null}' }).details, { head: null });
  const reset = storeFault(
    Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' }),
    'postgres://h/d',
  );
  assert.equal(reset.code, 'STORE_UNAVAILABLE');
  const certificate = Object.assign(new Error('ENOENT: …'), { code: 'ENOENT', path: '/no/ca.crt' });
  assert.match(
    storeFault(certificate, 'postgres://h/d').message,
    /could not be reached: \/no\/ca\.crt: ENOENT$/,
  );
});

test('without the package pg: DRIVER_MISSING, with the command that installs it', () => {
  const script = `
    import { registerHooks } from 'node:module';
    registerHooks({
      resolve(specifier, context, next) {
        if (specifier !== 'pg') return next(specifier, context);
        throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });
    const { openStore } = await import('./packages/indelible/src/compose.ts');
    await openStore('postgres://localhost/db').catch((error) => console.log(error.code, error.message));
  `;
  const args = ['--conditions=source', '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  assert.match(stdout, /^DRIVER_MISSING .*npm install pg$/m, stderr);
});
