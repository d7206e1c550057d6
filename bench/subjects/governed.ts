/**
 * The whole way of a governed write, as a caller sees it: a file is written under a policy that asks for one approval,
 * which is signed; executed, verified, and closed. One operation after the other.
 */
import { generateKeyPairSync } from 'node:crypto';
import { closeSync, fdatasyncSync, mkdirSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { formatVerifierKey } from '@indelible/core';
import { openOperations } from '../../packages/indelible/src/compose/operations.ts';
import { changeApprovers } from '../../packages/indelible/src/operations/approvers.ts';
import type { OperationEngine } from '../../packages/indelible/src/operations/engine.ts';
import { enrolmentText } from '../../packages/indelible/src/operations/enrolment.ts';
import { starterFiles } from '../../packages/indelible/src/operations/policy/starter.ts';
import { signStatement } from '../../packages/indelible/src/operations/votes.ts';
import { signerOf } from '../../packages/indelible/src/transparency/private-key.ts';
import { type Measures, numberParam, type Params, quantile, textParam } from '../sample.ts';
import { ledgerUrl, openBenchLedger } from './ledger-append.ts';

const ALICE = { type: 'user', id: 'alice' };
const RUNNER = { type: 'service', id: 'runner' };
const PERMIT = `@id("settings")
@approvals("1")
@approver_role("lead")
permit (principal, action in Indelible::Action::"filesystem", resource);
`;
const DIRECTORY = {
  ...{ roles: { lead: {} }, people: { bob: { roles: ['lead'] }, alice: { roles: [] } } },
  ...{ agents: {}, services: {}, connectors: {}, targets: [] },
};
const WARM_UP = 20;
const PHASES = ['plan', 'approve', 'apply', 'close'] as const;
type Times = Readonly<Record<(typeof PHASES)[number], number>>;

export async function governed(params: Params, folder: string): Promise<Measures> {
  const operations = numberParam(params, 'operations');
  const url = ledgerUrl(textParam(params, 'store'), folder);
  const [root, policies] = ['root', 'policies'].map((name) => join(folder, name)) as [string, string];
  mkdirSync(root);
  mkdirSync(join(policies, 'cases'), { recursive: true });
  const files = [...starterFiles([]), ['settings.cedar', PERMIT] as const];
  for (const [name, text] of files) writeFileSync(join(policies, name), text);
  writeFileSync(join(policies, 'directory.json'), JSON.stringify(DIRECTORY));
  const ledger = await openBenchLedger(url);
  const connectors = { etc: { kind: 'filesystem', root } };
  const { engine, close } = await openOperations(ledger, { connectors, policies, url });
  const signer = signerOf(generateKeyPairSync('ed25519').privateKey, 'bob');
  const requested_at = new Date().toISOString();
  const key = formatVerifierKey(signer.key);
  const enrolment = { change: 'enrol', ledger: ledger.name, person_id: 'bob', key, requested_at } as const;
  await changeApprovers(ledger, enrolmentText(enrolment), ALICE);

  const samples: Times[] = [];
  for (let i = -WARM_UP; i < operations; i++) {
    const sample = await once(engine, ledger.name, signer, i);
    if (i >= 0) samples.push(sample);
  }
  await close();
  await ledger.close();
  const sorted = (of: (times: Times) => number) => Float64Array.from(samples, of).sort();
  const totals = sorted(({ plan, approve, apply, close }) => plan + approve + apply + close);
  return {
    p50_ms: quantile(totals, 0.5),
    p99_ms: quantile(totals, 0.99),
    ...Object.fromEntries(
      PHASES.map((phase) => [
        `${phase}_ms`,
        quantile(
          sorted((one) => one[phase]),
          0.5,
        ),
      ]),
    ),
    sync_ms: syncMs(folder),
  };
}

/** From the request to the closed operation. */
async function once(
  engine: OperationEngine,
  ledger: string,
  signer: ReturnType<typeof signerOf>,
  i: number,
): Promise<Times> {
  const content = `retries = ${i}\n${'# settings of the service\n'.repeat(20)}`;
  const members = [{ connector: 'etc', action: 'write', params: { path: 'app.conf', content } }];
  const started = performance.now();
  const { operation_id, plan_hash } = await engine.plan({
    ...{ members, requester: ALICE, reason: 'too many timeouts' },
  });
  const planned = performance.now();
  const signed_at = new Date().toISOString();
  const statement = {
    ...({ ledger, operation_id, plan_hash: plan_hash!, purpose: 'approval', vote: 'approve' } as const),
    ...{ person: { type: 'user', id: 'bob' }, reason: null, signed_at },
  };
  const signature = await signStatement(statement, signer);
  await engine.vote(operation_id, { plan_hash: plan_hash!, vote: 'approve', signature });
  const approved = performance.now();
  const { state } = await engine.apply(operation_id, { actor: RUNNER });
  const applied = performance.now();
  if (state !== 'verified') throw new Error(`the operation is ${state}`);
  await engine.close(operation_id, RUNNER, 'no undo is needed');
  const closed = performance.now();
  return {
    plan: planned - started,
    approve: approved - planned,
    apply: applied - approved,
    close: closed - applied,
  };
}

const SYNCS = 100;

/** What one durable write costs here, without anything around it. */
function syncMs(folder: string): number {
  const file = openSync(join(folder, 'sync'), 'w');
  const times = new Float64Array(SYNCS);
  for (let i = 0; i < SYNCS; i++) {
    writeSync(file, 'x'.repeat(4096));
    const started = performance.now();
    fdatasyncSync(file);
    times[i] = performance.now() - started;
  }
  closeSync(file);
  return quantile(times.sort(), 0.5);
}
