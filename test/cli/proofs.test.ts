/** prove, check, checkpoint, export-log: what somebody gets who does not trust us. */
import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { formatPolicy, parseVerifierKey, verifierKey } from '@indelible/core';
import { type Here, makeHere } from './run-here.ts';

const NAME = 'acme.example/prod';
const STRANGER = 'example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k';

/** A signed ledger with one event, its proof and its record in files. */
async function proven(here: Here, env: Readonly<Record<string, string>> = {}) {
  await here.json(['init', '--name', NAME], env);
  const { seq } = await here.json(['record', 'invoice.paid', '--message', 'hello'], env);
  const { vkey } = await here.json(['signing-key', 'show'], env);
  const [proof, record] = [join(here.folder, 'proof'), join(here.folder, 'record.json')];
  assert.equal((await here.run(['prove', String(seq), '--out', proof], env)).code, 0);
  const shown = await here.run(['show', String(seq), '--json'], env);
  await writeFile(record, shown.stdout);
  return { seq: seq as number, vkey: vkey as string, proof, record };
}

const here = await makeHere({ after });
let seq: number;
let vkey: string;
let proof: string;
let record: string;
before(async () => {
  ({ seq, vkey, proof, record } = await proven(here));
});

test('a proof convinces whoever has the record and the verifier key, without the ledger', async () => {
  await rename(join(here.folder, 'ledger'), join(here.folder, 'away'));
  const shown = await here.run(['check', proof, '--key', vkey, '--record', record]);
  assert.equal(shown.code, 0, shown.stderr);
  assert.match(shown.stdout, new RegExp(`verdict +included: this record is number ${seq} of the log`));
  assert.match(shown.stdout, /claims of the log/, 'says what it does not prove');
  const { origin, index, size, signed_by } = await here.json([
    'check',
    proof,
    '--key',
    vkey,
    '--record',
    record,
  ]);
  assert.deepEqual([origin, index, size, signed_by], [NAME, seq, seq + 1, [NAME]]);
  await rename(join(here.folder, 'away'), join(here.folder, 'ledger'));
});

test('an altered record is wrong, and what cannot be checked is never called right', async () => {
  const altered = join(here.folder, 'altered.json');
  await writeFile(altered, (await readFile(record, 'utf8')).replace('hello', 'hullo'));
  const forged = join(here.folder, 'forged');
  await writeFile(
    forged,
    (await readFile(proof, 'utf8')).replace(/^\d+\n(?=[A-Za-z0-9+/]{43}=\n\n)/m, '9\n'),
  );
  const cases: [args: string[], code: number, says: RegExp][] = [
    [[proof, '--key', vkey, '--record', altered], 1, /PROOF_WRONG/],
    [[forged, '--key', vkey, '--record', record], 1, /SIGNATURE_WRONG/],
    [[proof, '--key', vkey], 3, /not checked: the proof is for record/],
    [[proof, '--key', STRANGER, '--record', record], 3, /SIGNATURE_MISSING/],
    [[proof, '--key', vkey, '--origin', 'acme.example/test', '--record', record], 3, /CHECKPOINT_OTHER_LOG/],
    [[record, '--key', vkey, '--record', record], 3, /PROOF_INVALID/],
    [[proof, '--key', vkey, '--record', join(here.folder, 'none')], 3, /INPUT_UNREADABLE/],
    [[proof, '--key', vkey, '--record', proof], 3, /INPUT_UNREADABLE.*no record/],
    [[proof, '--record', record], 2, /USAGE/],
    [[proof, '--key', 'x+00000000+AAAA', '--record', record], 2, /VERIFIER_KEY_INVALID/],
  ];
  for (const [args, code, says] of cases) {
    const result = await here.run(['check', ...args]);
    assert.match(result.stdout + result.stderr, says);
    assert.equal(result.code, code, args.join(' '));
    assert.doesNotMatch(result.stdout, /verdict +included/);
  }
});

test('a policy asks for witnesses, and may name the log', async () => {
  const witness = verifierKey('example.com/w', 'ed25519_cosignature', new Uint8Array(32).fill(9));
  const logs = [{ key: parseVerifierKey(vkey), url: null }];
  const policy = join(here.folder, 'policy');
  const asking = { logs, witnesses: [{ name: 'w', key: witness, url: null }], groups: [], quorum: 'w' };
  await writeFile(policy, formatPolicy(asking));
  const missing = await here.run(['check', proof, '--policy', policy, '--record', record]);
  assert.equal(missing.code, 3);
  assert.match(missing.stderr, /WITNESSES_MISSING/);
  await writeFile(policy, formatPolicy({ ...asking, quorum: 'none' }));
  assert.equal((await here.run(['check', proof, '--policy', policy, '--record', record])).code, 0);
});

test('the record of a keyed ledger is checked without its secret, and found in an export', async (t) => {
  const here = await makeHere(t);
  const env = { INDELIBLE_KEY: `k1:${'ab'.repeat(32)}` };
  const { seq, vkey, proof } = await proven(here, env);
  const lines = join(here.folder, 'all.jsonl');
  await here.json(['export', '--format', 'jsonl', '--out', lines], env);
  assert.equal((await here.run(['check', proof, '--key', vkey, '--record', lines])).code, 0);
  const others = join(here.folder, 'others.jsonl');
  const rest = (await readFile(lines, 'utf8')).split('\n').filter((line) => !line.includes(`"seq":${seq},`));
  await writeFile(others, rest.join('\n'));
  const none = await here.run(['check', proof, '--key', vkey, '--record', others]);
  assert.match(none.stderr, new RegExp(`INPUT_UNREADABLE: there is no record ${seq} among`));
});

test('without a checkpoint there is no proof, and the next command to try is named', async (t) => {
  const here = await makeHere(t);
  await here.json(['init', '--no-signing']);
  for (const args of [['prove', '0'], ['checkpoint'], ['export-log', join(here.folder, 'out')]]) {
    const result = await here.run(args);
    assert.equal(result.code, 3, args.join(' '));
    assert.match(result.stderr, /CHECKPOINT_MISSING/);
  }
  const now = await here.run(['checkpoint', '--now']);
  assert.equal(now.code, 3);
  assert.match(now.stderr, /SIGNER_MISSING: .*indelible signing-key new/);
  assert.equal((await here.run(['prove', '99'])).code, 3);
  assert.equal((await here.run(['prove', 'x'])).code, 2);
});

test('export-log writes static files, goes on where it was, and is recorded', async () => {
  const out = join(here.folder, 'out');
  const first = await here.json(['export-log', out]);
  assert.equal(first.recorded, true);
  assert.equal(await readFile(join(out, 'log.vkey'), 'utf8'), `${vkey}\n`);
  // The keys as they were exported will do to check.
  const args = ['check', proof, '--key', join(out, 'log.vkey'), '--record', record];
  assert.equal((await here.run(args)).code, 0);
  const second = await here.json(['export-log', out, '--unrecorded']);
  assert.deepEqual(
    [second.size, second.recorded],
    [first.size + 1, false],
    'the record of the first is in it',
  );
  const { stdout } = await here.run(['checkpoint']);
  assert.equal(await readFile(join(out, 'checkpoint'), 'utf8'), stdout);
  const { record: exported } = await here.json(['show', String(first.size)]);
  assert.deepEqual([exported.action, exported.data.size], ['ledger.log_exported', first.size]);
  const hashes = join(here.folder, 'hashes');
  const bare = await here.json(['export-log', hashes, '--no-entries']);
  assert.equal(bare.recorded, false);
  assert.deepEqual(await readdir(join(hashes, 'tile')), ['0']);
  await mkdir(join(here.folder, 'foreign'));
  await writeFile(join(here.folder, 'foreign', 'checkpoint'), stdout.replace(NAME, 'acme.example/test'));
  const refused = await here.run(['export-log', join(here.folder, 'foreign')]);
  assert.match(refused.stderr, /CHECKPOINT_OTHER_LOG/);
});

test('prove gives out nothing for a record that is not the one that was signed', async () => {
  const segments = join(here.folder, 'ledger/segments');
  const [segment] = await readdir(segments);
  const text = await readFile(join(segments, segment!), 'utf8');
  await chmod(join(segments, segment!), 0o600);
  await writeFile(join(segments, segment!), text.replace('hello', 'hullo'));
  const result = await here.run(['prove', String(seq)]);
  assert.equal(result.code, 1, result.stderr);
  assert.match(result.stderr, /TAMPERING: record \d+ is not the one that was signed/);
  assert.equal(result.stdout, '');
});
