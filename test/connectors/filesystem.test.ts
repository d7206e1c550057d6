/** The filesystem connector: conformance, and what files have of their own. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { memoryBlobs, runConnectorConformance } from '../../packages/indelible/src/connectors/conformance.ts';
import type { Connector, EffectContext } from '../../packages/indelible/src/connectors/contract.ts';
import { openFilesystemConnector } from '../../packages/indelible/src/connectors/filesystem/connector.ts';
import { filesystemPlace } from './filesystem-place.ts';
import { conformanceOptions, temporaryFolder } from './support.ts';

runConnectorConformance(test, 'filesystem', filesystemPlace, conformanceOptions(8));

function contextOf(effect: string, more: Partial<EffectContext> = {}): EffectContext {
  return {
    signal: new AbortController().signal,
    blobs: memoryBlobs(),
    secret: async () => '',
    operation_id: effect,
    effect_key: createHash('sha256').update(effect).digest('hex'),
    fencing_epoch: 1,
    reached: async () => {},
    ...more,
  };
}

function rootOf(t: TestContext): string {
  const folder = temporaryFolder();
  t.after(folder.remove);
  mkdirSync(join(folder.path, 'root/sub'), { recursive: true });
  writeFileSync(join(folder.path, 'outside'), 'outside');
  return join(folder.path, 'root');
}

test('no way leads out of the root: not by .., not by a link, not to what the connector keeps', async (t) => {
  const root = rootOf(t);
  symlinkSync('..', join(root, 'up'));
  symlinkSync('../outside', join(root, 'link'));
  symlinkSync('sub', join(root, 'alias'));
  const connector = await openFilesystemConnector('etc', { root });
  t.after(() => connector.close());
  const codes: Record<string, string> = {
    '../outside': 'CONNECTOR_PARAMS',
    'sub/../../outside': 'CONNECTOR_PARAMS',
    '/etc/passwd': 'CONNECTOR_PARAMS',
    './x': 'CONNECTOR_PARAMS',
    'sub//x': 'CONNECTOR_PARAMS',
    'x\0y': 'CONNECTOR_PARAMS',
    '.indelible/journal.db': 'CONNECTOR_PARAMS',
    'up/outside': 'TARGET_REFUSED',
    'alias/x': 'TARGET_REFUSED',
    link: 'TARGET_REFUSED',
    sub: 'TARGET_REFUSED',
    'no/such/folder': 'TARGET_NOT_FOUND',
  };
  for (const [path, code] of Object.entries(codes)) {
    await assert.rejects(
      connector.plan('write', { path, content: 'x' }, contextOf('plan')),
      (error) => isIndelibleError(error) && error.code === code,
      `${path}: ${code}`,
    );
  }
  assert.equal(readFileSync(join(root, '../outside'), 'utf8'), 'outside');
});

test('a folder exchanged for a link after planning leads nowhere', async (t) => {
  const root = rootOf(t);
  writeFileSync(join(root, 'sub/outside'), 'inside');
  const connector = await openFilesystemConnector('etc', { root });
  t.after(() => connector.close());
  const ctx = contextOf('effect', {
    reached: async (point) => {
      if (point !== 'announced') return;
      renameSync(join(root, 'sub'), join(root, 'sub-away'));
      symlinkSync('..', join(root, 'sub'));
    },
  });
  const plan = await connector.plan('write', { path: 'sub/outside', content: 'x' }, ctx);
  const snapshot = await connector.snapshot(plan, ctx);
  await assert.rejects(connector.execute(plan, snapshot, ctx, { commit: true }), (error) =>
    isIndelibleError(error, 'TARGET_REFUSED'),
  );
  assert.equal(readFileSync(join(root, '../outside'), 'utf8'), 'outside');
  assert.equal(readFileSync(join(root, 'sub-away/outside'), 'utf8'), 'inside');
});

const DOER = `
const [root, action, params, point] = process.argv.slice(1);
const { openFilesystemConnector } = await import(${JSON.stringify(import.meta.resolve('../../packages/indelible/src/connectors/filesystem/connector.ts'))});
const blobs = { put: async () => 'sha-256:' + '0'.repeat(64), get: async () => new Uint8Array() };
const ctx = { signal: new AbortController().signal, blobs, secret: async () => '', operation_id: 'op',
  effect_key: 'ab'.repeat(32), fencing_epoch: 1,
  reached: async (at) => { if (at === point) process.kill(process.pid, 'SIGKILL'); } };
const connector = await openFilesystemConnector('etc', { root });
const plan = await connector.plan(action, JSON.parse(params), ctx);
const snapshot = await connector.snapshot(plan, ctx);
process.stdout.write(JSON.stringify({ plan, snapshot }) + '\\n', () =>
  connector.execute(plan, snapshot, ctx, { commit: true }));
`;

const POINTS = ['checked', 'staged', 'announced', 'step 1 taken', 'noted'];
// Each takes a process: all of them only when asked for.
const KILLS: readonly (readonly [string, object, readonly string[]])[] = [
  [
    'delete',
    { path: 'sub/a' },
    process.env.INDELIBLE_RUNS === undefined ? ['step 1 taken', 'noted'] : POINTS,
  ],
  [
    'write',
    { path: 'sub/a', content: 'new' },
    process.env.INDELIBLE_RUNS === undefined ? ['announced', 'step 1 taken'] : POINTS,
  ],
  ...(process.env.INDELIBLE_RUNS === undefined
    ? []
    : ([
        ['move', { from: 'sub/a', to: 'b' }, POINTS],
        ['chmod', { path: 'sub/a', mode: '0600' }, POINTS],
      ] as const)),
];

for (const [action, params, points] of KILLS) {
  for (const point of points) {
    test(`pitfall 31: killed at "${point}" of ${action}: probed, tried again, one effect and nothing left beside`, async (t) => {
      const root = rootOf(t);
      writeFileSync(join(root, 'sub/a'), 'old', { mode: 0o644 });
      const done = spawnSync(
        process.execPath,
        [
          '--conditions=source',
          '--input-type=module',
          '-e',
          DOER,
          '--',
          root,
          action,
          JSON.stringify(params),
          point,
        ],
        { encoding: 'utf8' },
      );
      assert.equal(done.signal, 'SIGKILL', done.stderr);
      const { plan, snapshot } = JSON.parse(done.stdout) as Awaited<ReturnType<typeof planned>>;
      const connector = await openFilesystemConnector('etc', { root });
      t.after(() => connector.close());
      const ctx = contextOf('', { effect_key: 'ab'.repeat(32), fencing_epoch: 2 });
      await connector.fence!(plan, ctx);
      const { outcome } = await connector.probe(plan, snapshot, ctx);
      const applied = point === 'step 1 taken' || point === 'noted';
      assert.equal(outcome, applied ? 'applied' : 'not_applied');
      const again = await connector.execute(plan, snapshot, ctx, { commit: true });
      assert.equal(again.repeated, applied);
      const { matches } = await connector.verify(plan, again, ctx);
      assert.equal(matches, true);
      assert.deepEqual(
        readdirSync(join(root, 'sub')).filter((name) => name !== 'a'),
        [],
        'nothing is left beside the file',
      );
    });
  }
}

async function planned(connector: Connector, ctx: EffectContext) {
  const plan = await connector.plan('delete', { path: 'a' }, ctx);
  return { plan, snapshot: await connector.snapshot(plan, ctx) };
}
