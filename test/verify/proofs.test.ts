/** What a verdict rests on: which keys, which checkpoints, which anchors; and what it does when the log grows meanwhile. */
import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { test } from 'node:test';
import { formatVerifierKey, parsePolicy } from '@indelible/core';
import type { Anchor } from '../../packages/indelible/src/anchors/contract.ts';
import { openTimestampChecker } from '../../packages/indelible/src/compose/verification.ts';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';
import { rotatedEvent } from '../../packages/indelible/src/transparency/key-records.ts';
import type { StoredProofs, VerifyTrust } from '../../packages/indelible/src/verification/types.ts';
import { verifyLedger } from '../../packages/indelible/src/verification/verify-ledger.ts';
import { seedOf, signerOf } from '../core/signatures.ts';
import type { SealedLine } from '../support/chain.ts';
import { forgeToken, issue } from '../support/forge.ts';
import {
  checkpoint,
  honest,
  type Note,
  ORIGIN,
  opening,
  policy,
  seal,
  signer,
  textOf,
  vkey,
  witness,
} from './attacks/world.ts';

async function storeOf(lines: readonly SealedLine[]): Promise<LogStore> {
  const store = openMemoryStore();
  let end = 0;
  const ends = lines.map((line) => (end += Buffer.byteLength(textOf([line]))));
  await store.append({ first_seq: 0, bytes: new TextEncoder().encode(textOf(lines)), ends }, null);
  return store;
}

function proofsOf(notes: readonly Note[]): StoredProofs {
  return {
    tree: null,
    async *checkpoints() {
      yield* notes;
    },
    close: async () => {},
  };
}

async function verify(lines: readonly SealedLine[], notes: readonly Note[], trust: VerifyTrust = {}) {
  return (await verifyLedger({ store: await storeOf(lines), stored: proofsOf(notes), trust, workers: 0 }))
    .report;
}

const OWN = { actor: { id: 'indelible', type: 'service' }, resource: { id: ORIGIN, type: 'ledger' } };
const next = signerOf(ORIGIN, 'ed25519', seedOf(5));

/** A log whose key was handed over at record 3. */
async function rotated() {
  const event = await rotatedEvent(
    ORIGIN,
    { vkey: vkey(signer), signer },
    { vkey: vkey(next), signer: next },
  );
  const lines = seal([...opening(vkey(signer)), {}, { ...event }, {}, {}]);
  return { lines, notes: [await checkpoint(lines, 3, [signer]), await checkpoint(lines, 6, [next])] };
}

test('pitfall 12: who trusts the old key trusts the one that it handed over to', async () => {
  const { lines, notes } = await rotated();
  const report = await verify(lines, notes, { keys: [vkey(signer)] });
  assert.deepEqual([report.graded.grade, report.graded.signed.size], ['signed', 6]);
  assert.deepEqual(report.proofs?.keys, [vkey(signer), vkey(next)]);
  assert.equal(report.proofs?.keys_from, 'given');
});

test('pitfall 12: a rotation that the old key did not sign hands over nothing', async () => {
  const { lines, notes } = await rotated();
  const event = JSON.parse(lines[3]!.body) as { data: { note: string } };
  const data = { ...event.data, note: event.data.note.replace(/\n— .*\n/, '\n') };
  const forged = seal([
    ...opening(vkey(signer)),
    {},
    { ...OWN, action: 'ledger.signing_key_rotated', data },
    {},
    {},
  ]);
  const trust = { keys: [vkey(signer)] };
  const report = await verify(forged, [await checkpoint(forged, 6, [next])], trust);
  assert.deepEqual([report.verdict, report.proofs?.keys], ['not_checked', [vkey(signer)]]);
  assert.equal(
    (await verify(lines, notes, { keys: [vkey(next)] })).graded.signed.size,
    6,
    'the newer key alone will do',
  );
});

test('pitfall 20: another key than the log’s reads as not checked, never as tampering', async () => {
  const { lines, notes } = await honest(120);
  const stranger = signerOf(ORIGIN, 'ed25519', seedOf(77));
  const report = await verify(lines, notes, { keys: [vkey(stranger)] });
  assert.deepEqual([report.ok, report.verdict, report.damage], [false, 'not_checked', null]);
  assert.match(report.detail, /no key/);
});

test('a policy that is not met leaves it incomplete; one that is gives the highest grade, and a time', async () => {
  const { lines } = await honest(120);
  const notes = [await checkpoint(lines, 100, [signer])];
  const unmet = await verify(lines, notes, { keys: [vkey(signer)], policy });
  assert.deepEqual([unmet.verdict, unmet.graded.witnessed.status], ['not_checked', 'unchecked']);
  const witnessed = [await checkpoint(lines, 100, [signer, witness])];
  const met = await verify(lines, witnessed, { keys: [vkey(signer)], policy });
  assert.deepEqual(
    [met.graded.grade, met.graded.witnessed.size, met.graded.time.kind],
    ['witnessed', 100, 'attested'],
  );
});

test('a policy that names the log’s key needs no other', async () => {
  const { lines, notes } = await honest(120);
  const named = parsePolicy(`log ${vkey(signer)}\nquorum none\n`);
  const report = await verify(lines, notes, { policy: named });
  assert.deepEqual([report.graded.grade, report.proofs?.keys_from], ['signed', 'given']);
});

test('of ten thousand checkpoints a few are verified, and all are compared', async () => {
  const { lines } = await honest(120);
  const newest = await checkpoint(lines, 120, [signer]);
  // Their signatures are none: nobody looks at them while their roots agree.
  const unsigned = await checkpoint(lines, 60, [signer]);
  const many = Array.from({ length: 10_000 }, () => ({
    ...unsigned,
    note: unsigned.note.replace(/— .*/, '— x AAAAAAAA'),
  }));
  assert.equal((await verify(lines, [...many, newest])).ok, true);
  const other = await checkpoint(seal([...opening(vkey(signer)), ...Array(100).fill({})]), 60, [signer]);
  const found = await verify(lines, [...many, other, newest]);
  assert.deepEqual([found.damage, found.first_bad_seq], ['root_mismatch', 0]);
});

test('a kept checkpoint of the other branch shows a fork', async () => {
  const { lines, notes } = await honest(120);
  const other = await checkpoint(seal([...opening(vkey(signer)), ...Array(118).fill({})]), 100, [signer]);
  const report = await verify(lines, notes, { kept: [{ name: 'kept', note: other.note }] });
  const kinds = report.findings.map(({ damage }) => damage);
  assert.ok(
    kinds.includes('fork') && kinds.includes('root_mismatch') && kinds.includes('anchor_mismatch'),
    kinds.join(),
  );
});

test('what is signed or anchored while the log is read is for the next verification', async () => {
  const { lines, notes } = await honest(120);
  const store = await storeOf(lines.slice(0, 110));
  const newest = await checkpoint(lines, 120, [signer]);
  const late: LogStore = Object.create(store, {
    head: { value: async () => ({ seq: 119, hash: lines[119]!.hash }) },
    inspect: { value: async () => [] },
    url: { value: 'memory:' },
    read: { value: (from: number, to?: number) => store.read(from, to) },
  });
  const stored = proofsOf([...notes, newest]);
  const { report } = await verifyLedger({ store: late, stored, workers: 0 });
  assert.deepEqual([report.ok, report.graded.size, report.graded.signed.size], [true, 110, 100]);
  const still = await verifyLedger({ store, stored, workers: 0 });
  assert.equal(still.report.damage, 'records_missing', 'and a log that has no more of them was cut');
});

/** A log that was timestamped at 100 records, at a time that the authority states. */
async function stamped(gen_time = '20261121021400Z') {
  const { lines, notes } = await honest(120);
  const root = issue({ name: 'Root' });
  const authority = issue({ name: 'Authority', issuer: root });
  const { size, root: hash, note } = notes[0]!;
  const digest = createHash('sha256').update(note).digest();
  const token = Buffer.from(
    forgeToken({ digest, signer: authority, certificates: [authority], gen_time }),
  ).toString('base64');
  const receipt = {
    anchored_at: '2026-11-21T02:14:00.000Z',
    evidence: { note, token, tsa: 'https://tsa.example/' },
  };
  const data = { anchor: 'timestamp:tsa.example', kind: 'timestamp', receipt, root: hash, size };
  const all = seal([{ ...OWN, action: 'ledger.anchored', data }], lines);
  return { lines: all, notes, roots: root.pem };
}

test('a timestamp in the records is checked offline, and attests a time', async () => {
  const { lines, notes, roots } = await stamped();
  const report = await verify(lines, notes, { timestamps: await openTimestampChecker(roots) });
  const { anchored, time, anchors } = report.graded;
  assert.deepEqual([anchored.status, anchored.size], ['holds', 100]);
  assert.deepEqual(time, {
    kind: 'attested',
    size: 100,
    at: '2026-11-21T02:14:00.000Z',
    by: ['timestamp:tsa.example'],
  });
  assert.equal(anchors.find(({ name }) => name === 'timestamp:tsa.example')!.status, 'holds');
});

test('a timestamp whose authority is not trusted, or that nobody checks, anchors nothing', async () => {
  const { lines, notes } = await stamped();
  const other = await openTimestampChecker(issue({ name: 'Somebody' }).pem);
  const refused = await verify(lines, notes, { timestamps: other });
  assert.deepEqual([refused.verdict, refused.graded.anchored.status], ['not_checked', 'unchecked']);
  const unasked = await verify(lines, notes);
  assert.deepEqual(
    [unasked.ok, unasked.graded.anchored.status, unasked.graded.time.kind],
    [true, 'unchecked', 'asserted'],
  );
});

test('an anchor that fails, or keeps nothing of the log, leaves it incomplete', async () => {
  const { lines, notes } = await honest(120);
  const empty: Anchor = {
    name: 'file:empty',
    kind: 'file',
    publish: async () => assert.fail('nothing is published'),
    newest: async () => null,
    async *all() {},
    check: async () => assert.fail('no receipt'),
    close: async () => {},
  };
  const report = await verify(lines, notes, { anchors: [empty] });
  assert.deepEqual([report.verdict, report.graded.findings[0]?.problem], ['not_checked', 'anchor_invalid']);
  assert.match(report.detail, /keeps no checkpoint of the log/);
});

test('the keys that a report names are in their usual form', async () => {
  const { lines, notes } = await honest(120);
  const report = await verify(lines, notes);
  assert.deepEqual(report.proofs?.keys, [formatVerifierKey(signer.key)]);
});
