/** `serve` with governed writes: opened by its configuration, going on with what a crash left, closed in order. */
import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { openOperations } from '../../packages/indelible/src/compose/operations.ts';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import { schemaText } from '../../packages/indelible/src/operations/policy/schema.ts';
import type { Answer } from './operations-support.ts';

const POLICIES = new Map([
  ['schema.cedarschema', schemaText({ filesystem: ['write'] })],
  ['all.cedar', '@id("all") permit (principal, action == Indelible::Action::"filesystem:write", resource);'],
]);

test('what a crash left is taken over when the server starts; what is asked for over HTTP reaches the file', async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-governed-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const root = join(folder, 'app');
  mkdirSync(root);
  const url = `sqlite:${join(folder, 'ledger.db')}`;
  const governed = {
    connectors: { etc: { kind: 'filesystem', root, journal: join(folder, 'journal') } },
    policies: POLICIES,
  };
  const write = (path: string) => [{ connector: 'etc', action: 'write', params: { path, content: 'new\n' } }];

  const ledger = await openLedger(url, { name: 'test/home' });
  const crashing = await openOperations(ledger, {
    ...governed,
    holder: 'nowhere:1:1:crashed',
    lease_grace_ms: -60_000,
    reached: async (point) => {
      if (point === 'answered') throw new Error('the process ends here');
    },
  });
  const requester = { type: 'user', id: 'alice' };
  const left = await crashing.engine.plan({ members: write('left.conf'), requester, reason: 'a test' });
  await assert.rejects(
    crashing.engine.apply(left.operation_id, { actor: { type: 'service', id: 'deploy' } }),
  );
  await crashing.close();
  await ledger.close();

  const printed: string[] = [];
  const running = await serve({
    ledger_urls: [url],
    governed,
    recover_every_ms: 60_000,
    port: 0,
    signals: false,
    verify_every_ms: null,
    log_level: 'silent',
    print: (line) => void printed.push(line),
  });
  t.after(() => running.close());
  const secret = /\bind_\S+/.exec(printed.join('\n'))![0];
  const call = async (path: string, body?: object) => {
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    const init = body === undefined ? { headers } : { headers, method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(running.url + path, init);
    return { status: response.status, body: (await response.json()) as Answer['body'] };
  };
  await running.server.governed.settled();
  const recovered = await call(`/v1/operations/${left.operation_id}`);
  assert.equal(recovered.body.state, 'verified');
  const { ledgers } = (await call('/healthz')).body;
  assert.equal(ledgers[0].operations.fault, null);
  assert.equal((await call('/v1/connectors')).body.actions[0].connector, 'etc');

  const planned = await call('/v1/operations', { members: write('new.conf'), reason: 'a test' });
  assert.deepEqual([planned.status, planned.body.state], [201, 'approved'], JSON.stringify(planned.body));
  const applied = await call(`/v1/operations/${planned.body.operation_id}/apply`, {});
  assert.deepEqual([applied.status, applied.body.state], [200, 'verified'], JSON.stringify(applied.body));
  assert.equal(readFileSync(join(root, 'new.conf'), 'utf8'), 'new\n');
  await running.close();
});
