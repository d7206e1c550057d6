/**
 * One change of three systems, from the wish of an agent to the undo of a mistake, with every step on record.
 *
 *     node examples/governed-change/story.ts
 */
import { spawnSync } from 'node:child_process';
import { realpathSync } from 'node:fs';
import { join } from 'node:path';
import { formatVerifierKey } from '@indelible/core';
import {
  changeApprovers,
  endorse,
  enrolmentText,
  isIndelibleError,
  loadOrCreateSigningKey,
  type Operation,
  type OperationEngine,
  openLedger,
  openOperations,
  signStatement,
} from 'indelible';
import { type Systems, startSystems } from './systems.ts';

const LEDGER = 'acme.example/shop';
const ANA = { type: 'user', id: 'ana' };
const BOT = { type: 'agent', id: 'sales-bot', on_behalf_of: ANA };
const DEPLOYER = { type: 'service', id: 'deployer' };
const POLICIES = join(import.meta.dirname, 'policies');

type Ledger = Awaited<ReturnType<typeof openLedger>>;
type Signer = ReturnType<typeof loadOrCreateSigningKey>['signer'];

/** What came of it, for whoever wants to check. */
export interface Outcome {
  readonly planned: Operation;
  readonly own_vote: string;
  readonly once_approved: Operation;
  readonly approved: Operation;
  readonly applied: Operation;
  readonly closed: Operation;
  readonly late_undo: string;
  readonly changed_again: Operation;
  readonly undo_refused: string;
  readonly override: Operation;
  readonly undone: Operation;
  readonly after: Operation;
  readonly what_happened: string;
}

export async function tellStory(systems: Systems, say: (line: string) => void): Promise<Outcome> {
  const ledger = await openLedger(systems.ledger_url, { name: LEDGER });
  const opened = await openOperations(ledger, {
    connectors: systems.connectors,
    policies: POLICIES,
    secret: systems.secret,
  });
  try {
    const outcome = await live(ledger, opened.engine, systems, say);
    const what_happened = whatHappened(systems.ledger_url, outcome.planned.envelope.correlation_id);
    say('\n== what happened');
    say(what_happened);
    return { ...outcome, what_happened };
  } finally {
    await opened.close();
    await ledger.close();
  }
}

async function live(
  ledger: Ledger,
  engine: OperationEngine,
  systems: Systems,
  say: (line: string) => void,
): Promise<Omit<Outcome, 'what_happened'>> {
  const keys = await enrolPeople(ledger, systems.keys);
  const show = async () => say(`   ${JSON.stringify(await systems.look())}`);
  /** A vote is signed over the plan hash, with the voter's own key. */
  const approve = async ({ operation_id, plan_hash }: Operation, id: string): Promise<Operation> => {
    const statement = { operation_id, plan_hash: plan_hash!, ledger: LEDGER, purpose: 'approval' } as const;
    const signed_at = new Date().toISOString();
    const signature = await signStatement(
      { ...statement, vote: 'approve', person: { type: 'user', id }, reason: null, signed_at },
      keys.get(id)!,
    );
    return engine.vote(operation_id, { plan_hash: plan_hash!, vote: 'approve', signature });
  };

  say('== an agent asks for three changes as one');
  await show();
  const planned = await engine.plan({
    requester: BOT,
    reason: 'the apple sale begins on Monday',
    members: [
      {
        connector: 'shop',
        action: 'update',
        params: { table: 'prices', where: { sku: 'apple' }, set: { amount: 99 } },
      },
      {
        connector: 'etc',
        action: 'write',
        params: { path: 'shop.conf', content: 'banner=apples\nsale=on\n' },
      },
      {
        connector: 'people',
        action: 'add-member',
        params: { group: systems.group, members: [systems.member] },
      },
    ],
  });
  for (const line of diffLines(planned)) say(`   ${line}`);
  say(`   policy: ${planned.decision!.reason}`);
  say(`   ${planned.state}, and nothing has changed:`);
  await show();

  say('\n== whoever asked does not approve');
  const own_vote = await refusalOf(approve(planned, 'ana'));
  say(`   ana: ${own_vote}`);

  say('\n== two others do');
  const once_approved = await approve(planned, 'ben');
  say(`   ben: ${once_approved.state}`);
  const approved = await approve(planned, 'cleo');
  say(`   cleo: ${approved.state}`);

  say('\n== executed and verified');
  const applied = await engine.apply(planned.operation_id, { actor: DEPLOYER });
  say(`   ${stepsOf(applied)}`);
  await show();
  const closed = await engine.close(planned.operation_id, { type: 'user', id: 'cleo' }, 'the sale is on');
  const late_undo = await refusalOf(engine.rollback(planned.operation_id, UNDO));
  say(`   ${closed.state}; to undo it now: ${late_undo}`);

  say('\n== later: one more price, and somebody else changes it by hand');
  const again = await engine.plan({
    requester: BOT,
    reason: 'pears are in the sale, too',
    correlation_id: planned.envelope.correlation_id,
    members: [
      {
        connector: 'shop',
        action: 'update',
        params: { table: 'prices', where: { sku: 'pear' }, set: { amount: 1 } },
      },
    ],
  });
  await approve(again, 'ben');
  await approve(again, 'cleo');
  const changed_again = await engine.apply(again.operation_id, { actor: DEPLOYER });
  say(`   ${stepsOf(changed_again)}`);
  await systems.changePriceByHand();
  await show();

  say('\n== the undo does not write over that');
  const undo_refused = await refusalOf(engine.rollback(again.operation_id, UNDO));
  say(`   ${undo_refused}`);

  say('\n== unless a person approves it, having seen what it goes over');
  const override = await engine.rollback(again.operation_id, { ...UNDO, override: true });
  for (const line of diffLines(override)) say(`   ${line}`);
  say(`   ${override.state}`);
  await approve(override, 'cleo');
  const undone = await engine.apply(override.operation_id, { actor: DEPLOYER });
  const after = await engine.read(again.operation_id);
  say(`   the undo: ${undone.state}; what it undid: ${after.state}`);
  await show();

  return {
    ...{ planned, own_vote, once_approved, approved, applied, closed, late_undo },
    ...{ changed_again, undo_refused, override, undone, after },
  };
}

const UNDO = { requester: ANA, reason: 'one euro was a mistake' };

/** The first person enrols alone; from then on people let people in. */
async function enrolPeople(ledger: Ledger, folder: string): Promise<Map<string, Signer>> {
  const keys = new Map<string, Signer>();
  for (const person_id of ['ana', 'ben', 'cleo']) {
    const { signer } = loadOrCreateSigningKey(join(folder, `${person_id}.key`), person_id);
    const requested_at = new Date().toISOString();
    const key = formatVerifierKey(signer.key);
    let request = enrolmentText({ change: 'enrol', ledger: LEDGER, person_id, key, requested_at });
    for (const other of keys.values()) request = await endorse(request, other);
    await changeApprovers(ledger, request, ANA);
    keys.set(person_id, signer);
  }
  return keys;
}

async function refusalOf(attempt: Promise<unknown>): Promise<string> {
  try {
    await attempt;
  } catch (error) {
    if (isIndelibleError(error)) return `${error.code}: ${error.message}`;
    throw error;
  }
  throw new Error('it was not refused');
}

/** What approvers see of each target. */
function diffLines({ members }: Operation): string[] {
  return members.flatMap(({ targets }) =>
    targets.flatMap(({ resource, diff }) => [
      resource.id,
      ...(diff.format === 'unified'
        ? diff.text.trimEnd().split('\n')
        : diff.format === 'json-patch'
          ? diff.patch.map((change) => JSON.stringify(change))
          : [diff.reason]
      ).map((line) => `  ${line}`),
    ]),
  );
}

function stepsOf({ history }: Operation): string {
  return [...new Set(history.map(({ to }) => to))].join(' → ');
}

/** As at a terminal: `indelible what-happened ID`. */
function whatHappened(ledger_url: string, correlation_id: string): string {
  const program = realpathSync(join(import.meta.dirname, '../../node_modules/.bin/indelible'));
  const env = { ...process.env, INDELIBLE_LEDGER: ledger_url, NO_COLOR: '1', NODE_OPTIONS: '' };
  const args = [program, 'what-happened', correlation_id];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env });
  if (status !== 0) throw new Error(stderr);
  return stdout.trimEnd();
}

if (import.meta.main) {
  const systems = await startSystems();
  try {
    await tellStory(systems, (line) => console.log(line));
  } finally {
    await systems.stop();
  }
}
