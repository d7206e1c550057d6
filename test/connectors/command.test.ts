/** The command connector: conformance on small programs, and what commands have of their own. */
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openCommandConnector } from '../../packages/indelible/src/connectors/command/connector.ts';
import { memoryBlobs, runConnectorConformance } from '../../packages/indelible/src/connectors/conformance.ts';
import { COMMAND_SECRETS, commandPlace } from './command-place.ts';
import { conformanceOptions, temporaryFolder } from './support.ts';

runConnectorConformance(test, 'command', commandPlace, {
  ...conformanceOptions(4),
  secrets: COMMAND_SECRETS,
});

function context(signal = new AbortController().signal) {
  return {
    signal,
    blobs: memoryBlobs(),
    secret: async (name: string) => COMMAND_SECRETS[name as keyof typeof COMMAND_SECRETS] ?? '',
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

test('a secret stands in no argument, and comes by reference alone', async (t) => {
  const place = await commandPlace();
  t.after(() => place.remove());
  const connector = await place.open();
  const pin = { $secret: 'host/pin' };
  for (const params of [{ level: pin }, { level: 'high', pin: 'in the open' }]) {
    await assert.rejects(connector.plan('set-level', params, context()), (error) =>
      isIndelibleError(error, 'CONNECTOR_PARAMS'),
    );
  }
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
