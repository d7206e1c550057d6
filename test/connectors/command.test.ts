/** The command connector: conformance on small programs, and what commands have of their own. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openCommandConnector } from '../../packages/indelible/src/connectors/command/connector.ts';
import {
  type ConnectorPlace,
  memoryBlobs,
  runConnectorConformance,
} from '../../packages/indelible/src/connectors/conformance.ts';
import { conformanceOptions, operation, pick, temporaryFolder } from './support.ts';

const SECRET = 'command-secret-77aa';
const NAME = { type: 'string', pattern: '^[a-z-]{1,400}$' };
const params = {
  type: 'object',
  additionalProperties: false,
  required: ['level'],
  properties: { level: NAME },
};
const check = ['cat', 'level'];

const COMMANDS = {
  'set-level': {
    summary: 'Sets the level.',
    params,
    target: 'level',
    run: ['sh', '-c', 'printf %s "$1" > level && echo "by $TOKEN"', 'sh', '{level}'],
    check,
    inverse: ['sh', '-c', 'cat > level'],
  },
  append: {
    summary: 'Appends to the level, for good.',
    params,
    target: 'level',
    run: ['sh', '-c', 'printf %s "$1" >> level', 'sh', '{level}'],
    check,
  },
  plain: { summary: 'A level as an argument.', params, target: 'level', run: ['touch', '{level}'], check },
};

async function commandPlace(): Promise<ConnectorPlace> {
  const folder = temporaryFolder();
  const level = join(folder.path, 'level');
  writeFileSync(level, 'low');
  return {
    open: () =>
      openCommandConnector('host', {
        folder: folder.path,
        commands: COMMANDS,
        secret_env: { TOKEN: 'TOKEN' },
        max_bytes: 200,
      }),
    digest: async () => readFileSync(level, 'utf8'),
    samples: ['set-level', 'append', 'plain'].map((action) => operation(action, { level: 'high' })),
    too_large: [operation('set-level', { level: 'x'.repeat(300) })],
    random: (choose) =>
      operation(pick(choose, ['set-level', 'append']), { level: pick(choose, ['low', 'high', 'off']) }),
    disturb: async () => writeFileSync(level, 'foreign'),
    secrets: [SECRET],
    remove: folder.remove,
  };
}

runConnectorConformance(test, 'command', commandPlace, {
  ...conformanceOptions(4),
  secrets: { TOKEN: SECRET },
});

function context(signal = new AbortController().signal) {
  return {
    signal,
    blobs: memoryBlobs(),
    secret: async () => SECRET,
    operation_id: 'operation',
    effect_key: '0'.repeat(64),
    fencing_epoch: 1,
    reached: async () => {},
  };
}

test('a parameter is never an option, and never a shell', async (t) => {
  const place = await commandPlace();
  t.after(() => place.remove());
  const connector = await place.open();
  await assert.rejects(connector.plan('plain', { level: '-rf' }, context()), (error) =>
    isIndelibleError(error, 'CONNECTOR_PARAMS'),
  );
});

test('a command that fails leaves open what it did, and one that talks too much is ended', async (t) => {
  const folder = temporaryFolder();
  t.after(folder.remove);
  const none = { type: 'object', additionalProperties: false, properties: {} };
  const command = (run: string[]) => ({ summary: 's', params: none, target: 't', run, check: ['true'] });
  const connector = await openCommandConnector('host', {
    folder: folder.path,
    max_bytes: 100,
    commands: {
      fail: command(['sh', '-c', 'exit 3']),
      talk: command(['sh', '-c', 'while :; do echo talk; done']),
    },
  });
  for (const action of ['fail', 'talk']) {
    const plan = await connector.plan(action, {}, context());
    const snapshot = await connector.snapshot(plan, context());
    await assert.rejects(connector.execute(plan, snapshot, context(), { commit: true }), (error) =>
      isIndelibleError(error, 'CONNECTOR_UNAVAILABLE'),
    );
    assert.equal((await connector.probe(plan, snapshot, context())).outcome, 'unknown');
  }
  rmSync(folder.path, { recursive: true });
});
