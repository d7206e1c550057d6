import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { StoreFinding } from '../../packages/indelible/src/stores/contract.ts';
import { openFileStore } from '../../packages/indelible/src/stores/file/file-store.ts';
import { appendNext, segmentPath, temporaryFolder, textsOf } from './support/file-ledger.ts';

type Found = Pick<StoreFinding, 'code' | 'damage'> & { seq?: number };

const content = (first_seq: number, count: number) => `${textsOf(first_seq, count).join('\n')}\n`;

/** Four segments of three records each, spoiled in one way: what an inspection must say, exactly. */
const CASES: Record<string, { spoil: (dir: string) => void; found: Found[] }> = {
  'nothing is wrong': { spoil: () => {}, found: [] },
  'the middle segments are missing': {
    spoil: (dir) => {
      for (const first_seq of [3, 6]) fs.unlinkSync(segmentPath(dir, first_seq));
    },
    found: [{ code: 'segment_missing', damage: true, seq: 3 }],
  },
  'a middle segment is empty': {
    spoil: (dir) => fs.writeFileSync(segmentPath(dir, 3), ''),
    found: [{ code: 'segment_missing', damage: true, seq: 3 }],
  },
  'a middle segment ends early': {
    spoil: (dir) => fs.writeFileSync(segmentPath(dir, 3), content(3, 2)),
    found: [{ code: 'segment_missing', damage: true, seq: 5 }],
  },
  'a segment holds more than is its own': {
    spoil: (dir) => fs.appendFileSync(segmentPath(dir, 3), content(6, 2)),
    found: [{ code: 'file_corrupt', damage: true, seq: 6 }],
  },
  'a segment begins with another record than its name says': {
    spoil: (dir) => fs.writeFileSync(segmentPath(dir, 3), content(4, 2)),
    found: [{ code: 'file_corrupt', damage: true, seq: 3 }],
  },
  'a segment was renamed': {
    spoil: (dir) => fs.renameSync(segmentPath(dir, 9), segmentPath(dir, 10)),
    found: [
      { code: 'segment_missing', damage: true, seq: 9 },
      { code: 'file_corrupt', damage: true, seq: 10 },
    ],
  },
  'a middle segment lost its last newline': {
    spoil: (dir) => fs.writeFileSync(segmentPath(dir, 3), content(3, 3).slice(0, -1)),
    found: [
      { code: 'file_corrupt', damage: true, seq: 5 },
      { code: 'segment_missing', damage: true, seq: 5 },
    ],
  },
  'the last line is torn': {
    spoil: (dir) => fs.appendFileSync(segmentPath(dir, 9), '{"hash'),
    found: [{ code: 'torn_tail', damage: false }],
  },
  'there are files that do not belong': {
    spoil: (dir) => {
      for (const name of ['notes.txt', `${'0'.repeat(20)}.jsonl.gz`])
        fs.writeFileSync(path.join(dir, 'segments', name), '');
    },
    found: [
      { code: 'unexpected_file', damage: false },
      { code: 'unexpected_file', damage: false },
    ],
  },
  'a link stands in the place of a segment': {
    spoil: (dir) => {
      fs.renameSync(segmentPath(dir, 3), path.join(dir, 'elsewhere'));
      fs.symlinkSync(path.join(dir, 'elsewhere'), segmentPath(dir, 3));
    },
    found: [
      { code: 'unexpected_file', damage: true },
      { code: 'segment_missing', damage: true, seq: 3 },
    ],
  },
};

for (const [name, { spoil, found }] of Object.entries(CASES)) {
  test(`inspect: ${name}`, async (t) => {
    const dir = temporaryFolder(t);
    const writer = await openFileStore({ dir, segment_bytes_max: 1 });
    for (let i = 0; i < 4; i++) await appendNext(writer, 3);
    await writer.close();
    spoil(dir);
    const before = fs.readdirSync(dir, { recursive: true });
    const reader = await openFileStore({ dir, read_only: true });
    const findings = await reader.inspect();
    assert.deepEqual(
      findings.map(({ code, damage, seq }) => (seq === undefined ? { code, damage } : { code, damage, seq })),
      found,
    );
    assert.deepEqual(fs.readdirSync(dir, { recursive: true }), before, 'it never repairs');
    await reader.close();
  });
}

test('inspect: the writer knows how long its segment has to be', async (t) => {
  const dir = temporaryFolder(t);
  const store = await openFileStore({ dir });
  await appendNext(store, 3);
  fs.appendFileSync(segmentPath(dir, 0), content(3, 1));
  const [finding] = await store.inspect();
  assert.deepEqual([finding?.code, finding?.damage, finding?.seq], ['file_corrupt', true, 3]);
  await store.close();
});
