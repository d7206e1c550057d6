/**
 * What every connector must keep to under the engine: predictions, undo, limits and windows, and what a crash leaves.
 *
 * INDELIBLE_CONNECTORS=all has all of them try, =git,http those; by default the one on files, and another chosen by
 * INDELIBLE_SEED, which is printed; with INDELIBLE_FULL the one on SQLite, too. INDELIBLE_RUNS sets how many random sequences each takes. INDELIBLE_CRASHES=all kills at every point;
 * by default at one, chosen by the seed.
 */
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { after, before, describe, type TestContext, test } from 'node:test';
import fc from 'fast-check';
import type { Choose } from '../../packages/indelible/src/connectors/conformance.ts';
import { FULL, runs as share } from '../support/runs.ts';
import { crashRow, isOnPage, rowOnPage, rowPattern, writePage } from './support/crash-table.ts';
import { type Crash, crash, crashesOf, subjectsOf } from './support/crashes.ts';
import { Victims } from './support/kill.ts';
import { PLACE_KINDS, type PlaceKind, type Places } from './support/places.ts';
import { runSequence, type Tally } from './support/sequences.ts';
import { ALICE, RUNNER, World } from './world.ts';

const SEED = Number(process.env.INDELIBLE_SEED ?? randomInt(0x7fffffff));
const ALL_CRASHES = process.env.INDELIBLE_CRASHES === 'all';
const CRASHES_DEFAULT = 1;
const kinds = kindsToTry(process.env.INDELIBLE_CONNECTORS);
const victims = new Victims();
const rows = new Map<string, string[]>();

for (const kind of kinds) {
  describe(kind.name, { skip: kind.skip }, () => {
    let places: Places;
    before(async () => {
      places = await kind.start();
    });
    after(() => places.stop());
    test('what is foretold comes to be; undone in reverse, all is as it was', (t) =>
      sequences(t, kind, places));
    test('limits and windows are kept to, and every refusal is a record', (t) => limits(t, places));
    test('killed anywhere, nothing happens twice, and nothing is lost that was promised', (t) =>
      crashes(t, kind, places));
  });
}

function kindsToTry(names: string | undefined): readonly PlaceKind[] {
  if (names === 'all') return PLACE_KINDS;
  if (names !== undefined) return PLACE_KINDS.filter(({ name }) => names.split(',').includes(name));
  const always = FULL ? 2 : 1;
  return [...PLACE_KINDS.slice(0, always), shuffled(PLACE_KINDS.slice(always))[0]!];
}

after(async () => {
  await victims.stop();
  if (process.env.INDELIBLE_UPDATE_DOCS && ALL_CRASHES) writePage(rows);
});

async function sequences(t: TestContext, { runs }: PlaceKind, places: Places): Promise<void> {
  const world = await World.open(t);
  const tally: Tally = { operations: 0, refused: 0, undone: 0, differences: {} };
  const choices = fc.array(fc.nat({ max: 0xffff }), { minLength: 8, maxLength: 48 });
  const property = fc.asyncProperty(choices, async (numbers) => {
    const place = await places.make();
    const connector = await place.open();
    world.connectors.set(place.id, connector);
    for (const [name, value] of Object.entries(place.secret_values ?? {})) world.secrets.set(name, value);
    try {
      await runSequence(world, place, chooser(numbers), tally);
    } finally {
      await connector.close();
      await place.remove();
    }
  });
  await fc.assert(property, { numRuns: Number(process.env.INDELIBLE_RUNS ?? share(runs)), seed: SEED });
  t.diagnostic(`seed ${SEED}: ${JSON.stringify(tally)}`);
}

/** Takes one choice after the other; when they are used up, always the first. */
function chooser(numbers: readonly number[]): Choose {
  let at = 0;
  return (below) => (numbers[at++] ?? 0) % below;
}

async function limits(t: TestContext, places: Places): Promise<void> {
  const world = await World.open(t);
  const place = await places.make();
  const connector = await place.open();
  world.connectors.set(place.id, connector);
  for (const [name, value] of Object.entries(place.secret_values ?? {})) world.secrets.set(name, value);
  const digest = await place.digest();
  const asked = ({ action, params }: (typeof place.samples)[number]) =>
    world.engine.plan({
      ...{ requester: ALICE, reason: 'a test' },
      members: [{ connector: place.id, action, params }],
    });
  for (const sample of place.too_large) await assert.rejects(asked(sample), { code: 'CONNECTOR_LIMIT' });
  await world.ledger.caughtUp();
  const refused = await world.ledger.index!.count({ action: 'operation.request_refused' }, 100);
  assert.equal(refused, place.too_large.length);
  assert.equal(await place.digest(), digest);

  const sample = place.samples.find(
    ({ action, params }) => connector.capabilities(action, params).rollback.can_rollback,
  );
  if (sample !== undefined) {
    const planned = await asked(sample);
    if (planned.state === 'pending_approval') await world.vote(planned, 'bob');
    const { operation_id, rollback_until } = await world.engine.apply(planned.operation_id, {
      actor: RUNNER,
    });
    const left = await place.digest();
    world.pass(Date.parse(rollback_until!) - Date.parse(world.now) + 1);
    const undo = { requester: ALICE, reason: 'too late' };
    await assert.rejects(world.engine.rollback(operation_id, undo), { code: 'OPERATION_STATE' });
    const { state, refusals } = await world.engine.read(operation_id);
    assert.deepEqual([state, refusals], ['closed', 1]);
    assert.equal(await place.digest(), left);
  }
  await connector.close();
  await place.remove();
}

async function crashes(t: TestContext, { name }: PlaceKind, places: Places): Promise<void> {
  victims.prepare();
  const every = await subjectsOf(places);
  const subjects = ALL_CRASHES ? every : shuffled(every).slice(0, 1);
  const found: Crash[] = [];
  for (const subject of subjects) found.push(...(await crashesOf(places, subject)));
  const chosen = ALL_CRASHES
    ? found
    : shuffled(found.filter(({ again }) => again === null)).slice(0, CRASHES_DEFAULT);
  const lines: string[] = [];
  t.diagnostic(`seed ${SEED}: ${chosen.length} of ${found.length} points`);
  for (const one of chosen) {
    const what = `${one.subject.name} at ${one.point} ${one.nth}${one.again === null ? '' : `, then ${one.again}`}`;
    try {
      const worthwhile = isForeignWorthwhile(one);
      // A default run kills once: alone or not, by the seed.
      const only_foreign = !ALL_CRASHES && worthwhile && SEED % 2 === 0;
      const alone = only_foreign ? null : await crash(places, victims, one, false);
      const foreign =
        only_foreign || (ALL_CRASHES && worthwhile) ? await crash(places, victims, one, true) : null;
      const row = crashRow(one, alone, foreign);
      lines.push(row);
      if (process.env.INDELIBLE_UPDATE_DOCS || !isOnPage(name)) continue;
      const how = 'INDELIBLE_UPDATE_DOCS=1 INDELIBLE_CRASHES=all writes the page';
      assert.match(rowOnPage(name, one) ?? '', rowPattern(row), how);
    } catch (error) {
      throw new Error(`${what} (seed ${SEED})`, { cause: error });
    }
  }
  rows.set(name, lines);
}

/** Before it begins and after its receipt, and while somebody recovers, a foreign change makes no difference. */
function isForeignWorthwhile({ subject, point, again }: Crash): boolean {
  return again === null && !subject.undo && !['checked', 'received', 'verified'].includes(point);
}

/** By the seed: the same one gives the same order. */
function shuffled<Item>(items: readonly Item[]): Item[] {
  let state = SEED | 1;
  const next = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return items
    .map((item) => ({ item, at: next() }))
    .sort((one, other) => one.at - other.at)
    .map(({ item }) => item);
}
