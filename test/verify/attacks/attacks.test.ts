/**
 * Every attack of the table, on every store, against every verifier. docs/reference/attacks.md says the same.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { IndelibleError, sha256Hex } from '@indelible/core';
import type { Anchor } from '../../../packages/indelible/src/anchors/contract.ts';
import { openFileAnchor } from '../../../packages/indelible/src/anchors/file/file-anchor.ts';
import type { AttachmentReader } from '../../../packages/indelible/src/attachments/contract.ts';
import { DAMAGE_KINDS, type VerifyReport } from '../../../packages/indelible/src/ledger/types.ts';
import { LedgerRegistry } from '../../../packages/indelible/src/registry/registry.ts';
import type { VerifyTrust } from '../../../packages/indelible/src/verification/types.ts';
import { verifyVanished } from '../../../packages/indelible/src/verification/vanished.ts';
import { verifyLedger } from '../../../packages/indelible/src/verification/verify-ledger.ts';
import { root } from '../../support/root.ts';
import { makeTemplates, place, STORES, type StoreKind, type Templates } from './places.ts';
import { ATTACKS, type Attack, COLUMNS, POWERS } from './table.ts';
import { honest, KEPT, ORIGIN, policy, type State, signer, vkey } from './world.ts';

const folder = mkdtempSync(join(tmpdir(), 'indelible-attacks-'));
let templates: Templates;
let world: State;
let anchor: Anchor;
let trusts: readonly VerifyTrust[];

before(async () => {
  templates = await makeTemplates(folder);
  world = await honest();
  anchor = openFileAnchor({ path: join(folder, 'anchor.jsonl') });
  for (const { size, root: hash, note } of world.notes.filter((one) => one.size <= KEPT))
    await anchor.publish({ origin: ORIGIN, size, root: hash, note }, new AbortController().signal);
  const keys = [vkey(signer)];
  const kept = [{ name: 'kept.note', note: world.notes.find(({ size }) => size === KEPT)!.note }];
  trusts = [{}, { keys }, { keys, kept }, { keys, anchors: [anchor] }, { keys, policy }];
});
after(async () => {
  await templates.database.store.close();
  rmSync(folder, { recursive: true, force: true });
});

/** What each verifier says of this state. */
async function verdicts(kind: StoreKind, state: State): Promise<VerifyReport[]> {
  const { store, stored, close } = await place(kind, state, templates);
  try {
    const reports: VerifyReport[] = [];
    for (const trust of trusts) {
      const attachments = attachmentsIn(state);
      reports.push((await verifyLedger({ store, stored, attachments, trust, workers: 0 })).report);
    }
    return reports;
  } finally {
    await stored?.close();
    await close();
  }
}

function attachmentsIn({ attachments }: State): AttachmentReader {
  return {
    url: 'memory:',
    get: async (digest) => {
      const bytes = attachments.get(digest);
      if (bytes === undefined) throw new IndelibleError('ATTACHMENT_MISSING', 'gone');
      if (digest !== `sha-256:${sha256Hex(bytes)}`) throw new IndelibleError('ATTACHMENT_ALTERED', 'altered');
      return bytes;
    },
    has: async (digest) => attachments.has(digest),
    async *list() {
      yield* attachments.keys();
    },
    inspect: async () => [],
    close: async () => {},
  };
}

const letter = ({ graded: { result } }: VerifyReport): string =>
  ({ tampering: 'T', incomplete: 'I', verified: 'V' })[result];

/** The report, its grade and its exit code say one thing. */
function assertCoherent({ ok, verdict, graded, findings }: VerifyReport): void {
  const expected = { tampering: 'damaged', incomplete: 'not_checked', verified: 'consistent' } as const;
  assert.equal(verdict, expected[graded.result]);
  assert.equal(ok, graded.result === 'verified');
  assert.equal(findings.length > 0, graded.result === 'tampering');
  if (graded.result === 'tampering') assert.equal(graded.grade, null);
}

for (const kind of STORES) {
  test(`${kind}: an honest ledger is verified by everybody, each to their own level`, async () => {
    const reports = await verdicts(kind, world);
    for (const report of reports) assertCoherent(report);
    assert.deepEqual(reports.map(letter).join(''), 'VVVVV', reports.map(({ detail }) => detail).join('; '));
    const grades = reports.map(({ graded }) => graded.grade);
    assert.deepEqual(grades, ['signed', 'signed', 'anchored', 'anchored', 'witnessed']);
    assert.deepEqual(
      reports.map(({ graded }) => graded.signed.size),
      [300, 300, 300, 300, 300],
    );
    assert.equal(reports[3]!.graded.anchored.size, KEPT);
    assert.equal(reports[0]!.proofs?.keys_from, 'log');
    assert.equal(reports[4]!.graded.time.kind, 'attested');
    assert.deepEqual(reports[0]!.proofs?.tree, { checked: 301, lag: 0 });
  });

  for (const attack of ATTACKS) {
    test(`${kind}: ${attack.name} (${attack.power})`, async () => {
      const reports = await verdicts(kind, await attack.act(world));
      for (const report of reports) assertCoherent(report);
      const found = reports.map(letter).join('');
      assert.equal(found, attack.verdicts, reports.map(({ detail }) => detail).join('\n'));
      if (attack.damage !== undefined) {
        const kinds = reports[0]!.findings.map(({ damage }) => damage);
        assert.ok(kinds.includes(attack.damage), kinds.join());
      }
      for (const report of reports) {
        if (letter(report) !== 'V') continue;
        assert.match(report.does_not_prove.join('\n'), attack.unproved!);
      }
    });
  }
}

test('the whole ledger deleted: an anchor and a kept checkpoint tell that there was one', async () => {
  const [nothing, key, ...kept] = await Promise.all(trusts.map((trust) => verifyVanished(trust, ORIGIN)));
  assert.deepEqual([nothing, key], [null, null], 'then it is an error that there is no ledger');
  for (const report of kept.slice(0, 2)) {
    assert.deepEqual([report!.verdict, report!.graded.result], ['damaged', 'tampering']);
    assert.match(report!.detail, /^the ledger is not there: .*200 records/);
  }
});

test('the whole ledger deleted: the registry tells that there was one', async () => {
  const registry = LedgerRegistry.open(join(folder, 'registry.db'));
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
