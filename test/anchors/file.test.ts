/** The file anchor: torn tails, altered lines, and disks that are not there. */
import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  readFileSync,
  statSync,
  symlinkSync,
  truncateSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { isIndelibleError, parseJson, parseNote } from '@indelible/core';
import { sampleCheckpoint } from '../../packages/indelible/src/anchors/conformance.ts';
import { openFileAnchor } from '../../packages/indelible/src/anchors/file/file-anchor.ts';
import { collect, fileAnchorIn, makeFolder, publish } from './support.ts';

const unavailable = (error: unknown) => isIndelibleError(error, 'ANCHOR_UNAVAILABLE');
const ORIGIN = 'acme.example/prod';

async function inFolder(run: (at: ReturnType<typeof fileAnchorIn>) => Promise<void>): Promise<void> {
  const folder = await makeFolder();
  try {
    await run(fileAnchorIn(folder));
  } finally {
    await folder.remove();
  }
}

const sizes = async (anchor: ReturnType<typeof fileAnchorIn>['anchor']) =>
  (await collect(anchor.all!(ORIGIN))).map(({ checkpoint }) => checkpoint.size);

test('each line is JSON with the time and the signed note, for the owner alone', () =>
  inFolder(async ({ anchor, path }) => {
    const receipts = [await publish(anchor, sampleCheckpoint(1)), await publish(anchor, sampleCheckpoint(2))];
    const lines = readFileSync(path, 'utf8').split('\n');
    assert.deepEqual(lines.slice(0, 2).map(parseJson), [
      { anchored_at: '2026-11-21T02:14:00.000Z', note: sampleCheckpoint(1).note },
      { anchored_at: '2026-11-21T02:14:00.000Z', note: sampleCheckpoint(2).note },
    ]);
    assert.deepEqual(lines.slice(2), ['']);
    parseNote((parseJson(lines[0]!) as { note: string }).note);
    assert.equal(statSync(path).mode & 0o777, 0o600);
    assert.equal((receipts[1]!.evidence as { offset: number }).offset, Buffer.byteLength(`${lines[0]}\n`));
  }));

test('a line torn anywhere is no checkpoint, and the next one stands behind it', () =>
  inFolder(async ({ anchor, path }) => {
    await publish(anchor, sampleCheckpoint(1));
    const first = readFileSync(path);
    for (let length = 0; length < first.length; length += 7) {
      writeFileSync(path, Buffer.concat([first, first.subarray(0, length)]));
      assert.deepEqual(await sizes(anchor), [1], `torn after ${length} bytes`);
      const receipt = await publish(anchor, sampleCheckpoint(2));
      assert.deepEqual(await sizes(anchor), [1, 2], `torn after ${length} bytes`);
      assert.ok((await anchor.check(receipt, sampleCheckpoint(2))).ok);
      assert.equal(
        readFileSync(path).subarray(0, first.length).compare(first),
        0,
        'nothing is cut or rewritten',
      );
      assert.deepEqual(
        readFileSync(path).subarray(first.length, first.length + length),
        first.subarray(0, length),
      );
    }
  }));

test('a tail that another process was still writing is not lost', () =>
  inFolder(async ({ anchor, path }) => {
    await publish(anchor, sampleCheckpoint(1));
    const line = readFileSync(path);
    // What a healer leaves when the line was completed in between.
    appendFileSync(path, ' -- torn\n');
    assert.deepEqual(await sizes(anchor), [1]);
    assert.deepEqual(readFileSync(path).subarray(0, line.length), line);
  }));

test('an altered line is ANCHOR_DAMAGED, wherever it stands and for whatever log', () =>
  inFolder(async ({ anchor, path }) => {
    await publish(anchor, sampleCheckpoint(1, { origin: 'other.example/log' }));
    const receipt = await publish(anchor, sampleCheckpoint(10));
    const sound = readFileSync(path, 'utf8');
    for (const altered of [
      sound.replace('other.example/log\\n1\\n', 'other.example/log\\n01\\n'),
      sound.replace('"anchored_at":"2026', '"anchored_at": "2026'),
      sound.replace('2026-11-21', '2026-13-21'),
      sound.replace('{"anchored_at', '{"more":1,"anchored_at'),
      `\n${sound}`,
      `${sound}null\n`,
      `${sound}\u0000\n`,
      sound.replace('other.example', 'other.exampl\u00e9').replaceAll('\u00e9', '\\u00e9'),
    ]) {
      writeFileSync(path, altered);
      await assert.rejects(sizes(anchor), (error) => isIndelibleError(error, 'ANCHOR_DAMAGED'), altered);
      await assert.rejects(publish(anchor, sampleCheckpoint(11)), (error) =>
        isIndelibleError(error, 'ANCHOR_DAMAGED'),
      );
    }
    writeFileSync(path, Buffer.concat([Buffer.from(sound), Buffer.from([0xff, 0x0a])]));
    await assert.rejects(sizes(anchor), (error) => isIndelibleError(error, 'ANCHOR_DAMAGED'));
    writeFileSync(path, `${'x'.repeat(2_000_000)}`);
    await assert.rejects(sizes(anchor), (error) => isIndelibleError(error, 'ANCHOR_DAMAGED'));
    // A line that reads well, but is not the one of the receipt.
    writeFileSync(path, sound.replaceAll('02:14:00', '02:13:00'));
    assert.match(
      (await anchor.check(receipt, sampleCheckpoint(10))).detail,
      /altered: the line has another digest/,
    );
  }));

test('a file that was cut or deleted is told by the receipts', () =>
  inFolder(async ({ anchor, path }) => {
    await publish(anchor, sampleCheckpoint(1));
    const kept = statSync(path).size;
    const receipt = await publish(anchor, sampleCheckpoint(2));
    truncateSync(path, kept);
    assert.match((await anchor.check(receipt, sampleCheckpoint(2))).detail, /no longer holds/);
    unlinkSync(path);
    assert.match((await anchor.check(receipt, sampleCheckpoint(2))).detail, /no longer holds/);
  }));

test('a folder that is not there is never made: the disk may not be mounted', () =>
  inFolder(async ({ path }) => {
    const away = openFileAnchor({ path: join(path, '../mount/anchors.jsonl') });
    for (const attempt of [
      () => publish(away, sampleCheckpoint(1)),
      () => away.newest!(ORIGIN),
      () => away.check({ anchored_at: null, evidence: { offset: 0, sha256: '' } }, sampleCheckpoint(1)),
    ]) {
      await assert.rejects(attempt, (error) => isIndelibleError(error, 'ANCHOR_UNAVAILABLE'));
    }
    assert.ok(!existsSync(join(path, '../mount')));
  }));

test('a link or a folder in place of the file is not followed', () =>
  inFolder(async ({ anchor, path }) => {
    const elsewhere = join(path, '../elsewhere');
    for (const there of [false, true]) {
      if (there) writeFileSync(elsewhere, '');
      symlinkSync(elsewhere, path);
      await assert.rejects(publish(anchor, sampleCheckpoint(1)), unavailable);
      await assert.rejects(sizes(anchor), unavailable);
      assert.equal(existsSync(elsewhere) && readFileSync(elsewhere, 'utf8') !== '', false);
      unlinkSync(path);
    }
    await mkdir(path);
    await assert.rejects(publish(anchor, sampleCheckpoint(1)), (error) =>
      isIndelibleError(error, 'ANCHOR_UNAVAILABLE'),
    );
  }));

test('pitfall 1: writers of several logs share a file without losing a line', () =>
  inFolder(async ({ anchor, path }) => {
    const writers = Array.from({ length: 8 }, () => openFileAnchor({ path }));
    await Promise.all(
      writers.map(async (writer, i) => {
        for (let size = 1; size <= 5; size++)
          await publish(writer, sampleCheckpoint(size, { origin: `log/${i}` }));
      }),
    );
    for (const i of writers.keys()) {
      const all = await collect(anchor.all!(`log/${i}`));
      assert.deepEqual(
        all.map(({ checkpoint }) => checkpoint.size),
        [1, 2, 3, 4, 5],
      );
    }
  }));
