/** Exported logs, verified without any ledger. */
import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { exportLog } from '../../packages/indelible/src/transparency/export-log.ts';
import { type ExportOptions, verifyExport } from '../../packages/indelible/src/verification/verify-export.ts';
import { folder, NAME, openLedger, record, signer } from '../transparency/support.ts';

/** The folder of an exported log of 600 records, and the note and key that belong to it. */
async function exported(t: TestContext, keyed = false) {
  const dir = folder(t);
  const keys = keyed ? [{ key_id: 'k1', secret: new Uint8Array(32).fill(7) }] : [];
  const ledger = await openLedger(`file:${dir}/ledger`, { name: NAME, signer: signer(), keys });
  await record(ledger, 598);
  const { note } = await ledger.transparency!.checkpointNow();
  const path = join(dir, 'static');
  await exportLog({ transparency: ledger.transparency!, folder: path });
  const [vkey] = ledger.transparency!.verifier_keys;
  const lines: Buffer[] = [];
  for await (const { bytes } of ledger.store.read(0)) lines.push(Buffer.from(bytes));
  await ledger.close();
  const file = join(dir, 'export.jsonl');
  writeFileSync(file, Buffer.concat(lines));
  const verify = (options: Partial<ExportOptions> = {}) =>
    verifyExport({ path, log_keys: [vkey!], policy: null, ...options });
  return { path, file, note, vkey: vkey!, keys, verify };
}

function change(path: string, edit: (bytes: Buffer) => Buffer): void {
  writeFileSync(path, edit(readFileSync(path)));
}

test('a folder of tiles: signed, all of it, and every tile compared', async (t) => {
  const { verify } = await exported(t);
  const { ok, graded, layout, tiles_checked, keys_from } = await verify();
  assert.deepEqual(
    [ok, graded.grade, graded.signed.size, layout, keys_from],
    [true, 'signed', 600, 'tiles', 'given'],
  );
  assert.equal(tiles_checked, 4, 'two full tiles and a partial one of leaves, and a partial one above');
  const own = await verify({ log_keys: [] });
  assert.deepEqual([own.ok, own.keys_from], [true, 'log']);
  assert.match(own.does_not_prove[0]!, /whose signature/);
});

const TAMPERING: Readonly<Record<string, (path: string) => void>> = {
  'an entry changed': (path) =>
    change(join(path, 'tile/entries/001'), (bytes) =>
      Buffer.from(bytes.toString('latin1').replace('"i":300', '"i":301'), 'latin1'),
    ),
  'a bundle deleted': (path) => rmSync(join(path, 'tile/entries/001')),
  'the last bundle cut': (path) =>
    change(join(path, 'tile/entries/002.p/88'), (bytes) => bytes.subarray(0, 500)),
  'the checkpoint changed': (path) =>
    change(join(path, 'checkpoint'), (bytes) => Buffer.from(bytes.toString().replace('\n600\n', '\n599\n'))),
};
for (const [what, tamper] of Object.entries(TAMPERING)) {
  test(`a folder with ${what} is not verified`, async (t) => {
    const { path, verify } = await exported(t);
    tamper(path);
    const { ok, graded } = await verify();
    assert.equal(ok, false);
    assert.equal(graded.result, 'tampering', graded.findings[0]?.detail);
  });
}

test('a tile that is not what the entries make is named; the records stay verified', async (t) => {
  const { path, verify } = await exported(t);
  change(join(path, 'tile/0/001'), (bytes) => bytes.fill(0, 5, 6));
  const { ok, graded, tiles_wrong } = await verify();
  assert.deepEqual([ok, graded.result, tiles_wrong], [false, 'verified', ['tile/0/001']]);
});

test('another key than the log’s: not checked', async (t) => {
  const { verify } = await exported(t);
  const other = signer(9);
  const { formatVerifierKey } = await import('@indelible/core');
  const { ok, graded } = await verify({ log_keys: [formatVerifierKey(other.key)] });
  assert.deepEqual([ok, graded.result], [false, 'incomplete']);
});

test('a log whose oldest entries were dropped: its tree from their hashes', async (t) => {
  const { path, verify } = await exported(t);
  rmSync(join(path, 'tile/entries/000'));
  const { graded } = await verify();
  assert.deepEqual([graded.result, graded.signed.status, graded.signed.size], ['verified', 'holds', 600]);
  assert.match(graded.does_not_prove.join(), /records below 256 said: they are not there/);
});

test('a keyed log: its tree without the key', async (t) => {
  const { verify } = await exported(t, true);
  const { ok, graded } = await verify();
  assert.deepEqual([ok, graded.grade, graded.chain.checked], [true, 'signed', 'links']);
});

test('pitfall 21: JSON Lines carry hashes, so that they can be verified, plain and gzipped', async (t) => {
  const { file, note, keys, verify } = await exported(t);
  const alone = await verify({ path: file, log_keys: [], keys });
  assert.deepEqual([alone.ok, alone.graded.grade, alone.layout], [true, 'consistent', 'jsonl']);
  writeFileSync(`${file}.gz`, gzipSync(readFileSync(file)));
  const signed = await verify({ path: `${file}.gz`, kept: [note] });
  assert.deepEqual([signed.ok, signed.graded.grade, signed.graded.signed.size], [true, 'signed', 600]);
  change(file, (bytes) => Buffer.from(bytes.toString().replace('"i":300', '"i":301')));
  assert.equal((await verify({ path: file, kept: [note] })).graded.result, 'tampering');
});

test('what is no export is an error, not a verdict', async (t) => {
  const { file, verify } = await exported(t);
  await assert.rejects(verify({ path: `${file}.none` }), { code: 'INPUT_UNREADABLE' });
  writeFileSync(file, '{"nothing":1}\n'.repeat(3));
  const { graded } = await verify({ path: file });
  assert.equal(graded.result, 'tampering', 'lines that are no records never pass');
  writeFileSync(file, '');
  await assert.rejects(verify({ path: file }), { code: 'INPUT_UNREADABLE' });
});
