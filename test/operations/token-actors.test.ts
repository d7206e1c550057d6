/** Tokens, as policies see them: named for an agent or a person of the directory, they ask as that one. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { loadPolicySet } from '../../packages/indelible/src/operations/policy/policy-set.ts';
import { starterFiles } from '../../packages/indelible/src/operations/policy/starter.ts';
import { cedarGate } from '../../packages/indelible/src/operations/policy-gate.ts';
import type { Decision } from '../../packages/indelible/src/operations/types.ts';
import { plan } from './samples.ts';

test('a token of an agent is bound like the agent; one that nobody knows is a service', async () => {
  const files = new Map([...starterFiles([])].filter(([name]) => !name.includes('/')));
  const people = { alice: { roles: [] } };
  const agents = { helper: { roles: [] } };
  const directory = { roles: {}, people, agents, services: {}, connectors: {}, targets: [] };
  files.set('directory.json', JSON.stringify(directory));
  const set = await loadPolicySet(files);
  const view = await cedarGate({ current: async () => set }).current();
  const decided = (id: string, on_behalf_of?: { type: string; id: string }) => {
    const actor = { type: 'api-token', id, ...(on_behalf_of === undefined ? {} : { on_behalf_of }) };
    const facts = { operation_id: 'x', actor, connector_kind: 'filesystem', now: Date.now() };
    const decision = view.decide({ ...plan(), action: 'write' }, facts) as Decision & {
      request: { principal: { kind: string } };
      determining: { id: string }[];
    };
    return [decision.request.principal.kind, decision.determining.map((one) => one.id)];
  };
  assert.deepEqual(decided('helper'), ['agent', ['agents-act-for-somebody']]);
  assert.deepEqual(decided('helper', { type: 'user', id: 'alice' }), ['agent', []]);
  assert.deepEqual(decided('alice'), ['person', []]);
  assert.deepEqual(decided('ci'), ['service', []]);
});
