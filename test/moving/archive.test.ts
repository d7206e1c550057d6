/** An archive follows its ledger, whatever fails meanwhile, and says how far it is behind. */
import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { IndelibleError } from '@indelible/core';
import { openMemoryAttachments } from '../../packages/indelible/src/attachments/memory.ts';
import { openArchive, openCopySource, openCopyTarget } from '../../packages/indelible/src/compose/moving.ts';
import {
  Archive,
  type ArchivedState,
  type ArchiveOptions,
  type ArchiveTarget,
} from '../../packages/indelible/src/moving/archive.ts';
import { openFaultyStore } from '../support/faulty-store.ts';
import { rejectsWith, signer, until } from '../transparency/support.ts';
import { assertSameBytes, fill, linesAt, makeAt, NAME, newFolder, openAt } from './support.ts';

const SILENT = { info() {}, warn() {}, error() {} };

/** A pause that is over at once, and remembered. */
function pauses(): { readonly taken: number[]; pause: NonNullable<ArchiveOptions['pause']> } {
  const taken: number[] = [];
  const pause = async (ms: number): Promise<void> => {
    taken.push(ms);
    await new Promise(setImmediate);
  };
  return { taken, pause };
}

/** A ledger that is being written, and an archive of it that is closed with the test. */
async function following(t: TestContext, options: Partial<ArchiveOptions> = {}, checkpoint_interval_ms = 1) {
  const folder = await newFolder(t);
  const [from_url, to_url] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  const ledger = await openAt(from_url, { signer: signer(), checkpoint_interval_ms });
  const from = await openCopySource(from_url);
  const archive = new Archive({
    from,
    openTarget: () => openCopyTarget(to_url),
    log: SILENT,
    pause: pauses().pause,
    ...options,
  });
  t.after(async () => {
    await archive.close();
    await from.close();
    await ledger.close();
  });
  return { ledger, archive, from_url, to_url };
}

test('it follows records, attachments and checkpoints as they come', async (t) => {
  const { ledger, archive, from_url, to_url } = await following(t);
  await fill(ledger, 20);
  archive.start();
  for (let round = 0; round < 3; round++) {
    await fill(ledger, 10);
    const { size } = await ledger.transparency!.checkpointNow();
    await until('the checkpoint is archived', () => archive.status.checkpoint_size >= size);
    assert.deepEqual(await archive.lag(), { records: 0, seconds: 0 });
  }
  await archive.close();
  assert.equal(archive.status.error, null);
  await assertSameBytes(from_url, to_url);
});

test('a checkpoint that follows its records later is archived without a new record', async (t) => {
  const { ledger, archive } = await following(t, {}, 3_600_000);
  archive.start();
  await fill(ledger, 10);
  await until('the records are archived', async () => archive.status.size === (await ledger.head())!.seq + 1);
  const { size } = archive.status;
  assert.ok(archive.status.checkpoint_size < size!);
  await ledger.transparency!.checkpointNow();
  await until('the checkpoint is archived', () => archive.status.checkpoint_size === size);
  assert.equal((await ledger.head())!.seq + 1, size, 'and nothing else came');
});

test('a log that is signed after its archive was begun has its checkpoints archived', async (t) => {
  const folder = await newFolder(t);
  const [from_url, to_url] = [`sqlite:${join(folder, 'from.db')}`, `sqlite:${join(folder, 'to.db')}`];
  await makeAt(from_url, 5);
  const from = await openCopySource(from_url);
  const openTarget = () => openCopyTarget(to_url);
  const archive = new Archive({ from, openTarget, log: SILENT, pause: pauses().pause });
  t.after(async () => {
    await archive.close();
    await from.close();
  });
  archive.start();
  await until('the records are archived', () => archive.status.size !== null);
  assert.equal(archive.status.checkpoint_size, 0);
  await makeAt(from_url, 5, { signer: signer() });
  const { length } = (await linesAt(from_url)).toString('utf8').trimEnd().split('\n');
  await until('its checkpoint is archived', () => archive.status.checkpoint_size === length);
  assert.equal(archive.status.error, null);
});

test('whoever lists ledgers is told how far the archive is: once a minute at most, and at the end', async (t) => {
  let now = 1_800_000_000_000;
  const told: number[] = [];
  const { ledger, archive } = await following(t, {
    clock: () => now,
    onArchived: async (store) => void told.push((await store.head())!.seq + 1),
  });
  const size = async (): Promise<number> => (await ledger.head())!.seq + 1;
  const archived = () => until('all is archived', async () => archive.status.size === (await size()));
  archive.start();
  await until('the first round', () => told.length === 1);
  await fill(ledger, 5);
  await archived();
  assert.equal(told.length, 1, 'not again within a minute');
  now += 60_000;
  await fill(ledger, 1);
  await until('a minute later', () => told.length === 2);
  await fill(ledger, 5);
  await archived();
  await archive.close();
  assert.deepEqual([told.length, told.at(-1)], [3, await size()]);
});

test('what fails is shown and tried again with growing pauses; recording never notices', async (t) => {
  const { taken, pause } = pauses();
  let refusals = 7;
  let target_url = '';
  const { ledger, archive, to_url } = await following(t, {
    pause,
    interval_ms: 100,
    clock: () => 1_800_000_000_000,
    openTarget: async () => {
      await fill(ledger, 1);
      if (refusals-- > 0) throw new IndelibleError('STORE_UNAVAILABLE', 'no route to the archive');
      return openCopyTarget(target_url);
    },
  });
  target_url = to_url;
  assert.equal(await archive.lag(), null, 'nothing is known before the archive was reached');
  archive.start();
  await until('the first failure', () => archive.status.error !== null);
  assert.deepEqual(archive.status.error, { code: 'STORE_UNAVAILABLE', message: 'no route to the archive' });
  assert.equal(archive.status.failing_since, 1_800_000_000_000);
  await until('it works again', () => archive.status.failing_since === null);
  assert.deepEqual(taken.slice(0, 7), [100, 200, 400, 800, 1600, 3200, 6400]);
  assert.equal(archive.status.error, null);
  assert.ok(archive.status.size! >= 9, 'everything recorded meanwhile');
});

test('pauses grow to a minute and no longer', async (t) => {
  const { taken, pause } = pauses();
  const { archive } = await following(t, {
    pause,
    interval_ms: 100,
    openTarget: async () => {
      throw new IndelibleError('STORE_UNAVAILABLE', 'no route');
    },
  });
  archive.start();
  await until('many tries', () => taken.length > 20);
  assert.equal(Math.max(...taken), 60_000);
  await rejectsWith('STORE_UNAVAILABLE', () => archive.once());
});

for (const fault of ['lost', 'landed'] as const) {
  test(`an append whose answer fails (${fault}) is neither lost nor written twice`, async (t) => {
    const store = await openFaultyStore();
    t.after(() => Object.getPrototypeOf(store).close());
    const close = async (): Promise<void> => {};
    const target: ArchiveTarget = {
      store: Object.defineProperty(store, 'close', { value: close }),
      attachments: openMemoryAttachments(),
      openProofs: async () => null,
      close,
    };
    const { ledger, archive } = await following(t, { openTarget: async () => target });
    await fill(ledger, 5);
    store.faults.push(null, fault);
    await archive.once();
    await fill(ledger, 5);
    archive.start();
    await until('all is archived', async () => (await archive.lag())?.records === 0);
    let expected = 0;
    for await (const batch of store.read(0)) {
      assert.equal(batch.first_seq, expected);
      expected += batch.ends.length;
    }
    assert.equal(expected, (await ledger.head())!.seq + 1);
  });
}

test('what the archive holds is shown after it came; what is put off is shown later', async (t) => {
  const shown: (ArchivedState & { readonly last: boolean })[] = [];
  let url = '';
  let put_off = 2;
  const { ledger, archive, to_url } = await following(t, {
    openTarget: async () => ({
      ...(await openCopyTarget(url)),
      publish: async (state, last) => {
        shown.push({ ...state, last });
        return last || put_off-- <= 0;
      },
    }),
  });
  url = to_url;
  await fill(ledger, 5);
  await ledger.transparency!.checkpointNow();
  const { size } = await archive.once();
  assert.deepEqual(shown.splice(0), [{ ledger: NAME, size, checkpoint_size: size, last: true }]);
  await archive.once();
  assert.equal(shown.length, 0, 'nothing came');
  await fill(ledger, 5);
  archive.start();
  await until('it is shown', () => put_off < 0);
  assert.deepEqual(
    shown.map(({ last }) => last),
    [false, false, false],
  );
  assert.equal(shown.at(-1)!.size, size! + 5);
});

test('the lag counts records, and seconds since the oldest of them was recorded', async (t) => {
  const folder = await newFolder(t);
  const [from_url, to_url] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  let now = 1_800_000_000_000;
  const ledger = await openAt(from_url, { clock: () => now });
  const archive = await openArchive({
    from_url,
    to_url,
    log: SILENT,
    clock: () => now,
    opened: { store: ledger.store, attachments: ledger.attachments },
  });
  await archive.once();
  now += 10_000;
  await ledger.record({ action: 'a' });
  now += 30_000;
  await ledger.record({ action: 'b' });
  now += 5_000;
  assert.deepEqual(await archive.lag(), { records: 2, seconds: 35 });
  await archive.close();
  assert.equal((await ledger.record({ action: 'c' })).seq, 3, 'closing the archive leaves the ledger open');
  await ledger.close();
});

test('an archive that is begun says so once, and what that records is archived', async (t) => {
  const folder = await newFolder(t);
  const [from_url, to_url] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from_url, 5);
  let begun = 0;
  const archiveOnce = async (): Promise<void> => {
    const onBegin = async (): Promise<void> => {
      begun++;
      await makeAt(from_url, 1);
    };
    const archive = await openArchive({ from_url, to_url, log: SILENT, onBegin });
    await archive.once();
    await archive.close();
  };
  await archiveOnce();
  await archiveOnce();
  assert.equal(begun, 1);
  await assertSameBytes(from_url, to_url);
});

test('a ledger that is damaged is archived up to the damage, and the status says why', async (t) => {
  const folder = await newFolder(t);
  const [from_url, to_url] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from_url, 50);
  const segment = join(folder, 'from', 'segments', '00000000000000000000.jsonl');
  const lines = (await linesAt(from_url)).toString('utf8').trimEnd().split('\n');
  lines[30] = lines[30]!.replace('load.step', 'load.stop');
  await writeFile(segment, `${lines.join('\n')}\n`);
  const archive = await openArchive({ from_url, to_url, log: SILENT });
  t.after(() => archive.close());
  archive.start();
  await until('it fails', () => archive.status.error !== null);
  assert.equal(archive.status.error!.code, 'LEDGER_DAMAGED');
  assert.match(archive.status.error!.message, /^record 30 /);
});
