/**
 * Every attack of the table, on every store, against every verifier. docs/reference/attacks.md says the same.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { DAMAGE_KINDS } from '../../../packages/indelible/src/ledger/types.ts';
import { LedgerRegistry } from '../../../packages/indelible/src/registry/registry.ts';
import { verifyVanished } from '../../../packages/indelible/src/verification/vanished.ts';
import { root } from '../../support/root.ts';
import { makeTemplates, place, STORES, type Templates } from './places.ts';
import { Court, testAttacks } from './run.ts';
import { ATTACKS, type Attack, COLUMNS, POWERS } from './table.ts';
import { ORIGIN } from './world.ts';

let court: Court;
let templates: Templates;

before(async () => {
  court = await Court.open();
  templates = await makeTemplates(court.folder);
});
after(async () => {
  await templates.database.store.close();
  court.close();
});

for (const kind of STORES)
  testAttacks(
    kind,
    () => court,
    (state) => place(kind, state, templates),
  );

test('the whole ledger deleted: an anchor and a kept checkpoint tell that there was one', async () => {
  const [nothing, key, ...kept] = await Promise.all(
    court.trusts.map((trust) => verifyVanished(trust, ORIGIN)),
  );
  assert.deepEqual([nothing, key], [null, null], 'then it is an error that there is no ledger');
  for (const report of kept.slice(0, 2)) {
    assert.deepEqual([report!.verdict, report!.graded.result], ['damaged', 'tampering']);
    assert.match(report!.detail, /^the ledger is not there: .*200 records/);
  }
});

test('the whole ledger deleted: the registry tells that there was one', async () => {
  const registry = LedgerRegistry.open(join(court.folder, 'registry.db'));
  const facts = { url: 'file:gone', name: ORIGIN, size: 300, head_hash: 'ab'.repeat(32), first_hash: null };
  await registry.note(facts);
  const [finding] = await registry.check(async () => null);
  registry.close();
  assert.equal(finding?.kind, 'vanished');
});

test('the table is complete: every power, 20 attacks and more, and a verdict for each verifier', () => {
  assert.ok(ATTACKS.length >= 20);
  assert.deepEqual([...new Set(ATTACKS.map(({ power }) => power))], [...POWERS]);
  for (const { name, verdicts: letters, unproved } of ATTACKS) {
    assert.match(letters, /^[TIV]{5}$/, name);
    assert.equal(letters.includes('V'), unproved !== undefined, name);
  }
  const kinds: readonly string[] = DAMAGE_KINDS;
  for (const problem of [
    'root_mismatch',
    'records_missing',
    'fork',
    'signature_wrong',
    'anchor_mismatch',
    'anchor_ahead',
  ])
    assert.ok(kinds.includes(problem), problem);
});

const WORDS: Readonly<Record<string, string>> = { T: 'tampering', I: 'incomplete', V: 'not seen' };

function row({ name, power, verdicts: letters }: Attack): string {
  return `| ${name} | ${power} | ${[...letters].map((one) => WORDS[one]).join(' | ')} |`;
}

test('docs/reference/attacks.md has this table', () => {
  const page = join(root, 'docs/reference/attacks.md');
  const text = readFileSync(page, 'utf8');
  const [start, end] = [text.indexOf('<!-- attacks -->\n') + 17, text.indexOf('<!-- attacks:end')];
  assert.ok(start > 16 && end >= start, 'the page has its markers');
  const head = `| attack | powers | ${COLUMNS.join(' | ')} |\n|---|---|${'---|'.repeat(COLUMNS.length)}`;
  const expected = `${text.slice(0, start)}\n${[head, ...ATTACKS.map(row)].join('\n')}\n\n${text.slice(end)}`;
  if (process.env.INDELIBLE_UPDATE_DOCS) writeFileSync(page, expected);
  assert.equal(readFileSync(page, 'utf8'), expected);
});
