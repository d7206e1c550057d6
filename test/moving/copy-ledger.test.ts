/** Copying from a program: one call, with what the command does. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { copyLedger } from '../../packages/indelible/src/compose/copy-ledger.ts';
import { rejectsWith, signer } from '../transparency/support.ts';
import { assertSameBytes, fill, KEYS, linesAt, makeAt, newFolder, openAt } from './support.ts';

test('an open ledger is copied, which it records; the copy is verified, and goes on later', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  const ledger = await openAt(from, { signer: signer() });
  t.after(() => ledger.close());
  await fill(ledger, 30);
  const seen: string[] = [];
  const copied = await copyLedger(from, to, {
    record_in: ledger,
    onProgress: () => void seen.push('copied'),
    onVerifying: () => void seen.push('verified'),
  });
  const head = (await ledger.head())!;
  assert.deepEqual(
    [copied.resumed_at, copied.copied, copied.head],
    [0, head.seq + 1, { seq: head.seq, hash: head.hash }],
  );
  assert.deepEqual([copied.report?.ok, copied.report?.graded.root], [true, copied.root]);
  assert.deepEqual([...new Set(seen)], ['copied', 'verified']);
  await assertSameBytes(from, to);
  const [begun] = await ledger.get([head.seq]);
  assert.deepEqual(
    [begun!.record.action, begun!.record.data],
    ['ledger.copy_begun', { to: 'sqlite:to.db', copy_head: null, continuous: false }],
  );

  await fill(ledger, 3);
  const later = await copyLedger(from, to, { verify: false });
  assert.deepEqual([later.resumed_at, later.copied, later.report, later.root], [head.seq + 1, 3, null, null]);
  await assertSameBytes(from, to);
});

test('what differs is said before anything is recorded or written, and a wrong secret before a place is made', async (t) => {
  const folder = await newFolder(t);
  const [from, to, other] = ['from', 'to', 'other'].map((name) => `file:${join(folder, name)}`);
  await makeAt(from!, 5, { keys: KEYS });
  await rejectsWith('KEY_REQUIRED', () => copyLedger(from!, to!));
  await rejectsWith('LEDGER_NOT_FOUND', () => linesAt(to!));
  await rejectsWith('USAGE', () => copyLedger(from!, from!));
  await copyLedger(from!, to!, { keys: KEYS });
  await makeAt(to!, 2, { keys: KEYS });
  const ledger = await openAt(from!, { keys: KEYS });
  t.after(() => ledger.close());
  const [ours, theirs] = [await linesAt(from!), await linesAt(to!)];
  await rejectsWith('COPY_DIVERGED', () => copyLedger(from!, to!, { keys: KEYS, record_in: ledger }));
  assert.deepEqual([await linesAt(from!), await linesAt(to!)], [ours, theirs]);
  await rejectsWith('LEDGER_NOT_FOUND', () => copyLedger(other!, to!));
});
