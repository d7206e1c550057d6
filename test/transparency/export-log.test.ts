/** Static files of a log: whole, resumable, and never another log's. */
import assert from 'node:assert/strict';
import { existsSync, globSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  checkCheckpoint,
  decodeBundle,
  decodeTile,
  leafHash,
  merkleRoot,
  parseNote,
  parseTilePath,
  SIGNATURES,
} from '@indelible/core';
import { type ExportLogOptions, exportLog } from '../../packages/indelible/src/transparency/export-log.ts';
import { folder, NAME, openLedger, record, rejectsWith, signer } from './support.ts';

/** Reads the export as an outsider would: everything under the checkpoint, and nothing but files with known names. */
function readExport(dir: string) {
  const log_keys = readFileSync(join(dir, 'log.vkey'), 'utf8').trimEnd().split('\n');
  const { checkpoint } = checkCheckpoint(parseNote(readFileSync(join(dir, 'checkpoint'))), {
    log_keys,
    origin: NAME,
    algorithms: SIGNATURES,
  });
  const files = globSync('**/*', { cwd: dir }).filter((path) => statSync(join(dir, path)).isFile());
  const tiles = files.filter((path) => path.startsWith('tile/')).map(parseTilePath);
  assert.equal(tiles.length + 2, files.length, `no stray files: ${files.join(' ')}`);
  const bytesOf = (path: string) => new Uint8Array(readFileSync(join(dir, path)));
  const leaves: string[] = [];
  const entries: Uint8Array[] = [];
  for (let at = 0; at < checkpoint.size; at += 256) {
    const width = Math.min(256, checkpoint.size - at);
    const name = `${String(at / 256).padStart(3, '0')}${width === 256 ? '' : `.p/${width}`}`;
    leaves.push(...decodeTile(bytesOf(`tile/0/${name}`), width));
    entries.push(...decodeBundle(bytesOf(`tile/entries/${name}`), width));
  }
  assert.deepEqual(entries.map(leafHash), leaves, 'every entry has its leaf');
  assert.equal(merkleRoot(leaves), checkpoint.root);
  return { size: checkpoint.size, files: files.length };
}

test('the export of a log is whole, grows with it, and makes good what is missing', async (t) => {
  const dir = folder(t);
  const target = join(dir, 'out');
  const ledger = await openLedger(`sqlite:${join(dir, 'ledger.db')}`, { name: NAME, signer: signer() });
  const { transparency } = ledger as { transparency: NonNullable<typeof ledger.transparency> };
  await record(ledger, 598);
  await transparency.checkpointNow();
  const progress: number[] = [];
  const options = {
    transparency,
    folder: target,
    onProgress: (p: { files: number }) => progress.push(p.files),
  };
  const first = await exportLog(options);
  assert.deepEqual([first.files_written, first.files_kept, first.checkpoint.size], [7, 0, 600]);
  assert.deepEqual(progress, [0, 1, 2, 3, 4, 5, 6, 7]);
  assert.equal(readExport(target).size, 600);

  await record(ledger, 250);
  await transparency.checkpointNow();
  rmSync(join(target, 'tile/entries/001'));
  writeFileSync(join(target, 'tile/0/000'), 'short');
  const second = await exportLog(options);
  assert.deepEqual([second.files_kept, second.checkpoint.size], [2, 850]);
  assert.equal(readExport(target).size, 850);
  assert.ok(existsSync(join(target, 'tile/0/002.p/88')), 'what an older checkpoint needs stays');

  const hashes_only = await exportLog({ transparency, folder: join(dir, 'hashes'), without_entries: true });
  assert.equal(hashes_only.files_written, 5);
  assert.equal(existsSync(join(dir, 'hashes/tile/entries')), false);
  await ledger.close();
});

test('an export is not mixed with another log, or another history of this one', async (t) => {
  const target = join(folder(t), 'out');
  const logs: ExportLogOptions[] = [];
  for (const [name, count] of [
    [NAME, 20],
    ['other.example', 20],
    [NAME, 20],
    [NAME, 5],
  ] as const) {
    const ledger = await openLedger('memory:', { name, signer: signer(1, name) });
    await record(ledger, count);
    await ledger.transparency!.checkpointNow();
    t.after(() => ledger.close());
    logs.push({ transparency: ledger.transparency!, folder: target });
  }
  await exportLog(logs[0]!);
  const before = readFileSync(join(target, 'checkpoint'), 'utf8');
  await rejectsWith('CHECKPOINT_OTHER_LOG', () => exportLog(logs[1]!));
  await rejectsWith('CHECKPOINT_FORK', () => exportLog(logs[2]!));
  await rejectsWith('CHECKPOINT_FORK', () => exportLog(logs[3]!));
  assert.equal(readFileSync(join(target, 'checkpoint'), 'utf8'), before);
  const empty = { ...logs[0]!.transparency, latest: async () => null } as never;
  await rejectsWith('CHECKPOINT_MISSING', () => exportLog({ transparency: empty, folder: target }));
});

test('what does not lead to the signed root is not shown', async (t) => {
  const dir = folder(t);
  const place = join(dir, 'ledger');
  const open = () => openLedger(`file:${place}`, { name: NAME, signer: signer() });
  const first = await open();
  await record(first, 300);
  await first.close();
  const changed = async (path: string, change: (bytes: Buffer) => Buffer) => {
    const good = readFileSync(path);
    writeFileSync(path, change(Buffer.from(good)));
    const ledger = await open();
    const { transparency } = ledger as { transparency: NonNullable<typeof ledger.transparency> };
    return async (code: string, out: string) => {
      const message = await rejectsWith(code, () => exportLog({ transparency, folder: join(dir, out) }));
      await ledger.close();
      writeFileSync(path, good);
      assert.equal(existsSync(join(dir, out, 'checkpoint')), false);
      return message;
    };
  };
  // One bit of the hash of record 1: the root does not depend on it, but through the tile above.
  const tree = await changed(join(place, 'tree', 'level-0'), (bytes) => {
    bytes[40]! ^= 1;
    return bytes;
  });
  assert.match(
    await tree('TREE_DAMAGED', 'tree'),
    /tile\/0\/000 .* not the one that tile\/1\/000\.p\/1 holds/,
  );
  assert.equal(existsSync(join(dir, 'tree', 'tile')), false, 'nor is any of it kept');
  const records = await changed(join(place, 'segments', '00000000000000000000.jsonl'), (bytes) =>
    Buffer.from(bytes.toString('latin1').replace('"seq":7,', '"seq":8,'), 'latin1'),
  );
  assert.match(await records('LEDGER_DAMAGED', 'records'), /^record 7 /);
});
