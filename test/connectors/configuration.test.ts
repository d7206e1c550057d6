/** From a configuration to connectors, and what they promise as data. */
import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openConnectors } from '../../packages/indelible/src/compose/connectors.ts';
import { capabilityMatrix } from '../../packages/indelible/src/connectors/shared/matrix.ts';
import { priceConfig } from './http-place.ts';
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
      'host command restart none none none',
      'prices http add-note cas computed inverse',
      'prices http remove-price cas computed inverse',
      'prices http ring none none none',
      'prices http set-loosely idempotency-key computed inverse',
      'prices http set-price cas computed inverse',
      'shop sqlite delete atomic-marker transactional inverse',
      'shop sqlite insert atomic-marker transactional inverse',
      'shop sqlite update atomic-marker transactional inverse',
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
