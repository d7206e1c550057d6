/** Copying a ledger: the same bytes, the same proofs, and never over another's. */
import assert from 'node:assert/strict';

import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { GENESIS_HASH } from '@indelible/core';
import { parseLedgerUrl } from '../../packages/indelible/src/compose/ledger-url.ts';
import { refuseSamePlace } from '../../packages/indelible/src/compose/moving.ts';
import { openAttachments, openStore } from '../../packages/indelible/src/compose.ts';
import { AttachmentCarrier } from '../../packages/indelible/src/moving/attachment-carrier.ts';
import type { LineBatch, LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { batchOf, type SealedLine, sealChain, sealLine } from '../support/chain.ts';
import { check, rejectsWith, signer } from '../transparency/support.ts';
import {
  assertSameBytes,
  copyBetween,
  fill,
  KEYS,
  linesAt,
  makeAt,
  NAME,
  newFolder,
  openAt,
} from './support.ts';

const SCHEMES = ['file', 'sqlite'] as const;

for (const from_scheme of SCHEMES) {
  for (const to_scheme of SCHEMES) {
    test(`${from_scheme} to ${to_scheme}: the same bytes, attachments and root; a second run adds what is new`, async (t) => {
      const folder = await newFolder(t);
      const [from, to] = [`${from_scheme}:${join(folder, 'from')}`, `${to_scheme}:${join(folder, 'to')}`];
      await makeAt(from, 300, { signer: signer() });
      const first = await copyBetween(from, to);
      assert.equal(first.copied, first.records);
      assert.deepEqual([first.resumed_at, first.attachments], [0, 1]);
      assert.match(first.root ?? '', /^[0-9a-f]{64}$/);
      await assertSameBytes(from, to);

      await makeAt(from, 200, { signer: signer() });
      const second = await copyBetween(from, to);
      assert.deepEqual([second.resumed_at, second.copied, second.attachments], [first.records, 200, 1]);
      await assertSameBytes(from, to);

      const third = await copyBetween(from, to);
      assert.deepEqual([third.copied, third.attachments, third.checkpoints], [0, 0, 0]);
      assert.equal(third.root, second.root, 'nothing new, and all of it compared again');
    });
  }
}

test('proofs made before the copy hold against it, and it goes on signing without a fork', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  const ledger = await openAt(from, { signer: signer() });
  await fill(ledger, 40);
  const early = await ledger.transparency!.checkpointNow();
  await fill(ledger, 300);
  await ledger.transparency!.checkpointNow();
  const [stored] = await ledger.get([17]);
  const proof = await ledger.proof({ seq: 17, hash: stored!.hash });
  await ledger.close();

  const { checkpoint_size, records, checkpoints } = await copyBetween(from, to);
  assert.equal(checkpoint_size, records, 'the last checkpoint covers the last record');
  assert.ok(checkpoints >= 2);

  const copy = await openAt(to, { signer: signer() });
  const { transparency } = copy;
  assert.equal(transparency!.fault, null);
  assert.deepEqual(await transparency!.covering(early.size - 1), early, 'the history came along');
  assert.equal(await copy.proof({ seq: 17, hash: stored!.hash }), proof, 'the very same proof');
  assert.equal(check(proof, stored!.hash, transparency!.verifier_keys).index, 17);
  await fill(copy, 100);
  const later = await transparency!.checkpointNow();
  assert.equal(later.size, records + 100);
  const consistent = await transparency!.consistencyProof(early.size, later.size);
  assert.ok(consistent.length > 0, 'what was shown before is a part of what is shown now');
  await copy.close();
});

test('a keyed ledger is verified with its keys on the way, and refused without', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`sqlite:${join(folder, 'from.db')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 50, { keys: KEYS, signer: signer() });
  await rejectsWith('KEY_REQUIRED', () => copyBetween(from, to));
  const wrong = [{ key_id: 'k1', secret: new Uint8Array(32).fill(8) }];
  await rejectsWith('KEY_WRONG', () => copyBetween(from, to, { keys: wrong }));
  await copyBetween(from, to, { keys: KEYS });
  await makeAt(from, 20, { keys: KEYS });
  const resumed = await copyBetween(from, to, { keys: KEYS, whole: false });
  assert.deepEqual([resumed.copied, resumed.root], [20, null]);
  await assertSameBytes(from, to);
});

test('an interrupted copy goes on where it stopped, whatever was under way', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 12_000);
  const stop = new AbortController();
  const interrupted = copyBetween(from, to, {
    signal: stop.signal,
    onProgress: ({ copied }) => (copied > 0 ? stop.abort() : undefined),
  });
  await assert.rejects(interrupted, { name: 'AbortError' });
  const store = await openStore(to, { read_only: true });
  const partly = (await store.head())!.seq + 1;
  await store.close();
  assert.ok(partly > 0 && partly < 12_001, `${partly} records were copied before`);
  const { resumed_at, copied } = await copyBetween(from, to);
  assert.deepEqual([resumed_at, copied], [partly, 12_001 - partly]);
  await assertSameBytes(from, to);
});

test('what is appended while it is copied is left for the next run', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`sqlite:${join(folder, 'from.db')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 3000, { signer: signer() });
  const writer = await openAt(from, { signer: signer() });
  const before = (await writer.head())!;
  let written: Promise<unknown> | null = null;
  const first = await copyBetween(from, to, {
    onProgress: () => {
      written ??= fill(writer, 10);
    },
  });
  await written;
  assert.deepEqual(first.head, before);
  assert.ok(first.checkpoint_size <= before.seq + 1, 'no checkpoint over records that the copy lacks');
  await writer.close();
  assert.equal((await copyBetween(from, to)).copied, 10);
  await assertSameBytes(from, to);
});

test('what is recorded when nothing speaks against copying is in the copy, too', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 10);
  const onBegin = async () => makeAt(from, 1);
  assert.equal((await copyBetween(from, to, { onBegin })).records, 12);
  await assertSameBytes(from, to);
});

test('another ledger in the target is refused, and so is a place onto itself; nothing changes', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 10);
  const store = await openStore(to);
  const { bytes, ends } = batchOf(sealChain({ length: 3, ledger: 'other/ledger' }));
  await store.append({ first_seq: 0, bytes, ends }, null);
  await store.close();
  const before = await linesAt(to);
  const message = await rejectsWith('LEDGER_EXISTS', () => copyBetween(from, to));
  assert.match(message, /holds the ledger other\/ledger, not acme\.example\/prod/);
  assert.deepEqual(await linesAt(to), before);
  await rejectsWith('USAGE', () =>
    refuseSamePlace(from, `file:${folder}/../${folder.split('/').at(-1)}/from`),
  );
  await rejectsWith('USAGE', () => refuseSamePlace(from, 'memory:'));
  await rejectsWith('USAGE', () =>
    refuseSamePlace('postgres://ann:secret@db/x?ledger=a', 'postgresql://bob@db/x?local=./else&ledger=a'),
  );
  for (const [one, other] of [
    ['s3://bucket/clip?endpoint=http://x', 's3://bucket/clip/?endpoint=http://x&lock=none'],
    ['nats://B:4222,a/S?replicas=1', 'nats://a:4222,b/S?tls=required'],
  ] as const) {
    await rejectsWith('USAGE', () => refuseSamePlace(one, other));
    const [first, second] = [one, other].map((url) => (parseLedgerUrl(url) as { local: string }).local);
    assert.equal(first, second, 'one folder on this machine');
  }
  refuseSamePlace('nats://a/S', 'nats://a/T');
  refuseSamePlace(from, to);
});

/** Other records in place of those from `first` on, up to `end`. */
function branchOf(lines: readonly SealedLine[], first: number, end: number): SealedLine[] {
  const branch: SealedLine[] = [];
  for (let seq = first; seq < end; seq++) {
    const before = branch.at(-1) ?? lines[seq - 1];
    branch.push(sealLine(seq, before?.hash ?? GENESIS_HASH, { ledger: NAME }, { action: 'other.step' }));
  }
  return branch;
}

/** Two ledgers of one name that are alike up to a record, and then not. */
async function forked(folder: string, length: number, differing: number): Promise<[string, string]> {
  const urls: [string, string] = [`file:${join(folder, 'left')}`, `file:${join(folder, 'right')}`];
  const left = sealChain({ length, ledger: NAME });
  const right = [...left.slice(0, differing), ...branchOf(left, differing, length + 7)];
  for (const [i, lines] of [left, right].entries()) {
    const store = await openStore(urls[i]!);
    await store.append({ first_seq: 0, ...batchOf(lines) }, null);
    await store.close();
  }
  return urls;
}

for (const differing of [0, 1, 2, 499, 500, 998, 999]) {
  test(`a copy that differs from record ${differing} on is named by that number, in both directions`, async (t) => {
    const [left, right] = await forked(await newFolder(t), 1000, differing);
    const before = await linesAt(right);
    for (const [from, to] of [
      [left, right],
      [right, left],
    ] as const) {
      await assert.rejects(
        () => copyBetween(from, to),
        (error: { code: string; details: unknown }) => {
          assert.equal(error.code, 'COPY_DIVERGED');
          assert.deepEqual(error.details, { first_differing_seq: differing });
          return true;
        },
      );
    }
    assert.deepEqual(await linesAt(right), before);
  });
}

test('pitfall 11: a copy that has more than the log tells that the log was cut', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  const lines = sealChain({ length: 20, ledger: NAME });
  for (const [url, length] of [
    [from, 15],
    [to, 20],
  ] as const) {
    const store = await openStore(url);
    await store.append({ first_seq: 0, ...batchOf(lines.slice(0, length)) }, null);
    await store.close();
  }
  const message = await rejectsWith('COPY_DIVERGED', () => copyBetween(from, to));
  assert.match(message, /differ from record 15 on: .* has 5 more/);
});

test('nothing is copied from the first record on that does not fit, also behind what was copied before', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  const lines = sealChain({ length: 3000, ledger: NAME });
  const store = await openStore(from);
  await store.append({ first_seq: 0, ...batchOf(lines.slice(0, 1000)) }, null);
  await copyBetween(from, to);
  const body = lines[2000]!.body.replace('step 2000', 'step 2001');
  const changed = lines.with(2000, { ...lines[2000]!, body });
  await store.append(
    { first_seq: 1000, ...batchOf(changed.slice(1000)) },
    { seq: 999, hash: lines[999]!.hash },
  );
  await store.close();
  for (const whole of [true, false]) {
    const message = await rejectsWith('LEDGER_DAMAGED', () => copyBetween(from, to, { whole }));
    assert.match(message, /^record 2000 /);
    const target = await openStore(to, { read_only: true });
    assert.ok((await target.head())!.seq < 2000);
    await target.close();
  }
});

test('a record whose attachment is gone is not copied: a copy without it would only look like one', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 10);
  await rm(join(folder, 'from', 'attachments'), { recursive: true });
  await rejectsWith('ATTACHMENT_MISSING', () => copyBetween(from, to));
  assert.equal((await linesAt(to)).length, 0);
});

test('what lies under the name of an attachment in the copy, and is something else, is replaced', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 10);
  const attachments = openAttachments(from, { read_only: true });
  const digests: string[] = [];
  for await (const digest of attachments.list()) digests.push(digest);
  const digest = digests[0]!;
  const hex = digest.slice('sha-256:'.length);
  const path = join('attachments', hex.slice(0, 2), hex);
  await mkdir(join(folder, 'to', path, '..'), { recursive: true });
  await writeFile(join(folder, 'to', path), 'something else');
  const target = openAttachments(to);
  const carrier = new AttachmentCarrier(attachments, target);
  const { length: size } = await attachments.get(digest);
  for (const seq of [1, 2]) await carrier.carry({ digest, size, media_type: 'application/json', seq });
  assert.equal(carrier.count, 1);
  assert.deepEqual(await target.get(digest), await attachments.get(digest));
  await Promise.all([attachments.close(), target.close()]);
  // The folder says what it has replaced.
  assert.match(
    await rejectsWith('COPY_DIFFERS', () => copyBetween(from, to)),
    /was altered, and has been replaced/,
  );
});

test('a truncated log is copied with its tree, so that its proofs still hold; a copy that lags behind is told', async (t) => {
  const folder = await newFolder(t);
  const from = `file:${join(folder, 'from')}?segment_bytes_max=20000&segments_max=3`;
  const [to, late] = [`file:${join(folder, 'to')}`, `sqlite:${join(folder, 'late.db')}`];
  const ledger = await openAt(from, { signer: signer() });
  for (let i = 0; i < 10; i++) await ledger.record({ action: 'load.step', data: { i } });
  await copyBetween(from, late);
  for (let i = 0; i < 40; i++)
    await Promise.all(Array.from({ length: 10 }, () => ledger.record({ action: 'a' })));
  await ledger.close();
  const { first_seq, head, root } = await copyBetween(from, to);
  assert.ok(first_seq > 10, 'something was evicted');
  assert.equal(root, null, 'leaves that are gone cannot be hashed');
  const copy = await openAt(to, { signer: signer() });
  assert.equal(copy.transparency!.fault, null);
  const [stored] = await copy.get([head.seq]);
  const proof = await copy.proof({ seq: head.seq, hash: stored!.hash });
  assert.equal(check(proof, stored!.hash, copy.transparency!.verifier_keys).index, head.seq);
  await copy.record({ action: 'goes.on' });
  await copy.close();

  await rejectsWith('COPY_GAP', () => copyBetween(from, late));
});

test('a log that was truncated just behind the copy is still its continuation', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  const lines = sealChain({ length: 30, ledger: NAME });
  const put = async (url: string, first: number, last: number): Promise<void> => {
    const store = await openStore(url);
    await store.append({ first_seq: first, ...batchOf(lines.slice(first, last)) }, null);
    await store.close();
  };
  await put(from, 10, 30);
  await put(to, 0, 10);
  assert.equal((await copyBetween(from, to, { whole: false })).copied, 20);
  // As long, and of the same name, and another.
  const other = `file:${join(folder, 'other')}`;
  lines.splice(5, 25, ...branchOf(lines, 5, 10));
  await put(other, 0, 10);
  await rejectsWith('COPY_DIVERGED', () => copyBetween(from, other, { whole: false }));
});

test('what does not follow the last record of the copy is not copied behind it', async (t) => {
  const folder = await newFolder(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  const lines = sealChain({ length: 10, ledger: NAME });
  const elsewhere = branchOf(lines, 5, 30);
  for (const [url, all] of [
    [from, [...lines, ...elsewhere.slice(5)]],
    [to, lines],
  ] as const) {
    const store = await openStore(url);
    await store.append({ first_seq: 0, ...batchOf(all) }, null);
    await store.close();
  }
  const message = await rejectsWith('LEDGER_DAMAGED', () => copyBetween(from, to, { whole: false }));
  assert.match(message, /^record 10 /);
  assert.equal((await linesAt(to)).toString().trimEnd().split('\n').length, 10);
});

/** Between two batches, another process copies the same log to the same place. */
function disturbed(store: LogStore, disturb: (batch: LineBatch) => Promise<void>): LogStore {
  const changed = Object.create(store) as LogStore & { append: LogStore['append'] };
  let disturbances = 0;
  changed.append = async (batch, expected) => {
    if (disturbances++ === 0) await disturb(batch);
    return store.append(batch, expected);
  };
  for (const name of ['head', 'get', 'read', 'firstSeq'] as const)
    Object.defineProperty(changed, name, { value: store[name].bind(store) });
  Object.defineProperty(changed, 'url', { value: store.url });
  return changed;
}

test('two processes that copy the same log to the same place do not hinder each other', async (t) => {
  const { copyLog } = await import('../../packages/indelible/src/moving/copy.ts');
  const { openCopySource, openCopyTarget } = await import('../../packages/indelible/src/compose/moving.ts');
  const folder = await newFolder(t);
  const [from_url, to_url] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  await makeAt(from_url, 500);
  const from = await openCopySource(from_url);
  const to = await openCopyTarget(to_url);
  const store = disturbed(to.store, async ({ bytes, ends, first_seq }) => {
    const end = ends[99]!;
    await to.store.append(
      { first_seq, bytes: bytes.slice(0, end), ends: Array.from(ends).slice(0, 100) },
      null,
    );
  });
  const { records, copied } = await copyLog({ from, to: { ...to, store } });
  assert.deepEqual([records, copied], [501, 401]);
  await from.close();
  await to.close();
  await assertSameBytes(from_url, to_url);
});
