/** monitor, witness: others who look after a log. */
import assert from 'node:assert/strict';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatPolicy, parseVerifierKey } from '@indelible/core';
import { verifyWebhook } from '../../packages/indelible/src/anchors/webhook/signature.ts';
import { createCosigner } from '../../packages/indelible/src/compose.ts';
import { receiver } from './receiver.ts';
import { jsonLines, makePlace, outcome, said } from './run-cli.ts';
import { makeHere } from './run-here.ts';

const KEY = { INDELIBLE_SIGNING_KEY: Buffer.alloc(32, 5).toString('base64') };
const SECRET = `whsec_${Buffer.alloc(32, 6).toString('base64')}`;

test('monitor --once: 0 in order, 1 a contradiction and the webhook told, 3 not checked', async (t) => {
  const here = await makeHere(t);
  const { vkey } = await history('ledger', ['a', 'b']);
  const state = ['--state', join(here.folder, 'state.json')];
  const look = (...more: string[]) =>
    here.run(['monitor', `file:${join(here.folder, 'out')}`, '--key', vkey, '--once', ...state, ...more]);
  const first = await look('--entries');
  assert.equal(first.code, 0, first.stdout + first.stderr);
  assert.match(first.stdout, /verdict consistent/);
  assert.match(first.stdout, /This does not prove:/);
  // The same length with another history, under the same key.
  await rm(join(here.folder, 'out'), { recursive: true });
  await history('fork', ['a', 'x']);
  const hook = await receiver(t);
  const args = [
    'monitor',
    `file:${join(here.folder, 'out')}`,
    '--key',
    vkey,
    '--once',
    ...state,
    '--webhook',
    hook.url,
  ];
  const fork = await here.run(args, { INDELIBLE_WEBHOOK_SECRET: SECRET });
  assert.equal(fork.code, 1, fork.stdout);
  assert.match(fork.stdout, /fork: .*evidence: /);
  const [told] = hook.got;
  verifyWebhook(told!.headers, told!.body, SECRET);
  assert.equal(JSON.parse(told!.body).data.kind, 'fork');
  await rm(join(here.folder, 'out'), { recursive: true });
  const gone = await look();
  assert.equal(gone.code, 3);
  assert.match(gone.stdout, /not checked/);
  assert.equal((await look('--silence', 'soon')).code, 2);

  async function history(name: string, actions: readonly string[]) {
    const env = { ...KEY, INDELIBLE_LEDGER: `file:${join(here.folder, name)}` };
    await here.json(['init'], env);
    for (const action of actions) await here.json(['record', action], env);
    await here.json(['export-log', join(here.folder, 'out'), '--unrecorded'], env);
    return here.json(['signing-key', 'show'], env);
  }
});

test('witness makes its keys once and cosigns; check counts it; monitor goes on until Ctrl-C', async (t) => {
  const place = await makePlace(t);
  const file = (name: string) => join(place.folder, name);
  await place.json(['init'], { env: KEY });
  const { seq } = await place.json(['record', 'a'], { env: KEY });
  await place.json(['export-log', 'out', '--unrecorded']);
  const args = [
    'witness',
    '--state',
    'state',
    '--key',
    'w.key',
    '--logs',
    'out/log.vkey',
    '--listen',
    '127.0.0.1:0',
  ];
  assert.match((await place.run(args)).stderr, /WITNESS_CONFIG: .*--name/);
  const witness = place.start([...args, '--name', 'witness.example/w1'], { input: '' });
  const ended = outcome(witness);
  const lines = (await said(witness, 'Cosigns 1 log.')).split('\n');
  const [url, vkey] = [lines[0]!, lines[1]!];
  const key = parseVerifierKey(vkey);
  assert.equal(key.type, 'ed25519_cosignature');
  const policy = formatPolicy({ logs: [], witnesses: [{ name: 'w', key, url }], groups: [], quorum: 'w' });
  await writeFile(file('policy'), policy);

  const note = await readFile(file('out/checkpoint'), 'utf8');
  const cosigner = await createCosigner(policy);
  const cosigned = await cosigner.cosign(note, async () => [], new AbortController().signal);
  assert.ok(cosigned.meets_policy, cosigned.faults.join());
  await writeFile(file('out/checkpoint'), cosigned.note);
  const [lines_of_proof] = (await place.run(['prove', String(seq)])).stdout.split('\n\n');
  const proof = `${lines_of_proof}\n\n${cosigned.note}`;
  await writeFile(file('proof'), proof);
  const record = await place.run(['show', String(seq), '--json']);
  const checked = await place.run(
    ['check', 'proof', '--key', 'out/log.vkey', '--policy', 'policy', '--record', '-'],
    { input: record.stdout },
  );
  assert.equal(checked.code, 0, checked.stderr);
  assert.match(checked.stdout, /witness +w, which saw it at 20/);

  const monitor = place.start(
    [
      'monitor',
      `file:${file('out')}`,
      '--key',
      'out/log.vkey',
      '--policy',
      'policy',
      '--every',
      '1s',
      '--json',
    ],
    { input: '' },
  );
  const watched = outcome(monitor);
  await said(monitor, '"verdict":"consistent"');
  for (const child of [monitor, witness]) child.kill('SIGINT');
  const [{ code, stdout }, stopped] = await Promise.all([watched, ended]);
  assert.equal(code, 0);
  assert.equal(jsonLines(stdout)[0].trusted.size, seq + 1);
  assert.equal(stopped.code, 0, stopped.stderr);
  assert.match(stopped.stderr, /made the keys of this witness/);
});
