/**
 * Runs the table against one kind of store.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { IndelibleError, sha256Hex } from '@indelible/core';
import { openFileAnchor } from '../../../packages/indelible/src/anchors/file/file-anchor.ts';
import type { AttachmentReader } from '../../../packages/indelible/src/attachments/contract.ts';
import type { VerifyReport } from '../../../packages/indelible/src/ledger/types.ts';
import type { VerifyTrust } from '../../../packages/indelible/src/verification/types.ts';
import { verifyLedger } from '../../../packages/indelible/src/verification/verify-ledger.ts';
import { FULL } from '../../support/runs.ts';
import type { Opened } from './places.ts';
import { ATTACKS, type Attack, COLUMNS } from './table.ts';
import { honest, KEPT, ORIGIN, policy, type State, signer, vkey } from './world.ts';

/** The columns of the table, by their numbers. */
const EVERYBODY = COLUMNS.map((_, column) => column);
/**
 * Who judges the other stores in a short run. What is kept elsewhere is compared with checkpoints, never with a store: one
 * store shows that; the others need somebody who has nothing but what they hold, and somebody who has all.
 */
const LEAST_AND_MOST = [EVERYBODY[0]!, EVERYBODY.at(-1)!];
const FULLY_JUDGED = 'file';

/** Made once for all stores of a process: making them takes as long as judging them. */
let honest_state: Promise<State> | undefined;
const attacked = new Map<string, Promise<State>>();

function stateAfter({ name, act }: Attack, world: State): Promise<State> {
  const made = attacked.get(name) ?? Promise.resolve(act(world));
  attacked.set(name, made);
  return made;
}

/** An honest ledger, and verifiers who each have something else of it. */
export class Court {
  readonly folder: string;
  readonly world: State;
  readonly trusts: readonly VerifyTrust[];

  static async open(): Promise<Court> {
    const folder = mkdtempSync(join(tmpdir(), 'indelible-attacks-'));
    honest_state ??= honest();
    const world = await honest_state;
    const anchor = openFileAnchor({ path: join(folder, 'anchor.jsonl') });
    for (const { size, root: hash, note } of world.notes.filter((one) => one.size <= KEPT))
      await anchor.publish({ origin: ORIGIN, size, root: hash, note }, new AbortController().signal);
    const keys = [vkey(signer)];
    const kept = [{ name: 'kept.note', note: world.notes.find(({ size }) => size === KEPT)!.note }];
    return new Court(folder, world, [
      {},
      { keys },
      { keys, kept },
      { keys, anchors: [anchor] },
      { keys, policy },
    ]);
  }

  private constructor(folder: string, world: State, trusts: readonly VerifyTrust[]) {
    this.folder = folder;
    this.world = world;
    this.trusts = trusts;
  }

  close(): void {
    rmSync(this.folder, { recursive: true, force: true });
  }

  /** What each verifier says of this state, or each of some. */
  async verdicts(
    { store, stored, close }: Opened,
    state: State,
    columns: readonly number[] = EVERYBODY,
  ): Promise<VerifyReport[]> {
    try {
      const reports: VerifyReport[] = [];
      for (const column of columns) {
        const trust = this.trusts[column]!;
        const attachments = attachmentsIn(state);
        reports.push((await verifyLedger({ store, stored, attachments, trust, workers: 0 })).report);
      }
      return reports;
    } finally {
      await stored?.close();
      await close();
    }
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

/** An honest ledger and every attack, where `place` puts them. */
export function testAttacks(
  kind: string,
  court: () => Court,
  place: (state: State) => Promise<Opened>,
  skip: string | false = false,
  attacks: readonly Attack[] = ATTACKS,
): void {
  test(`${kind}: an honest ledger is verified by everybody, each to their own level`, { skip }, async () => {
    const reports = await court().verdicts(await place(court().world), court().world);
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

  const columns = FULL || kind === FULLY_JUDGED ? EVERYBODY : LEAST_AND_MOST;
  for (const attack of attacks) {
    test(`${kind}: ${attack.name} (${attack.power})`, { skip }, async () => {
      const state = await stateAfter(attack, court().world);
      const reports = await court().verdicts(await place(state), state, columns);
      for (const report of reports) assertCoherent(report);
      const found = reports.map(letter).join('');
      const expected = columns.map((column) => attack.verdicts[column]).join('');
      assert.equal(found, expected, reports.map(({ detail }) => detail).join('\n'));
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
