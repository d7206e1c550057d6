/** What an archive says, and does not do twice, while it fails or is interrupted. */
import assert from 'node:assert/strict';
import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { openMemoryAttachments } from '../../packages/indelible/src/attachments/memory.ts';
import { openArchive, openCopySource, openCopyTarget } from '../../packages/indelible/src/compose/moving.ts';
import { ArchivePublisher } from '../../packages/indelible/src/compose/publish-archive.ts';
import {
  Archive,
  type ArchivedState,
  type ArchiveTarget,
} from '../../packages/indelible/src/moving/archive.ts';
import { openFaultyStore } from '../support/faulty-store.ts';
import { signer, until } from '../transparency/support.ts';
import { copyBetween, fill, linesAt, makeAt, NAME, newFolder, openAt } from './support.ts';

const SILENT = { info() {}, warn() {}, error() {} };
const DAY_MS = 86_400_000;
const pause = () => new Promise<void>(setImmediate);

test('that it is begun is recorded once, however often the first record fails to come', async (t) => {
  const folder = await newFolder(t);
  const from_url = `file:${join(folder, 'from')}`;
  await makeAt(from_url, 5);
  const store = await openFaultyStore();
  store.faults.push('lost', 'lost', 'lost');
  const close = async (): Promise<void> => {};
  const target: ArchiveTarget = {
    store,
    attachments: openMemoryAttachments(),
    openProofs: async () => null,
    close,
  };
  let begun = 0;
  const onBegin = async () => void begun++;
  const from = await openCopySource(from_url);
  const archive = new Archive({ from, openTarget: async () => target, onBegin, log: SILENT, pause });
  t.after(async () => {
    await archive.close();
    await from.close();
    await store.close();
  });
  archive.start();
  await until('all is archived', async () => (await archive.lag())?.records === 0);
  assert.deepEqual([store.faults.length, begun], [0, 1]);
});

test('the lag of an archive that lost records goes on from the oldest that is left', async (t) => {
  const folder = await newFolder(t);
  const from_url = `file:${join(folder, 'from')}?segment_bytes_max=20000&segments_max=2`;
  let now = 1_800_000_000_000;
  const clock = () => now;
  const ledger = await openAt(from_url, { clock });
  const opened = { store: ledger.store, attachments: ledger.attachments };
  const to_url = `sqlite:${join(folder, 'to.db')}`;
  const archive = await openArchive({ from_url, to_url, opened, log: SILENT, clock });
  t.after(async () => {
    await archive.close();
    await ledger.close();
  });
  const { size } = await archive.once();
  for (let i = 0; i < 6; i++) await fill(ledger, 100);
  assert.ok((await ledger.store.firstSeq()) > size!, 'records that the archive lacks are gone');
  now += 3 * DAY_MS;
  await ledger.record({ action: 'goes.on' });
  archive.start();
  await until('it fails', () => archive.status.error?.code === 'COPY_GAP');
  const lag = await archive.lag();
  assert.equal(lag?.seconds, (3 * DAY_MS) / 1000);
  assert.equal(lag?.records, (await ledger.head())!.seq + 1 - size!);
});

test('the lag of an archive that fails grows, though it was never reached, or nothing new was recorded', async (t) => {
  const folder = await newFolder(t);
  const from_url = `file:${join(folder, 'from')}`;
  await makeAt(from_url, 5, { signer: signer() });
  const from = await openCopySource(from_url);
  let now = 1_800_000_000_000;
  let reachable = false;
  const archive = new Archive({
    from,
    openTarget: async () => {
      if (!reachable) throw new IndelibleError('STORE_UNAVAILABLE', 'no route');
      const refuse = async () => {
        throw new IndelibleError('STORE_READ_ONLY', 'not to be shown');
      };
      return { ...(await openCopyTarget(`sqlite:${join(folder, 'to.db')}`)), publish: refuse };
    },
    log: SILENT,
    clock: () => now,
    pause,
  });
  t.after(async () => {
    await archive.close();
    await from.close();
  });
  archive.start();
  await until('it fails', () => archive.status.failing_since !== null);
  now += DAY_MS;
  assert.deepEqual(await archive.lag(), { records: null, seconds: DAY_MS / 1000 });
  reachable = true;
  await until('it cannot be shown', () => archive.status.error?.code === 'STORE_READ_ONLY');
  assert.deepEqual(await archive.lag(), { records: 0, seconds: DAY_MS / 1000 });
  await archive.close();
});

test('a record that cannot be read counts since it cannot be archived', async (t) => {
  const folder = await newFolder(t);
  const from_url = `file:${join(folder, 'from')}`;
  await makeAt(from_url, 20);
  const lines = (await linesAt(from_url)).toString('utf8').trimEnd().split('\n');
  lines[0] = lines[0]!.replace('"seq":0,', '"seq":x,');
  await writeFile(join(folder, 'from', 'segments', '00000000000000000000.jsonl'), `${lines.join('\n')}\n`);
  const from = await openCopySource(from_url);
  const { lagOf } = await import('../../packages/indelible/src/moving/archive-lag.ts');
  assert.deepEqual(await lagOf(from.store, { size: 0, failing_since: 5000 }, 65_000), {
    records: lines.length,
    seconds: 60,
  });
  await from.close();
});

test('an interrupted round says how far it came', async (t) => {
  const folder = await newFolder(t);
  const from_url = `file:${join(folder, 'from')}`;
  const ledger = await openAt(from_url);
  // More than is appended at once.
  for (let i = 0; i < 30; i++) await ledger.record({ action: 'a.b', data: { text: 'x'.repeat(50_000) } });
  await ledger.close();
  const from = await openCopySource(from_url);
  const to_url = `sqlite:${join(folder, 'to.db')}`;
  const interruption = new AbortController();
  const { store } = from;
  const read = store.read.bind(store);
  const stepwise = async function* (first: number, stop?: number) {
    for (let seq = first; seq < (stop ?? 0); seq++) {
      if (seq === 28) interruption.abort();
      yield* read(seq, seq + 1);
    }
  };
  Object.defineProperty(store, 'read', { value: stepwise });
  const openTarget = () => openCopyTarget(to_url);
  const archive = new Archive({ from, openTarget, log: SILENT, pause });
  await assert.rejects(() => archive.once(interruption.signal), { name: 'AbortError' });
  await archive.close();
  await from.close();
  const there = (await linesAt(to_url)).toString('utf8').trimEnd().split('\n').length;
  assert.ok(there > 0 && there <= 28, `${there}`);
  assert.equal(archive.status.size, there);
});

test('a clock that is set back puts off neither telling nor publishing', async (t) => {
  const folder = await newFolder(t);
  const [from_url, to_url] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  let now = 1_800_000_000_000;
  const clock = () => now;
  await makeAt(from_url, 5, { signer: signer() });
  const from = await openCopySource(from_url);
  const url = `file:${join(folder, 'shown')}`;
  const shown: boolean[] = [];
  let told = 0;
  const openTarget = async (): Promise<ArchiveTarget> => {
    const target = await openCopyTarget(to_url);
    const { store: archive, openProofs } = target;
    const publisher = new ArchivePublisher({ url, records: from.store, archive, openProofs, clock });
    const publish = async (state: ArchivedState, last: boolean): Promise<boolean> => {
      const done = await publisher.publish(state, last);
      if (!last) shown.push(done);
      return done;
    };
    return { ...target, publish };
  };
  const onArchived = async () => void told++;
  const archive = new Archive({ from, openTarget, onArchived, log: SILENT, clock, pause });
  t.after(async () => {
    await archive.close();
    await from.close();
  });
  archive.start();
  await until('the first round', () => told === 1 && shown.includes(true));
  shown.length = 0;
  now -= DAY_MS;
  await makeAt(from_url, 5, { signer: signer() });
  await until('the second is told', () => told === 2);
  await until('and shown', () => shown.includes(true));
  await archive.close();
});

test('an archive that is opened again reads on a little below its newest checkpoint', async (t) => {
  const folder = await newFolder(t);
  const [from_url, to_url] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  const ledger = await openAt(from_url, { signer: signer() });
  for (let i = 0; i < 100; i++) {
    await ledger.record({ action: 'a.b' });
    await ledger.transparency!.checkpointNow();
  }
  await ledger.close();
  const once = async (): Promise<number> => {
    const from = await openCopySource(from_url);
    const { history } = (await from.openProofs())!;
    const atLeast = history.atLeast.bind(history);
    let asked = 0;
    const counted = (size: number) => {
      asked++;
      return atLeast(size);
    };
    Object.defineProperty(history, 'atLeast', { value: counted });
    const archive = new Archive({ from, openTarget: () => openCopyTarget(to_url), log: SILENT, pause });
    const { size, checkpoint_size } = await archive.once();
    await archive.close();
    await from.close();
    assert.equal(checkpoint_size, size);
    return asked;
  };
  assert.ok((await once()) > 100);
  const again = await once();
  assert.ok(again < 70, `${again}`);
});

test('entries that were truncated in the log are shown from the archive', async (t) => {
  const folder = await newFolder(t);
  const bounded = `file:${join(folder, 'from')}?segment_bytes_max=20000&segments_max=2`;
  const to_url = `sqlite:${join(folder, 'to.db')}`;
  for (let i = 0; i < 6; i++) {
    await makeAt(bounded, 100, { signer: signer() });
    await copyBetween(bounded, to_url, { whole: false });
  }
  const [from, target] = [await openCopySource(bounded), await openCopyTarget(to_url)];
  assert.ok((await from.store.firstSeq()) > 256);
  const { size } = (await (await target.openProofs())!.history.newest())!;
  const shown = join(folder, 'shown');
  const { store: archive, openProofs } = target;
  const publisher = new ArchivePublisher({ url: `file:${shown}`, records: from.store, archive, openProofs });
  await publisher.publish({ ledger: NAME, size, checkpoint_size: size }, true);
  await publisher.close();
  await target.close();
  await from.close();
  const entries = await readdir(join(shown, 'tile', 'entries'));
  assert.deepEqual(entries.sort(), ['000', '001', '002.p']);
});
