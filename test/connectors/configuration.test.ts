/** From a configuration to connectors, and what they promise as data. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openConnectors } from '../../packages/indelible/src/compose/connectors.ts';
import { capabilityMatrix } from '../../packages/indelible/src/connectors/shared/matrix.ts';
import { root } from '../support/root.ts';
import { priceConfig } from './http-place.ts';
import { mcpConfig } from './mcp-place.ts';
import { temporaryFolder } from './support.ts';

const noSecrets = async (name: string): Promise<string> => assert.fail(`asked for ${name}`);

test('every kind opens from its configuration, and the matrix says what each action promises', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  writeFileSync(join(folder.path, 'shop.db'), '');
  const connectors = await openConnectors(
    {
      prices: { kind: 'http', ...priceConfig('http://127.0.0.1:1/v1') },
      etc: { kind: 'filesystem', root: folder.path, rollback_window_ms: 1000 },
      central: { kind: 'postgres', url: 'postgres://app@127.0.0.1:1/shop', tables: ['prices'] },
      shop: { kind: 'sqlite', file: join(folder.path, 'shop.db'), tables: ['prices'] },
      people: { kind: 'ldap', url: 'ldap://127.0.0.1:1', base: 'dc=example,dc=org' },
      tools: { kind: 'mcp', ...mcpConfig({ command: ['no-such-program'] }) },
      files: { kind: 's3', bucket: 'governed' },
      config: {
        kind: 'git',
        repository: folder.path,
        branches: ['main'],
        author: { name: 'Indelible', email: 'indelible@example.org' },
      },
      host: {
        kind: 'command',
        folder: folder.path,
        commands: {
          restart: {
            summary: 'Restarts the service.',
            params: { type: 'object', additionalProperties: false, properties: {} },
            target: 'service',
            run: ['true'],
            check: ['true'],
          },
        },
      },
    },
    noSecrets,
  );
  const matrix = capabilityMatrix(connectors.values());
  assert.deepEqual(
    matrix.map((row) =>
      [row.connector, row.kind, row.action, row.guarantee, row.dry_run, row.rollback_method].join(' '),
    ),
    [
      'central postgres delete atomic-marker transactional inverse',
      'central postgres insert atomic-marker transactional inverse',
      'central postgres update atomic-marker transactional inverse',
      'config git commit cas computed inverse',
      'etc filesystem chmod cas computed snapshot-restore',
      'etc filesystem delete cas computed snapshot-restore',
      'etc filesystem move cas computed snapshot-restore',
      'etc filesystem write cas computed snapshot-restore',
      'files s3 delete none computed snapshot-restore',
      'files s3 put cas computed snapshot-restore',
      'host command restart none none none',
      'people ldap add cas computed inverse',
      'people ldap add-member cas computed inverse',
      'people ldap delete cas computed inverse',
      'people ldap modify cas computed inverse',
      'people ldap remove-member cas computed inverse',
      'prices http add-note cas computed inverse',
      'prices http remove-price cas computed inverse',
      'prices http ring none none none',
      'prices http set-loosely idempotency-key computed inverse',
      'prices http set-price cas computed inverse',
      'shop sqlite delete atomic-marker transactional inverse',
      'shop sqlite insert atomic-marker transactional inverse',
      'shop sqlite update atomic-marker transactional inverse',
      'tools mcp put-blindly none none none',
      'tools mcp remove-price cas computed inverse',
      'tools mcp set-amount idempotency-key computed inverse',
      'tools mcp set-price cas computed inverse',
    ],
  );
  assert.equal(matrix.find(({ action }) => action === 'chmod')!.rollback_window_ms, 1000);
  for (const { limitations } of matrix) {
    assert.ok(limitations.length > 0);
    for (const { code, meaning } of limitations)
      assert.notEqual(meaning, code, `${code} is said in a sentence`);
  }
  for (const connector of connectors.values()) {
    await connector.close();
    await connector.close();
  }
});

test('a wrong configuration is refused by name, and shows no secret', async () => {
  const wrong: [unknown, RegExp][] = [
    [[], /is an object/],
    [{ x: { kind: 'constructor' } }, /the kind of x is one of command, filesystem/],
    [{ 'X y': { kind: 'filesystem', root: '.' } }, /named like/],
    [{ x: { kind: 'filesystem', root: '.', rot: 1 } }, /rot is not known/],
    [{ x: { kind: 'filesystem', root: 'no/such/folder' } }, /no folder/],
    [{ x: { kind: 'sqlite', file: 'none.db', tables: ['a'] } }, /does not exist/],
    [{ x: { kind: 'postgres', url: 'postgres://u:hunter2@h/d', tables: ['a'] } }, /no password in it/],
    [{ x: { kind: 'postgres', url: 'postgres://u@h/d', tables: ['indelible_effects'] } }, /own table/],
    [{ x: { kind: 'http', ...priceConfig('http://prices.example') } }, /https/],
    [{ x: { kind: 'ldap', url: 'ldap://directory.example', base: 'dc=x' } }, /ldaps: or with start_tls/],
    [{ x: { kind: 'ldap', url: 'ldap://u:hunter2@localhost', base: 'dc=x' } }, /without credentials/],
    [{ x: { kind: 'ldap', url: 'ldap://localhost', base: 'everything' } }, /base: the name/],
    [{ x: { kind: 'ldap', url: 'ldap://localhost', base: 'dc=x', bind_dn: 'cn=a' } }, /without the other/],
    [{ x: { kind: 's3', bucket: 'a-bucket', endpoint: 'http://s3.example' } }, /https/],
    [{ x: { kind: 's3', bucket: 'a-bucket', access_key_id: 'a' } }, /without the other/],
    [{ x: { kind: 'mcp', ...mcpConfig({ url: 'http://tools.example/mcp' }) } }, /https/],
    [{ x: { kind: 'mcp', ...mcpConfig({ command: [] }) } }, /server/],
    [
      { x: { kind: 'git', repository: '.', branches: ['../x'], author: { name: 'a', email: 'b' } } },
      /branches/,
    ],
  ];
  for (const [configuration, message] of wrong) {
    await assert.rejects(openConnectors(configuration, noSecrets), (error) => {
      assert.ok(isIndelibleError(error, 'CONNECTOR_CONFIG'), String(error));
      assert.match(error.message, message);
      assert.ok(!error.message.includes('hunter2'));
      return true;
    });
  }
});

test('without its package a connector says which one it needs; the others work', () => {
  const kinds = {
    ldap: ['ldapts', { url: 'ldap://127.0.0.1:1', base: 'dc=x' }, 'delete', { dn: 'cn=a,dc=x' }],
    mcp: ['@modelcontextprotocol/sdk', mcpConfig({ command: ['x'] }), 'remove-price', { sku: 'a' }],
    s3: ['@aws-sdk/client-s3', { bucket: 'a-bucket' }, 'delete', { key: 'a' }],
    postgres: [
      'pg',
      { url: 'postgres://u@127.0.0.1:1/d', tables: ['a'] },
      'delete',
      { table: 'a', where: { a: 1 } },
    ],
  } as const;
  const script = `
    import { registerHooks } from 'node:module';
    const kinds = ${JSON.stringify(kinds)};
    const packages = Object.values(kinds).map(([name]) => name);
    registerHooks({
      resolve(specifier, context, next) {
        const missing = packages.some((name) => specifier === name || specifier.startsWith(name + '/'));
        if (!missing) return next(specifier, context);
        throw Object.assign(new Error('Cannot find package'), { code: 'ERR_MODULE_NOT_FOUND' });
      },
    });
    const { openConnectors } = await import('./packages/indelible/src/compose/connectors.ts');
    const ctx = { signal: new AbortController().signal, secret: async () => '', blobs: {} };
    for (const [kind, [, config, action, params]] of Object.entries(kinds)) {
      const opened = await openConnectors({ one: { kind, ...config } }, async () => '');
      const error = await opened.get('one').plan(action, params, ctx).catch((error) => error);
      console.log(kind, error.code, error.message);
    }
  `;
  const args = ['--conditions=source', '--input-type=module', '-e', script];
  const { stdout, stderr } = spawnSync(process.execPath, args, { cwd: root, encoding: 'utf8' });
  for (const [kind, [name]] of Object.entries(kinds))
    assert.match(stdout, new RegExp(`^${kind} DRIVER_MISSING .*npm install ${name}$`, 'm'), stderr);
});
