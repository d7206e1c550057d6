/** A monitor against an honest log, and against every way in which a log can deceive it. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { gzipSync } from 'node:zlib';
import { EMPTY_ROOT, formatVerifierKey, parsePolicy } from '@indelible/core';
import { entriesOf, filesOf, LOG_SIGNER, noteOf, ORIGIN, signerOf, writeLog } from './support/served-log.ts';
import { kinds, watching } from './support/watching.ts';

const watch = watching();
const rootOf = (files: ReadonlyMap<string, Uint8Array>): string =>
  Buffer.from(Buffer.from(files.get('checkpoint')!).toString().split('\n')[2]!, 'base64').toString('hex');

const SIZES = [0, 1, 255, 256, 257, 300, 700] as const;

test('an honest log is followed from the first record on, whatever the sizes', async () => {
  const monitor = watch.monitorOf({ entries: true });
  let before_size = 0;
  for (const size of SIZES) {
    const files = await filesOf(entriesOf(size));
    watch.server.show(files);
    const report = await monitor.once();
    assert.deepEqual([report.findings, report.faults], [[], []]);
    assert.equal(report.verdict, 'consistent');
    assert.equal(report.exit_code, 0);
    assert.deepEqual(report.trusted, { size, root: size === 0 ? EMPTY_ROOT : rootOf(files) });
    assert.equal(report.grown_by, size - before_size);
    assert.equal(report.entries_checked, size);
    before_size = size;
  }
});

test('between any two sizes, growth is seen from the tiles', async () => {
  for (const from of SIZES) {
    for (const to of SIZES.filter((size) => size >= from)) {
      rmSync(join(watch.folder, 'state.json'), { force: true });
      const monitor = watch.monitorOf();
      watch.server.show(await filesOf(entriesOf(from)));
      await monitor.once();
      watch.server.show(await filesOf(entriesOf(to)));
      assert.equal((await monitor.once()).verdict, 'consistent', `${from} to ${to}`);
      if (from < 1) continue;
      watch.server.show(await filesOf(entriesOf(to + 1, 'other ', from - 1)));
      assert.deepEqual(kinds(await monitor.once()), ['fork'], `${from}, ${to}, another history`);
    }
  }
});

test('what was trusted survives the process, and a rewind is seen after it', async () => {
  watch.server.show(await filesOf(entriesOf(300)));
  await watch.monitorOf().once();
  assert.equal(statSync(join(watch.folder, 'state.json')).mode & 0o777, 0o600);
  const shorter = await filesOf(entriesOf(299));
  watch.server.show(shorter);
  const report = await watch.monitorOf().once();
  assert.deepEqual(kinds(report), ['rewind']);
  assert.equal(report.verdict, 'damaged');
  assert.equal(report.exit_code, 1);
  assert.equal(report.trusted?.size, 300, 'the larger state stays the trusted one');
  const evidence = JSON.parse(readFileSync(report.findings[0]!.evidence!, 'utf8')) as Record<string, string>;
  assert.equal(evidence.shown_note, Buffer.from(shorter.get('checkpoint')!).toString());
  assert.match(evidence.trusted_note!, /^example\.com\/log\n300\n/);
  watch.server.show(await filesOf(entriesOf(301)));
  assert.equal((await watch.monitorOf().once()).verdict, 'consistent');
});

test('a stale cache is not taken for a rewind: a smaller checkpoint is asked for twice', async () => {
  const monitor = watch.monitorOf();
  const [older, newer] = [await filesOf(entriesOf(10)), await filesOf(entriesOf(20))];
  watch.server.show(newer);
  await monitor.once();
  let stale = 1;
  watch.server.answer = ({ path, respond }) => {
    if (path !== 'checkpoint' || stale-- <= 0) return false;
    respond(200, {}, older.get('checkpoint')!);
    return true;
  };
  assert.equal((await monitor.once()).verdict, 'consistent');
});

test('a fork at the same size: two notes, both signed, are kept as evidence once', async () => {
  const monitor = watch.monitorOf();
  watch.server.show(await filesOf(entriesOf(300)));
  await monitor.once();
  watch.server.show(await filesOf(entriesOf(300, 'other ', 299)));
  const report = await monitor.once();
  assert.deepEqual(kinds(report), ['fork']);
  assert.equal(report.exit_code, 1);
  await monitor.once();
  const files = readdirSync(join(watch.folder, 'state.json.evidence'));
  assert.equal(files.length, 1);
  const evidence = JSON.parse(readFileSync(join(watch.folder, 'state.json.evidence', files[0]!), 'utf8'));
  assert.match(evidence.trusted_note, /^example\.com\/log\n300\n/);
  assert.match(evidence.shown_note, /^example\.com\/log\n300\n/);
  assert.notEqual(evidence.trusted_note, evidence.shown_note);
});

test('a rewind onto another history is both a rewind and a fork', async () => {
  const monitor = watch.monitorOf();
  const honest = await filesOf(entriesOf(300));
  watch.server.show(honest);
  await monitor.once();
  const other = await filesOf(entriesOf(290, 'other ', 280));
  watch.server.show(new Map([...honest, ['checkpoint', other.get('checkpoint')!]]));
  assert.deepEqual(kinds(await monitor.once()), ['rewind', 'fork']);
});

test('a split view: what somebody else holds does not fit what the log shows us', async () => {
  const held = await filesOf(entriesOf(200, 'other ', 150));
  writeLog(join(watch.folder, 'held'), held);
  const monitor = watch.monitorOf({ others: [`file:${join(watch.folder, 'held/checkpoint')}`] });
  watch.server.show(await filesOf(entriesOf(300)));
  const report = await monitor.once();
  assert.deepEqual(kinds(report), ['fork']);
  assert.equal(report.trusted, null, 'neither history is trusted');
  writeFileSync(join(watch.folder, 'held/checkpoint'), (await filesOf(entriesOf(200))).get('checkpoint')!);
  assert.equal((await monitor.once()).verdict, 'consistent');
  writeFileSync(join(watch.folder, 'held/checkpoint'), (await filesOf(entriesOf(301))).get('checkpoint')!);
  const ahead = await monitor.once();
  assert.equal(ahead.verdict, 'consistent');
  assert.match(ahead.faults[0]!, /301 records; the log shows 300 yet/);
});

test('a bad signature: unknown key, altered text, wrong signature beside a right one', async () => {
  const monitor = watch.monitorOf();
  const files = await filesOf(entriesOf(5));
  const note = Buffer.from(files.get('checkpoint')!).toString();
  const stranger = await filesOf(entriesOf(5), [signerOf(ORIGIN, 'ed25519', 8)]);
  const wrong = note.replace(/(— \S+ \S{30})(.)/, (_, start, letter) => start + (letter === 'A' ? 'B' : 'A'));
  for (const shown of [
    Buffer.from(stranger.get('checkpoint')!).toString(),
    note.replace('\n5\n', '\n6\n'),
    wrong,
    note + wrong.slice(wrong.indexOf('— ')),
  ]) {
    watch.server.show(new Map([...files, ['checkpoint', Buffer.from(shown)]]));
    const report = await monitor.once();
    assert.deepEqual(kinds(report), ['bad_signature'], shown);
    assert.equal(report.exit_code, 1);
    assert.equal(report.trusted, null);
  }
});

test('another log at the same address, and what is no checkpoint at all', async () => {
  const monitor = watch.monitorOf();
  watch.server.show(await filesOf(entriesOf(5), [LOG_SIGNER], 'example.com/other'));
  const other = await monitor.once();
  assert.deepEqual(kinds(other), ['wrong_origin']);
  assert.equal(other.exit_code, 3);
  watch.server.show(new Map([['checkpoint', Buffer.from([0xff, 0xfe, 0x00])]]));
  const noise = await monitor.once();
  assert.deepEqual(kinds(noise), ['not_a_checkpoint']);
  assert.equal(JSON.parse(readFileSync(noise.findings[0]!.evidence!, 'utf8')).shown_base64, '//4A');
});

test('tiles that are not those of the signed tree, of false or of wrong length', async () => {
  const files = await filesOf(entriesOf(300));
  for (const [path, alter] of [
    ['tile/0/001.p/44', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))],
    ['tile/1/000.p/1', (bytes: Uint8Array) => bytes.map((byte, i) => (i === 0 ? byte ^ 1 : byte))],
    ['tile/0/001.p/44', (bytes: Uint8Array) => bytes.subarray(0, 32 * 43)],
    ['tile/0/001.p/44', (bytes: Uint8Array) => bytes.subarray(0, 100)],
  ] as const) {
    const monitor = watch.monitorOf({ state_file: join(watch.folder, 'fresh.json') });
    watch.server.show(new Map([...files, [path, alter(files.get(path)!)]]));
    assert.deepEqual(kinds(await monitor.once()), ['tile_mismatch'], path);
    rmSync(join(watch.folder, 'fresh.json'), { force: true });
    watch.server.show(await filesOf(entriesOf(200)));
    await monitor.once();
    watch.server.show(new Map([...files, [path, alter(files.get(path)!)]]));
    const report = await monitor.once();
    assert.deepEqual(kinds(report), ['tile_mismatch'], `${path}, while growing`);
    assert.equal(report.trusted?.size, 200);
  }
});

test('a false record is named when records are checked', async () => {
  const files = await filesOf(entriesOf(600));
  const altered = await filesOf(
    entriesOf(600).map((entry, i) => (i === 517 ? Buffer.from('forged') : entry)),
  );
  const path = 'tile/entries/002.p/88';
  watch.server.show(new Map([...files, [path, altered.get(path)!]]));
  assert.equal(
    (await watch.monitorOf({ state_file: join(watch.folder, 'tree.json') }).once()).verdict,
    'consistent',
  );
  const report = await watch.monitorOf({ entries: true }).once();
  assert.deepEqual(kinds(report), ['entry_mismatch']);
  assert.match(report.findings[0]!.detail, /record 517 /);
  watch.server.show(new Map([...files, [path, files.get(path)!.subarray(0, 50)]]));
  assert.deepEqual(kinds(await watch.monitorOf({ entries: true }).once()), ['entry_mismatch']);
});

test('records are checked from where the last check ended', async () => {
  watch.server.show(await filesOf(entriesOf(600)));
  await watch.monitorOf({ entries: true }).once();
  watch.server.asked.length = 0;
  watch.server.show(await filesOf(entriesOf(700)));
  assert.equal((await watch.monitorOf({ entries: true }).once()).entries_checked, 700);
  assert.deepEqual(
    watch.server.asked.filter((path) => path.startsWith('tile/entries/')),
    ['tile/entries/002.p/188'],
  );
});

test('partial tiles that are gone are taken from the full ones', async () => {
  const [now_files, later] = [await filesOf(entriesOf(300)), await filesOf(entriesOf(512))];
  const files = new Map([...now_files, ...later, ['checkpoint', now_files.get('checkpoint')!]]);
  for (const path of files.keys()) if (path.startsWith('tile/0/001.p/')) files.delete(path);
  for (const path of files.keys()) if (path.startsWith('tile/entries/001.p/')) files.delete(path);
  watch.server.show(files);
  const report = await watch.monitorOf({ entries: true }).once();
  assert.deepEqual([report.verdict, report.faults], ['consistent', []]);
});

test('bundles may come compressed', async () => {
  const files = await filesOf(entriesOf(300));
  watch.server.show(files);
  watch.server.answer = ({ path, respond }) => {
    if (!path.startsWith('tile/entries/')) return false;
    respond(200, { 'content-encoding': 'gzip' }, gzipSync(files.get(path)!));
    return true;
  };
  assert.equal((await watch.monitorOf({ entries: true }).once()).entries_checked, 300);
});

test('the policy: not trusted before its witnesses have cosigned', async () => {
  const witnesses = [
    signerOf('w.example/1', 'ed25519_cosignature', 21),
    signerOf('w.example/2', 'ml_dsa_44_cosignature', 22),
  ] as const;
  const lines = witnesses.map(({ key }, i) => `witness w${i + 1} ${formatVerifierKey(key)}\n`);
  const policy = parsePolicy(`${lines.join('')}group both all w1 w2\nquorum both\n`);
  const monitor = watch.monitorOf({ policy });
  watch.server.show(await filesOf(entriesOf(5), [LOG_SIGNER, witnesses[0]]));
  const report = await monitor.once();
  assert.deepEqual(kinds(report), ['policy_not_met']);
  assert.match(report.findings[0]!.detail, /w2/);
  assert.equal(report.trusted, null);
  watch.server.show(await filesOf(entriesOf(5), [LOG_SIGNER, ...witnesses]));
  assert.equal((await monitor.once()).verdict, 'consistent');
  watch.server.show(await filesOf(entriesOf(5), witnesses));
  assert.deepEqual(
    kinds(await monitor.once()),
    ['bad_signature'],
    'witnesses alone do not speak for the log',
  );
});

test('a fork is told even where the policy is not met', async () => {
  const { key } = signerOf('w.example/1', 'ed25519_cosignature', 21);
  watch.server.show(await filesOf(entriesOf(5)));
  await watch.monitorOf().once();
  watch.server.show(await filesOf(entriesOf(5, 'other ', 3)));
  const policy = parsePolicy(`witness w ${formatVerifierKey(key)}\nquorum w\n`);
  assert.deepEqual(kinds(await watch.monitorOf({ policy }).once()), ['policy_not_met', 'fork']);
});

test('a static folder is followed like a server', async () => {
  const log = join(watch.folder, 'exported');
  writeLog(log, await filesOf(entriesOf(300)));
  for (const prefix of [`file:${log}`, `file://${log}`]) {
    const monitor = watch.monitorOf({ prefix, entries: true, state_file: join(watch.folder, 'static.json') });
    assert.equal((await monitor.once()).verdict, 'consistent');
  }
  writeLog(log, await filesOf(entriesOf(310, 'other ', 20)));
  const report = await watch
    .monitorOf({ prefix: `file:${log}`, state_file: join(watch.folder, 'static.json') })
    .once();
  assert.deepEqual(kinds(report), ['fork']);
  const nowhere = await watch.monitorOf({ prefix: `file:${join(watch.folder, 'nowhere')}` }).once();
  assert.deepEqual([nowhere.verdict, nowhere.exit_code], ['not_checked', 3]);
});

test('a signed size of zero with another root, and an honest empty log', async () => {
  watch.server.show(new Map([['checkpoint', Buffer.from(await noteOf(0, '11'.repeat(32)))]]));
  assert.deepEqual(kinds(await watch.monitorOf().once()), ['tile_mismatch']);
});
