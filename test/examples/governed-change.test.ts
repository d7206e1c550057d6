/** The story of examples/governed-change, told with real systems: each step comes out as it should, and the README tells it so. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { tellStory } from '../../examples/governed-change/story.ts';
import { startSystems } from '../../examples/governed-change/systems.ts';
import { ensureBuilt } from '../support/built.ts';
import { codeBlocks } from '../support/markdown.ts';
import { noPostgres } from '../support/postgres.ts';
import { root } from '../support/root.ts';
import { noSlapd } from '../support/slapd.ts';
import { outputMatches } from '../support/transcript.ts';

const skip = noPostgres() || noSlapd();

test('an agent changes a price, a file and a group as one; a later undo is refused, overridden, and all of it told', {
  skip,
}, async (t) => {
  ensureBuilt();
  const systems = await startSystems();
  t.after(() => systems.stop());
  const before = await systems.look();
  const seen: Awaited<ReturnType<typeof systems.look>>[] = [];
  const lines: string[] = [];
  const look = async () => {
    seen.push(await systems.look());
    return seen.at(-1)!;
  };
  const outcome = await tellStory({ ...systems, look }, (line) => void lines.push(line));

  const { planned } = outcome;
  assert.equal(planned.state, 'pending_approval');
  assert.deepEqual(planned.requirements, [{ role: 'staff', count: 2 }]);
  assert.deepEqual(
    planned.members.map(({ connector, capabilities }) => [connector, capabilities.guarantee]),
    [
      ['shop', 'atomic-marker'],
      ['etc', 'cas'],
      ['people', 'cas'],
    ],
  );
  assert.deepEqual(seen[0], before);
  assert.deepEqual(seen[1], before, 'the dry run changed nothing');
  assert.match(outcome.own_vote, /^APPROVAL_REFUSED: nobody for whom it was asked approves it/);
  assert.equal(outcome.once_approved.state, 'pending_approval');
  assert.equal(outcome.approved.state, 'approved');

  assert.equal(outcome.applied.state, 'verified');
  const changed = {
    prices: { apple: 99, pear: 149 },
    config: 'banner=apples\nsale=on\n',
    editors: [...before.editors, systems.member],
  };
  assert.deepEqual(seen[2], changed);
  assert.equal(outcome.closed.state, 'closed');
  assert.match(outcome.late_undo, /^OPERATION_STATE/, 'what is closed is not undone');

  assert.equal(outcome.changed_again.state, 'verified');
  assert.deepEqual(seen[3]!.prices, { apple: 99, pear: 111 }, 'somebody else changed it');
  assert.match(outcome.undo_refused, /^ROLLBACK_REFUSED: shop:prices\["pear"\] has changed since/);
  assert.equal(outcome.override.state, 'pending_approval');
  assert.equal(
    outcome.override.members[0]!.targets[0]!.before!.facts.amount,
    '111',
    'the foreign change shows',
  );
  assert.equal(outcome.undone.state, 'verified');
  assert.equal(outcome.after.state, 'rolled_back');
  assert.deepEqual(seen[4], { ...changed, prices: { apple: 99, pear: 149 } });

  const told = outcome.what_happened;
  for (const step of [
    /operation\.planned +agent:sales-bot on behalf of user:ana/,
    /denied +operation\.refused +user:ana/,
    /operation\.vote +user:ben/,
    /operation\.vote +user:cleo/,
    /operation\.executing +service:deployer/,
    /operation\.verified/,
    /operation\.closed +user:cleo/,
    /operation\.rollback_requested +user:ana/,
    /operation\.rolled_back/,
  ]) {
    assert.match(told, step);
  }
  assert.ok(!lines.join('\n').includes(await systems.secret('directory/password')));

  const readme = readFileSync(join(root, 'examples/governed-change/README.md'), 'utf8');
  const transcript = codeBlocks(readme).find(({ language }) => language === 'text')!;
  assert.ok(outputMatches(lines.join('\n'), transcript.text), lines.join('\n'));
});
