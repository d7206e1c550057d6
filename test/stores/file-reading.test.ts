import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import fc from 'fast-check';
import type { LogStore } from '../../packages/indelible/src/stores/contract.ts';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import { nodeFileSystem, OPEN } from '../../packages/indelible/src/stores/file/file-system.ts';
import { LineCutter } from '../../packages/indelible/src/stores/file/line-cutter.ts';
import { LineFinder } from '../../packages/indelible/src/stores/file/locate.ts';
import type { readShard } from '../../packages/indelible/src/stores/file/shard.ts';
import { APPENDS_IN_FLIGHT } from '../../packages/indelible/src/stores/file/writer.ts';
import { runs } from '../support/runs.ts';
import { appendNext, lineOf, readAll, segmentPath, temporaryFolder, textsOf } from './support/file-ledger.ts';

async function readShards(store: LogStore, count: number) {
  const shards = (await store.shards?.(count)) ?? assert.fail('it has shards');
  const texts: string[] = [];
  const firsts: number[] = [];
  for (const { module, input } of shards) {
    const loaded: { readShard: typeof readShard } = await import(module);
    const part = await readAll(loaded.readShard(structuredClone(input)));
    texts.push(...part.texts);
    firsts.push(...part.firsts);
  }
  return { texts, firsts, shards };
}

test('the shards together are the log, whatever their number', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir, segment_bytes_max: 20_000 });
  assert.deepEqual(await store.shards?.(4), []);
  for (let i = 0; i < 40; i++) await appendNext(store, 10 + i);
  const all = await readAll(store.read(0));
  assert.equal(all.texts.length, 1180);
  for (const count of [1, 2, 3, 4, 7, 16, 100, 1200]) {
    const { texts, shards, firsts } = await readShards(store, count);
    assert.deepEqual(texts, all.texts);
    assert.ok(count > 100 || Math.abs(shards.length - count) <= count / 4, `${shards.length} for ${count}`);
    assert.equal(firsts[0], 0);
    assert.equal(
      shards.reduce((sum, shard) => sum + shard.bytes, 0),
      all.texts.reduce((sum, text) => sum + text.length + 1, 0),
    );
  }
  await store.close();
});

test('damaged segments come through raw, in a stream as in shards, and nothing crashes', async (t) => {
  const dir = temporaryFolder(t);
  const writer = await openFileStore({ dir });
  await appendNext(writer, 6);
  await writer.close();
  const lines = textsOf(0, 6);
  const long = 'y'.repeat(3_500_000);
  const content = [lines[0], '', '\u00ff\u0000{"', lines[2], long, lines[3], lines[3], lines[5]].join('\n');
  fs.writeFileSync(segmentPath(dir, 0), Buffer.from(`${content}\n${lines[4]}`, 'latin1'));
  fs.writeFileSync(segmentPath(dir, 10), `${textsOf(10, 2).join('\n')}\n{"hash":"torn`);
  const reader = await openFileStore({ dir, read_only: true });
  const { texts } = await readAll(reader.read(0));
  const cut = texts[4]!;
  assert.ok(
    cut.length < 1_100_000 && cut.startsWith('yyy') && cut.endsWith('\u0000'),
    'cut short, and no line',
  );
  const expected = [
    lines[0],
    '',
    '\u00ff\u0000{"',
    lines[2],
    cut,
    lines[3],
    lines[3],
    lines[5],
    `${lines[4]}\u0000`,
  ];
  assert.deepEqual(texts, [...expected, ...textsOf(10, 2)]);
  for (const count of [1, 2, 3]) assert.deepEqual((await readShards(reader, count)).texts, texts);
  // Each line that is there is found by its own number; none is passed off for another.
  const found = await reader.get([0, 1, 2, 5, 10, 11, 12]);
  for (const { seq, line } of found)
    assert.equal(Buffer.from(line).toString('latin1'), `${textsOf(seq, 1)}\n`);
  assert.deepEqual(
    found.map(({ seq }) => seq).filter((seq) => seq >= 10),
    [10, 11],
  );
  await reader.close();
});

test('a missing, a stray and a doubled line in the middle do not hide the others from get and read', async (t) => {
  const dir = temporaryFolder(t);
  const writer = await openFileStore({ dir });
  await appendNext(writer, 2000);
  await writer.close();
  const lines = textsOf(0, 2000);
  lines[700] = 'garbage';
  lines[900] = lines[899]!;
  lines.splice(500, 1);
  fs.writeFileSync(segmentPath(dir, 0), `${lines.join('\n')}\n`);
  const reader = await openFileStore({ dir, read_only: true });
  const wanted = Array.from({ length: 2000 }, (_, seq) => seq);
  const found = new Set((await reader.get(wanted)).map(({ seq }) => seq));
  assert.deepEqual(
    wanted.filter((seq) => !found.has(seq)),
    [500, 700, 900],
  );
  assert.deepEqual((await readAll(reader.read(1500))).texts, textsOf(1500, 500));
  assert.deepEqual(await readAll(reader.read(500, 503)), { texts: textsOf(501, 2), firsts: [501] });
  assert.deepEqual((await readAll(reader.read(698, 700))).texts, textsOf(698, 2));
  assert.deepEqual((await readAll(reader.read(699, 702))).texts, [
    ...textsOf(699, 1),
    'garbage',
    ...textsOf(701, 1),
  ]);
  await reader.close();
});

test('the batches say with which record they begin', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir, segment_bytes_max: 1_500_000 });
  for (let i = 0; i < 20; i++) await appendNext(store, 5, 'x'.repeat(40_000));
  for (const [from, to] of [
    [0, undefined],
    [17, undefined],
    [17, 63],
  ] as const) {
    let next = from;
    for await (const { first_seq, ends } of store.read(from, to)) {
      assert.equal(first_seq, next);
      next += ends.length;
    }
    assert.equal(next, to ?? 100);
  }
  await store.close();
});

test('a read delivers what was there when it began, also while the log rotates and grows', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir, segment_bytes_max: 1 });
  await appendNext(store, 3);
  await appendNext(store, 3);
  const seen: string[] = [];
  for await (const batch of store.read(0)) {
    seen.push(...(await readAll([batch])).texts);
    await appendNext(store, 3);
  }
  assert.deepEqual(seen, textsOf(0, 6));
  await store.close();
});

test('segments that are evicted during a read are left out', async (t) => {
  const store = await openFileStore({ dir: temporaryFolder(t), segment_bytes_max: 1, segments_max: 1 });
  for (let i = 0; i < 4; i++) await appendNext(store, 2);
  const seen: string[] = [];
  for await (const batch of store.read(0)) {
    seen.push(...(await readAll([batch])).texts);
    await store.truncation?.truncate(6);
  }
  assert.deepEqual(seen, [...textsOf(0, 2), ...textsOf(6, 2)]);
  await store.close();
});

test('reading leaves no descriptor open, also when it is given up half-way', async (t) => {
  const open = new Set<number>();
  const counting = {
    ...nodeFileSystem,
    open: (file: string, flags: number) => {
      const fd = nodeFileSystem.open(file, flags);
      open.add(fd);
      return fd;
    },
    close: (fd: number) => {
      assert.ok(open.delete(fd), 'closed once');
      nodeFileSystem.close(fd);
    },
  };
  const store = await openFileStore({ dir: temporaryFolder(t), segment_bytes_max: 1, fs: counting });
  for (let i = 0; i < 3; i++) await appendNext(store, 2);
  for await (const _ of store.read(0)) break;
  await readAll(store.read(1, 4));
  await store.get([0, 3, 5, 9]);
  await store.inspect();
  await store.shards?.(2);
  assert.equal(
    open.size,
    APPENDS_IN_FLIGHT,
    'the active segment, once for each append that may be in flight',
  );
  await store.close();
  assert.equal(open.size, 0);
});

test('property: any line is found in any file, and a mark is where its line starts', (t) => {
  const file = path.join(temporaryFolder(t), 'segment');
  const sizes = fc.array(
    fc.oneof({ weight: 9, arbitrary: fc.nat(600) }, { weight: 1, arbitrary: fc.nat(60_000) }),
    {
      minLength: 1,
      maxLength: 120,
    },
  );
  const property = fc.property(sizes, fc.nat(1000), fc.boolean(), (fillings, first, knows_end) => {
    const lines = fillings.map((filling, i) => lineOf(first + i, 'x'.repeat(filling)));
    fs.writeFileSync(file, Buffer.concat(lines));
    const fd = nodeFileSystem.open(file, OPEN.read);
    try {
      const { size } = nodeFileSystem.stat(fd);
      const next = knows_end ? first + lines.length : first;
      const finder = new LineFinder(nodeFileSystem, fd, first, next, size);
      let offset = 0;
      for (const [i, line] of lines.entries()) {
        // In a scattered order, so that the last window does not always serve.
        const far = (i * 31) % lines.length;
        assert.deepEqual(finder.line(first + far), new Uint8Array(lines[far]!));
        assert.deepEqual(finder.mark(first + i), { offset, seq: first + i });
        offset += line.length;
      }
      assert.equal(finder.line(first + lines.length), null);
      assert.equal(finder.line(first - 1), null);
      assert.equal(finder.mark(first + lines.length).offset, size);
    } finally {
      nodeFileSystem.close(fd);
    }
  });
  fc.assert(property, { numRuns: runs(60) });
});

test('property: however a stream is cut into reads, its lines come out the same', () => {
  const bytes = fc
    .uint8Array({ maxLength: 400 })
    .map((values) => values.map((value) => (value < 60 ? 10 : value)));
  fc.assert(
    fc.property(bytes, fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1 }), (stream, steps) => {
      const cutter = new LineCutter();
      const out: string[] = [];
      const take = (lines: ReturnType<LineCutter['take']>) => {
        let start = 0;
        for (const end of lines?.ends ?? []) {
          out.push(Buffer.from(lines!.bytes.subarray(start, end)).toString('latin1'));
          start = end;
        }
      };
      for (let at = 0, i = 0; at < stream.length; i++) {
        const count = Math.min(steps[i % steps.length]!, stream.length - at);
        cutter.room().set(stream.subarray(at, at + count));
        take(cutter.take(count));
        at += count;
      }
      take(cutter.rest());
      const expected = Buffer.from(stream)
        .toString('latin1')
        .split('\n')
        .map((line) => `${line}\n`);
      const last = expected.pop()!.slice(0, -1);
      assert.deepEqual(out, last === '' ? expected : [...expected, `${last}\u0000\n`]);
    }),
  );
});
