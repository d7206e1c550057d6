import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { type TestContext, test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import { nodeFileSystem, OPEN } from '../../packages/indelible/src/stores/file/file-system.ts';
import {
  appendNext,
  batchOf,
  failingFileSystem,
  headOf,
  lineOf,
  readAll,
  segmentFiles,
  segmentPath,
  temporaryFolder,
  textsOf,
} from './support/file-ledger.ts';

/** A closed ledger of `segments` segments with 4 records each. */
async function ledgerOf(t: TestContext, segments: number): Promise<string> {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir, segment_bytes_max: 1 });
  for (let i = 0; i < segments; i++) await appendNext(store, 4);
  await store.close();
  return dir;
}

async function refusesToAppend(dir: string): Promise<void> {
  await assert.rejects(openFileStore({ dir }), (e) => isIndelibleError(e, 'LEDGER_DAMAGED'));
}

test('pitfall 9: restart right after rotation is no new genesis', async (t) => {
  const dir = await ledgerOf(t, 2);
  fs.writeFileSync(segmentPath(dir, 8), '');
  const store = await openFileStore({ dir });
  assert.deepEqual(await store.head(), headOf(batchOf(4, 4)));
  const reader = await openFileStore({ dir, read_only: true });
  assert.deepEqual(await reader.head(), headOf(batchOf(4, 4)));
  await appendNext(store, 2);
  assert.deepEqual((await readAll(store.read(0))).texts, textsOf(0, 10));
  assert.equal(segmentFiles(dir).length, 3);
  assert.deepEqual(await store.inspect(), []);
  await Promise.all([store.close(), reader.close()]);
});

test('pitfall 9: an empty last segment without its predecessor is damage, no new genesis', async (t) => {
  const dir = await ledgerOf(t, 2);
  fs.writeFileSync(segmentPath(dir, 8), '');
  for (const first_seq of [4, 0]) fs.unlinkSync(segmentPath(dir, first_seq));
  await refusesToAppend(dir);
});

test('pitfall 10: a log that begins later, after an eviction, opens and goes on', async (t) => {
  const dir = await ledgerOf(t, 3);
  const store = await openFileStore({ dir, segments_max: 2, segment_bytes_max: 1 });
  await store.truncation?.truncate((await store.truncation.due()) ?? assert.fail('a truncation is due'));
  await store.close();
  const again = await openFileStore({ dir, segments_max: 2, segment_bytes_max: 1 });
  assert.equal(await again.firstSeq(), 4);
  await appendNext(again, 4);
  assert.deepEqual(await again.inspect(), []);
  await again.close();
});

test('pitfall 10: eviction counts no empty segment, which holds no head', async (t) => {
  const dir = await ledgerOf(t, 2);
  fs.writeFileSync(segmentPath(dir, 8), '');
  const store = await openFileStore({ dir, segments_max: 1 });
  assert.equal(await store.truncation?.due(), 4);
  await store.truncation?.truncate(4);
  await store.close();
  const again = await openFileStore({ dir });
  assert.equal((await again.head())?.seq, 7);
  await again.close();
});

for (const torn of [
  '{"ha',
  Buffer.from(lineOf(4)).subarray(0, -1),
  Buffer.alloc(200_000),
  Buffer.alloc(2_500_000, 120),
]) {
  test(`a torn last line of ${torn.length} bytes is cut, kept aside and reported`, async (t) => {
    const dir = await ledgerOf(t, 1);
    fs.appendFileSync(segmentPath(dir, 0), torn);
    const logged: unknown[] = [];
    const store = await openFileStore({ dir, log: { warn: (facts) => logged.push(facts.code) } });
    assert.deepEqual(await store.head(), headOf(batchOf(0, 4)));
    assert.deepEqual(logged, ['torn_tail']);
    const [finding, ...others] = await store.inspect();
    assert.deepEqual([finding?.code, finding?.damage, others], ['torn_tail', false, []]);
    const [kept, ...more] = fs.readdirSync(path.join(dir, 'recovered'));
    assert.deepEqual(more, []);
    assert.ok(fs.readFileSync(path.join(dir, 'recovered', kept!)).equals(Buffer.from(torn)));
    await appendNext(store, 1);
    await store.close();
    assert.equal(fs.readFileSync(segmentPath(dir, 0), 'latin1'), `${textsOf(0, 5).join('\n')}\n`);
  });
}

test('a hole that a crash of the machine left before later bytes is torn as well', async (t) => {
  const dir = await ledgerOf(t, 1);
  const whole = fs.readFileSync(segmentPath(dir, 0));
  const unsynced = Buffer.from(batchOf(4, 40).bytes);
  unsynced.fill(0, 600, 900);
  fs.appendFileSync(segmentPath(dir, 0), unsynced);
  const store = await openFileStore({ dir });
  const head = await store.head();
  assert.ok(head !== null && head.seq > 4 && head.seq < 44);
  const { texts } = await readAll(store.read(0));
  assert.deepEqual(texts, textsOf(0, head.seq + 1));
  const kept = fs.readdirSync(path.join(dir, 'recovered'));
  assert.equal(kept.length, 1);
  const length = texts.reduce((sum, text) => sum + text.length + 1, 0);
  assert.ok(
    fs
      .readFileSync(path.join(dir, 'recovered', kept[0]!))
      .equals(Buffer.concat([whole, unsynced]).subarray(length)),
  );
  await appendNext(store, 1);
  await store.close();
});

test('a first line that was torn leaves an empty log; an older piece of evidence is kept as well', async (t) => {
  const dir = temporaryFolder(t);
  await (await openFileStore({ dir })).close();
  for (const torn of ['{"hash', '{"other']) {
    fs.writeFileSync(segmentPath(dir, 0), torn);
    const store = await openFileStore({ dir });
    assert.equal(await store.head(), null);
    await store.close();
  }
  const folder = path.join(dir, 'recovered');
  const kept = fs.readdirSync(folder).map((name) => fs.readFileSync(path.join(folder, name), 'latin1'));
  assert.deepEqual(kept.sort(), ['{"hash', '{"other']);
  const store = await openFileStore({ dir });
  await appendNext(store, 1);
  await store.close();
});

test('leftover temporary files are removed and reported, by a reader only reported', async (t) => {
  const dir = await ledgerOf(t, 1);
  for (const folder of ['segments', 'recovered']) fs.writeFileSync(path.join(dir, folder, 'x.tmp'), 'half');
  const reader = await openFileStore({ dir, read_only: true });
  assert.deepEqual(
    (await reader.inspect()).map((finding) => finding.code),
    ['leftover_file'],
  );
  await reader.close();
  const store = await openFileStore({ dir });
  assert.deepEqual(
    (await store.inspect()).map((finding) => finding.code),
    ['leftover_file', 'leftover_file'],
  );
  for (const folder of ['segments', 'recovered']) {
    assert.equal(fs.existsSync(path.join(dir, folder, 'x.tmp')), false);
  }
  await store.close();
});

const DAMAGE: Record<string, (line: Buffer) => Buffer> = {
  'no line at all': () => Buffer.from('rubbish\n'),
  'a hash that is none': (line) => Buffer.from(line.toString('latin1').replace(/^.{12}/, '{"hash":"XYZ')),
  'no sequence number': (line) => Buffer.from(line.toString('latin1').replace(/"seq":6/, '"sea":6')),
  'a body that is no JSON': (line) => Buffer.from(line.toString('latin1').replace('"seq":6', '"seq"#6')),
  'a sequence number below the segment': (line) =>
    Buffer.from(line.toString('latin1').replace('"seq":7,"session', '"seq":1,"session')),
  'a line without end': () => Buffer.concat([Buffer.alloc(1_200_000, 97), Buffer.from('\n')]),
};
for (const [name, damage] of Object.entries(DAMAGE)) {
  test(`a whole last line with ${name} is damage: no append, but reading goes on`, async (t) => {
    const dir = await ledgerOf(t, 1);
    const store = await openFileStore({ dir, segment_bytes_max: 1 });
    await appendNext(store, name === 'a sequence number below the segment' ? 4 : 3);
    await store.close();
    const file = segmentPath(dir, 4);
    const content = fs.readFileSync(file);
    const start = content.lastIndexOf(10, content.length - 2) + 1;
    fs.writeFileSync(file, Buffer.concat([content.subarray(0, start), damage(content.subarray(start))]));
    const before = fs.readFileSync(file);
    await refusesToAppend(dir);
    assert.ok(before.equals(fs.readFileSync(file)), 'the evidence is untouched');
    const reader = await openFileStore({ dir, read_only: true });
    assert.deepEqual((await readAll(reader.read(0))).texts.slice(0, 6), textsOf(0, 6));
    await assert.rejects(reader.head(), (e) => isIndelibleError(e, 'LEDGER_DAMAGED'));
    await reader.close();
  });
}

test('damage behind which a rotation lies: torn, ending too early, or a link in place of a segment', async (t) => {
  for (const spoil of [
    (file: string) => fs.truncateSync(file, fs.statSync(file).size - 1),
    (file: string) => fs.truncateSync(file, 0),
    (file: string) => fs.appendFileSync(file, '{"hash'),
    (file: string) => fs.writeFileSync(file, `${textsOf(4, 3).join('\n')}\n`),
    (file: string) => {
      fs.renameSync(file, `${file}.moved`);
      fs.symlinkSync(`${file}.moved`, file);
    },
  ]) {
    const dir = await ledgerOf(t, 2);
    fs.writeFileSync(segmentPath(dir, 8), '');
    spoil(segmentPath(dir, 4));
    await refusesToAppend(dir);
  }
});

test('a link in place of the last segment is damage: nothing is appended behind the one before it', async (t) => {
  const dir = await ledgerOf(t, 2);
  fs.renameSync(segmentPath(dir, 4), path.join(dir, 'elsewhere'));
  fs.symlinkSync(path.join(dir, 'elsewhere'), segmentPath(dir, 4));
  await refusesToAppend(dir);
  assert.throws(() => nodeFileSystem.open(segmentPath(dir, 4), OPEN.read), { code: 'ELOOP' });
});

test('opening reads the end of the log, not all of it', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir });
  for (let i = 0; i < 50; i++) await appendNext(store, 64, 'x'.repeat(500));
  await store.close();
  const { fs: counted, calls } = failingFileSystem();
  const again = await openFileStore({ dir, fs: counted });
  assert.equal((await again.head())?.seq, 3199);
  assert.ok(calls.filter((call) => call === 'readNow').length < 10);
  await again.close();
});
