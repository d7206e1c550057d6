/** The Git connector: conformance on a real repository, and what Git has of its own. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  connectorConformance,
  memoryBlobs,
  runConnectorConformance,
  type SampleOperation,
} from '../../packages/indelible/src/connectors/conformance.ts';
import { gitPlace, noGit } from './git-place.ts';
import { conformanceOptions } from './support.ts';

if (noGit === false) {
  runConnectorConformance(test, 'git', () => gitPlace('commit'), conformanceOptions(1));
  // Only undos differ.
  for (const { name, run } of connectorConformance(
    'git by ref',
    () => gitPlace('ref'),
    conformanceOptions(1),
  ))
    if (/rolled back|an undo/.test(name)) test(name, run);
} else test('git', { skip: noGit }, () => {});

test('moved back, a branch is at the very commit that it was at, and what was dropped is still there', {
  skip: noGit,
}, async (t) => {
  const place = await gitPlace('ref');
  t.after(() => place.remove());
  const connector = await place.open();
  const ctx = {
    signal: new AbortController().signal,
    blobs: memoryBlobs(),
    secret: async () => '',
    operation_id: 'moved',
    effect_key: 'a'.repeat(64),
    fencing_epoch: 1,
    reached: async () => {},
  };
  const [{ action, params }] = place.samples as [SampleOperation];
  const plan = await connector.plan(action, params, ctx);
  const snapshot = await connector.snapshot(plan, ctx);
  const done = await connector.execute(plan, snapshot, ctx, { commit: true });
  const undo = await connector.planRollback(plan, done, snapshot, ctx);
  const kept = await connector.snapshot(undo, ctx);
  const undone = await connector.execute(
    undo,
    kept,
    { ...ctx, effect_key: 'b'.repeat(64) },
    { commit: true },
  );
  assert.equal(undone.targets[0]!.version, plan.targets[0]!.version);
  const redo = await connector.planRollback(undo, undone, kept, ctx);
  assert.equal(redo.params.commit, done.targets[0]!.version);
  assert.equal((await connector.probe(undo, kept, ctx)).outcome, 'applied');
});
