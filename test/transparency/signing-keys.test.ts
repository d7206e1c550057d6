/** Which keys may sign: announced, rotated, refused. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  checkCheckpoint,
  type Event,
  ed25519Verifier,
  formatVerifierKey,
  type LedgerRecord,
  openNote,
  parseNote,
  parseVerifierKey,
  SIGNATURES,
} from '@indelible/core';
import { KeyChain } from '../../packages/indelible/src/transparency/key-chain.ts';
import {
  announcedEvent,
  rotatedEvent,
  rotationText,
  statementOf,
} from '../../packages/indelible/src/transparency/key-records.ts';
import { folder, NAME, openLedger, record, rejectsWith, signer } from './support.ts';

const vkey = (byte: number): string => formatVerifierKey(signer(byte).key);
const asRecord = (event: Event): LedgerRecord => ({ ...event, ledger: NAME }) as unknown as LedgerRecord;
const pair = (byte: number) => ({ vkey: vkey(byte), signer: signer(byte) });
const signersOf = (note: string): string[] => parseNote(note).signatures.map(({ key_id }) => key_id);

test('the first signer announces its key; another is refused and changes nothing', async (t) => {
  const url = `file:${join(folder(t), 'ledger')}`;
  const ledger = await openLedger(url, { name: NAME, signer: signer(1) });
  const [announcement] = await ledger.get([1]);
  assert.equal(announcement!.record.action, 'ledger.signing_key_announced');
  assert.deepEqual(announcement!.record.data, { vkey: vkey(1), earlier: [] });
  assert.deepEqual(ledger.transparency!.verifier_keys, [vkey(1)]);
  await ledger.close();
  const message = await rejectsWith('SIGNER_REFUSED', () => openLedger(url, { signer: signer(2) }));
  assert.match(message, /is signed with acme\.example/);
  const again = await openLedger(url, { signer: signer(1) });
  assert.equal((await again.head())!.seq, 1, 'it is announced once');
  await again.close();
});

test('a signer with another name is refused before there is a ledger', async (t) => {
  const { openLedger: open } = await import('../../packages/indelible/src/compose.ts');
  const url = `sqlite:${join(folder(t), 'ledger.db')}`;
  await rejectsWith('SIGNER_REFUSED', () => open(url, { name: NAME, signer: signer(1, 'other.example') }));
  await rejectsWith('LEDGER_NOT_FOUND', () => openLedger(url, { create: false }));
});

test('rotation: recorded with both signatures; both keys sign the checkpoint over it, later ones the new key alone', async (t) => {
  const url = `file:${join(folder(t), 'ledger')}`;
  const ledger = await openLedger(url, { name: NAME, signer: signer(1) });
  const transparency = ledger.transparency!;
  const before = await transparency.checkpointNow();
  const receipt = await transparency.rotateSigningKey(signer(2));
  const [rotation] = await ledger.get([receipt.seq]);
  const { from, to, note } = rotation!.record.data as Record<string, string>;
  assert.deepEqual([from, to], [vkey(1), vkey(2)]);
  assert.equal(parseNote(note!).text, `indelible/key-rotation/v1\n${NAME}\n${vkey(1)}\n${vkey(2)}\n`);
  const verifiers = [from, to].map((key) => ed25519Verifier(parseVerifierKey(key!), SIGNATURES));
  assert.equal(openNote(parseNote(note!), verifiers).length, 2);
  const ids = [1, 2].map((byte) => signer(byte).key.key_id);
  const over = (await transparency.covering(receipt.seq))!;
  await record(ledger, 1);
  const after = await transparency.checkpointNow();
  assert.deepEqual(
    [before, over, after].map((one) => signersOf(one.note)),
    [[ids[0]], [ids[1], ids[0]], [ids[1]]],
  );
  assert.deepEqual(transparency.verifier_keys, [vkey(2), vkey(1)]);
  for (const { note: text } of [before, over, after])
    checkCheckpoint(parseNote(text), { log_keys: [...transparency.verifier_keys], algorithms: SIGNATURES });
  await rejectsWith('SIGNER_REFUSED', () => transparency.rotateSigningKey(signer(1)));
  await rejectsWith('SIGNER_REFUSED', () => transparency.rotateSigningKey(signer(3, 'other.example')));
  await ledger.close();
  await rejectsWith('SIGNER_REFUSED', () => openLedger(url, { signer: signer(1) }));
  const again = await openLedger(url, { signer: signer(2) });
  assert.deepEqual(again.transparency!.verifier_keys, [vkey(2), vkey(1)]);
  await again.close();
  const reader = await openLedger(url, { read_only: true });
  assert.deepEqual(reader.transparency!.verifier_keys, [vkey(2), vkey(1)]);
  await reader.close();
});

test('a process whose key another has rotated away stops signing, and says so', async (t) => {
  const url = `sqlite:${join(folder(t), 'ledger.db')}`;
  const left = await openLedger(url, { name: NAME, signer: signer(1) });
  const right = await openLedger(url, { signer: signer(1) });
  await right.transparency!.rotateSigningKey(signer(2));
  await record(left, 1);
  await rejectsWith('SIGNER_REFUSED', () => left.transparency!.checkpointNow());
  assert.equal(left.transparency!.fault?.code, 'SIGNER_REFUSED');
  assert.equal((await record(left, 2)).length, 2);
  assert.equal((await right.transparency!.checkpointNow()).size, (await left.head())!.seq + 1);
  await left.close();
  await right.close();
});

test('processes that append and sign at once make one history', async (t) => {
  const url = `sqlite:${join(folder(t), 'ledger.db')}`;
  const first = await openLedger(url, { name: NAME, signer: signer(1), checkpoint_interval_ms: 1 });
  const others = [
    await openLedger(url, { signer: signer(1), checkpoint_interval_ms: 1 }),
    await openLedger(url),
  ];
  const ledgers = [first, ...others];
  for (let round = 0; round < 9; round++) {
    await Promise.all(ledgers.map((ledger) => record(ledger, 1 + round * 5)));
    if (round % 3 === 0)
      await Promise.all(ledgers.slice(0, 2).map((ledger) => ledger.transparency!.checkpointNow()));
  }
  const head = (await first.head())!;
  const { size } = await others[0]!.transparency!.checkpointNow();
  assert.equal(size, head.seq + 1);
  const covered = await others[1]!.transparency!.waitFor(head.seq);
  assert.equal(covered.size, size, 'a process that does not sign learns of it');
  for (const ledger of ledgers) assert.equal(ledger.transparency!.fault, null);
  await Promise.all(ledgers.map((ledger) => ledger.close()));
  const reader = await openLedger(url, { read_only: true });
  const sizes: number[] = [];
  for await (const checkpoint of reader.transparency!.history()) sizes.push(checkpoint.size);
  assert.ok(sizes.length > 3);
  for (const from of sizes) await reader.transparency!.consistencyProof(from, size);
  await reader.close();
});

test('a key outlives the truncation of its announcement', async (t) => {
  const url = `file:${join(folder(t), 'ledger')}?segment_bytes_max=20000&segments_max=3`;
  const ledger = await openLedger(url, { name: NAME, signer: signer(1) });
  await ledger.transparency!.rotateSigningKey(signer(2));
  const receipts = [];
  for (let i = 0; i < 60; i++) receipts.push(...(await record(ledger, 10)));
  await ledger.close();
  const again = await openLedger(url, { signer: signer(2) });
  assert.ok((await again.store.firstSeq()) > 2, 'the records about keys are gone');
  assert.deepEqual(again.transparency!.verifier_keys, [vkey(2), vkey(1)]);
  assert.equal(again.transparency!.fault, null);
  const { size } = await again.transparency!.checkpointNow();
  assert.ok(size > 600);
  const message = await rejectsWith('TILE_MISSING', () => again.transparency!.bundle(0, 256));
  assert.match(message, /truncated/);
  assert.equal((await again.transparency!.tile({ level: 0, index: 0, width: 256 })).length, 8192);
  await again.transparency!.proofFile(receipts[0]!.seq);
  await again.close();
});

test('a rotation counts only with both signatures, from the active key, for this log', async () => {
  const chain = new KeyChain();
  const rotation = async (from: number, to: number) =>
    asRecord(await rotatedEvent(NAME, pair(from), pair(to)));
  assert.equal(chain.apply(0, await rotation(1, 2)), false, 'nothing was announced');
  assert.equal(chain.apply(1, asRecord(announcedEvent(NAME, vkey(1)))), true);
  assert.equal(
    chain.apply(2, asRecord(announcedEvent(NAME, vkey(3)))),
    false,
    'a second key is not announced',
  );
  assert.equal(chain.apply(3, await rotation(3, 4)), false, 'not from the active key');
  const good = await rotation(1, 2);
  const data = good.data as Record<string, string>;
  const [text, signatures] = data.note!.split('\n\n') as [string, string];
  const [one, other] = signatures.split('\n');
  const forged: Record<string, string>[] = [
    { ...data, note: `${text}\n\n${one}\n` },
    { ...data, note: `${text}\n\n${other}\n` },
    { ...data, note: data.note!.replace(NAME, 'acme.example/other') },
    { ...data, to: vkey(5) },
    { from: data.from!, to: data.to! },
  ];
  for (const [i, one_forged] of forged.entries())
    assert.equal(statementOf({ ...good, data: one_forged }), null, `forgery ${i}`);
  const foreign = { ...good, actor: { type: 'user', id: 'mallory' } } as LedgerRecord;
  assert.equal(statementOf(foreign), null, 'only the ledger speaks of its keys');
  assert.equal(chain.apply(4, good), true);
  assert.deepEqual(chain.keys, [vkey(2), vkey(1)]);
  assert.deepEqual([chain.retiredSince(4), chain.retiredSince(5)], [[vkey(1)], []]);
  assert.equal(chain.apply(5, await rotation(2, 1)), false, 'a retired key does not come back');
  assert.equal(rotationText('o', 'a', 'b'), 'indelible/key-rotation/v1\no\na\nb\n');
});
