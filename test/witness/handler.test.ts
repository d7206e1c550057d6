/** The protocol of a witness: every answer of the specification, and a state that never goes back. */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { DatabaseSync } from 'node:sqlite';
import { beforeEach, type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import {
  checkpointVerifier,
  EMPTY_ROOT,
  formatAddCheckpoint,
  formatVerifierKey,
  type IndelibleError,
  type NoteSigner,
  openNote,
  parseAddCheckpoint,
  parseNote,
  SIGNATURES,
} from '@indelible/core';
import {
  Witness,
  type WitnessAnswer,
  type WitnessOptions,
} from '../../packages/indelible/src/witness/handler.ts';
import { originHash, parseKnownLogs } from '../../packages/indelible/src/witness/known-logs.ts';
import { WitnessState } from '../../packages/indelible/src/witness/state.ts';
import { LOG_SIGNER, LOG_VKEY, noteOf, ORIGIN, signerOf } from '../monitor/support/served-log.ts';
import { type Branch, checkpointAt, proofOf, requestFor, rootAt } from './support/log.ts';

const RACER = fileURLToPath(new URL('./support/racer.ts', import.meta.url));
const NOW = 1_750_000_000_000;
const ED25519 = signerOf('w.example/1', 'ed25519_cosignature', 21);
const ML_DSA = signerOf('w.example/1', 'ml_dsa_44_cosignature', 22);
const OTHER_LOG = signerOf('example.com/other', 'ed25519', 31);

let folder: string;
beforeEach((context) => {
  folder = mkdtempSync(join(tmpdir(), 'indelible-witness-'));
  const made = folder;
  (context as TestContext).after(() => rmSync(made, { recursive: true }));
});

const states: WitnessState[] = [];
function witnessOf(options: Partial<WitnessOptions> = {}): Witness {
  const state = options.state ?? new WitnessState(folder);
  states.push(state);
  return new Witness({
    state,
    logs: parseKnownLogs(`# logs\n${LOG_VKEY}\n\n${formatVerifierKey(OTHER_LOG.key)}\n`),
    signers: [ED25519],
    clock: () => NOW,
    rate: { burst: 1e6, per_second: 1e6 },
    ...options,
  });
}
const post = (witness: Witness, body: string | Uint8Array): Promise<WitnessAnswer> =>
  witness.handle({ method: 'POST', path: '/add-checkpoint', body: Buffer.from(body), client: 'a' });
const ask = async (
  witness: Witness,
  old_size: number,
  size: number,
  branch: Branch = 0,
): Promise<WitnessAnswer> => post(witness, await requestFor(old_size, size, branch));

/** Whether the answer's cosignatures are valid for this checkpoint; their times. */
function times(answer: WitnessAnswer, note: string, signers: readonly NoteSigner[]): (number | null)[] {
  const cosigned = parseNote(note + answer.body);
  return openNote(
    cosigned,
    signers.map(({ key }) => checkpointVerifier(key, SIGNATURES)),
  ).map(({ time }) => time);
}

test('the body of a request is spelled as in the specification', () => {
  const body = [
    'old 20852014',
    'PlRNCrwHpqhGrupue0L7gxbjbMiKA9temvuZZDDpkaw=',
    'jrJZDmY8Y7SyJE0MWLpLozkIVMSMZcD5kvuKxPC3swk=',
    '5+pKlUdi2LeF/BcMHBn+Ku6yhPGNCswZZD1X/6QgPd8=',
    '/6WVhPs2CwSsb5rYBH5cjHV/wSmA79abXAwhXw3Kj/0=',
    '',
    'example.com/behind-the-sofa',
    '20852163',
    'CsUYapGGPo4dkMgIAUqom/Xajj7h2fB2MPA3j2jxq2I=',
    '',
    '— example.com/behind-the-sofa Az3grlgtzPICa5OS8npVmf1Myq/5IZniMp+ZJurmRDeOoRDe4URYN7u5/Zhcyv2q1gGzGku9nTo+zyWE+xeMcTOAYQ8=',
    '— example.com/behind-the-sofa opLqBQsREYCgu6xQkYQwJr9fo45a62DN9EdmHXnZdXNqlcVGlCum2Wks+49/V6267UEjw6QUXTS5Rovnzv++qbSzm9Q=',
    '',
  ].join('\n');
  const parsed = parseAddCheckpoint(Buffer.from(body));
  assert.equal(parsed.old_size, 20852014);
  assert.equal(parsed.proof.length, 4);
  assert.equal(formatAddCheckpoint(parsed), body);
});

test('200: cosigned with every key, verifiable by core, in the form of signature lines', async () => {
  const witness = witnessOf({ signers: [ED25519, ML_DSA] });
  const answer = await ask(witness, 0, 5);
  assert.equal(answer.status, 200);
  assert.match(answer.headers['content-type']!, /^text\/plain/);
  assert.match(answer.body, /^(?:— w\.example\/1 [A-Za-z0-9+/=]+\n){2}$/);
  assert.deepEqual(times(answer, await checkpointAt(5), [ED25519, ML_DSA]), [1_750_000_000, 1_750_000_000]);
  assert.equal((await ask(witness, 5, 300)).status, 200);
  assert.equal((await ask(witness, 300, 300)).status, 200, 'the same again is cosigned again');
});

test('404: an origin that is not known', async () => {
  const witness = witnessOf();
  const note = await checkpointAt(5, 0, [LOG_SIGNER], 'example.com/unknown');
  const body = formatAddCheckpoint({ old_size: 0, proof: [], note: parseNote(note) });
  assert.equal((await post(witness, body)).status, 404);
});

test('403: no signature of a known key, one of another log’s key, or a wrong one of a known key', async () => {
  const witness = witnessOf();
  const stranger = signerOf(ORIGIN, 'ed25519', 99);
  const good = parseNote(await checkpointAt(5));
  const wrong = { ...good.signatures[0]!, signature: new Uint8Array(64) };
  for (const note of [
    parseNote(await checkpointAt(5, 0, [stranger])),
    parseNote(await checkpointAt(5, 0, [OTHER_LOG])),
    { text: good.text, signatures: [wrong] },
    { text: good.text, signatures: [...good.signatures, wrong] },
  ]) {
    assert.equal((await post(witness, formatAddCheckpoint({ old_size: 0, proof: [], note }))).status, 403);
  }
  const both = parseNote(await checkpointAt(5, 0, [stranger, LOG_SIGNER]));
  const answer = await post(witness, formatAddCheckpoint({ old_size: 0, proof: [], note: both }));
  assert.equal(answer.status, 200, 'signatures of unknown keys are passed over');
});

test('400: what is no request, and an old size above the checkpoint’s', async () => {
  const witness = witnessOf();
  const body = await requestFor(0, 5);
  for (const bad of [
    '',
    'old 0\n',
    body.replace('old 0', 'old 00'),
    body.replace('old 0', 'old -1'),
    body.replace('old 0', 'Old 0'),
    body.replace('\n\n', `${`\n${'A'.repeat(43)}=\n`.repeat(64)}\n\n`),
    body.replace('\n\n', '\nnot base64\n\n'),
    body.replaceAll('\n', '\r\n'),
    body.slice(0, -1),
    Buffer.concat([Buffer.from(body), Buffer.from([0xff])]),
    body.replace('old 0', 'old 6'),
  ]) {
    assert.equal((await post(witness, bad)).status, 400, String(bad).slice(0, 40));
  }
  assert.equal((await post(witness, body)).status, 200, 'nothing was kept of all that');
});

test('409: another old size than the last one, with that size as the body', async () => {
  const witness = witnessOf();
  const first = await ask(witness, 3, 5);
  assert.deepEqual([first.status, first.body], [409, '0\n']);
  await ask(witness, 0, 150);
  for (const [from, to] of [
    [0, 5],
    [0, 150],
    [0, 300],
    [149, 300],
    [151, 300],
  ] as const) {
    const answer = await ask(witness, from, to);
    assert.deepEqual(
      [answer.status, answer.headers['content-type'], answer.body],
      [409, 'text/x.tlog.size', '150\n'],
      `${from} to ${to}`,
    );
  }
  assert.equal((await ask(witness, 150, 300)).status, 200);
});

test('422: proofs that do not hold, and another root at the same size', async () => {
  const witness = witnessOf();
  const note = parseNote(await checkpointAt(150));
  const not_empty = await post(witness, formatAddCheckpoint({ old_size: 0, proof: [EMPTY_ROOT], note }));
  assert.equal(not_empty.status, 422);
  const empty = parseNote(await noteOf(0, rootAt(1)));
  assert.equal(
    (await post(witness, formatAddCheckpoint({ old_size: 0, proof: [], note: empty }))).status,
    422,
  );
  await ask(witness, 0, 150);
  const larger = parseNote(await checkpointAt(300));
  const right = proofOf(150, 300);
  for (const proof of [[], right.slice(1), [...right, EMPTY_ROOT], right.toReversed(), proofOf(149, 300)]) {
    assert.equal(
      (await post(witness, formatAddCheckpoint({ old_size: 150, proof, note: larger }))).status,
      422,
    );
  }
  assert.equal((await ask(witness, 150, 300, 1)).status, 422, 'another history');
  assert.equal((await ask(witness, 150, 150, 1)).status, 422, 'another root');
  assert.equal((await ask(witness, 150, 300)).status, 200);
});

test('an empty log is cosigned, and grows from there', async () => {
  const witness = witnessOf();
  const empty = parseNote(await noteOf(0, EMPTY_ROOT));
  const body = formatAddCheckpoint({ old_size: 0, proof: [], note: empty });
  assert.equal((await post(witness, body)).status, 200);
  assert.equal((await post(witness, body)).status, 200);
  assert.equal((await ask(witness, 0, 7)).status, 200);
});

test('two notes for one size convict the log: both are kept', async () => {
  const state = new WitnessState(folder);
  const witness = witnessOf({ state });
  const signers = [signerOf(ORIGIN, 'ed25519', 99), LOG_SIGNER];
  const note = parseNote(await checkpointAt(150, 0, signers));
  await post(witness, formatAddCheckpoint({ old_size: 0, proof: [], note }));
  await ask(witness, 150, 150, 1);
  await ask(witness, 150, 150, 1);
  const kept = state.conflicts(ORIGIN);
  assert.deepEqual(kept, [{ note: await checkpointAt(150, 1), held_note: await checkpointAt(150) }]);
  await post(
    witness,
    formatAddCheckpoint({ old_size: 150, proof: [], note: parseNote(await checkpointAt(300)) }),
  );
  assert.equal(state.conflicts(ORIGIN).length, 1, 'a wrong proof alone convicts nobody');
});

test('the newest cosigned checkpoint is served, with the log’s verified signatures alone', async () => {
  const witness = witnessOf({ signers: [ED25519, ML_DSA], prefix: '/w' });
  const get = (origin: string, method = 'GET'): Promise<WitnessAnswer> =>
    witness.handle({
      method,
      path: `/w/${originHash(origin)}/checkpoint`,
      body: new Uint8Array(),
      client: 'a',
    });
  assert.equal((await get(ORIGIN)).status, 404);
  const stranger = signerOf(ORIGIN, 'ed25519', 99);
  const note = parseNote(await checkpointAt(5, 0, [stranger, LOG_SIGNER]));
  const body = Buffer.from(formatAddCheckpoint({ old_size: 0, proof: [], note }));
  await witness.handle({ method: 'POST', path: '/w/add-checkpoint', body, client: 'a' });
  const answer = await get(ORIGIN);
  assert.equal(answer.status, 200);
  const served = parseNote(answer.body);
  assert.equal(served.text, note.text);
  assert.deepEqual(
    served.signatures.map(({ key_id }) => key_id),
    [LOG_SIGNER, ED25519, ML_DSA].map(({ key }) => key.key_id),
  );
  assert.equal(
    originHash('go.sum database tree'),
    '46613be2987d5d316f5ad065e4aa2eee26ccdd3de17a3735cd0da18156a22bdd',
  );
  assert.equal((await get('example.com/unknown')).status, 404);
  assert.equal((await get(ORIGIN, 'POST')).status, 405);
});

test('other addresses and methods, and bodies above the limit', async () => {
  const witness = witnessOf();
  const at = async (method: string, path: string, body = ''): Promise<number> =>
    (await witness.handle({ method, path, body: Buffer.from(body), client: 'a' })).status;
  assert.equal(await at('GET', '/add-checkpoint'), 405);
  assert.equal(await at('POST', '/add-checkpoint/'), 404);
  assert.equal(await at('POST', '/sign-subtree'), 404);
  assert.equal(await at('GET', '/'), 404);
  assert.equal(await at('POST', '/add-checkpoint', 'x'.repeat(256 * 1024 + 1)), 413);
});

test('429 for a client that asks too often, and for no other', async () => {
  let now = NOW;
  const witness = witnessOf({ rate: { burst: 2, per_second: 0.5 }, clock: () => now });
  const from = (client: string): Promise<WitnessAnswer> =>
    witness.handle({ method: 'GET', path: '/x', body: new Uint8Array(), client });
  assert.deepEqual([(await from('a')).status, (await from('a')).status], [404, 404]);
  const limited = await from('a');
  assert.deepEqual([limited.status, limited.headers['retry-after']], [429, '2']);
  assert.equal((await from('b')).status, 404);
  now += 2000;
  assert.equal((await from('a')).status, 404);
});

test('a restart keeps the state, and so does a folder that is opened twice', async () => {
  const state = new WitnessState(folder);
  await ask(witnessOf({ state }), 0, 150);
  assert.equal(statSync(join(folder, 'witness.db')).mode & 0o777, 0o600);
  const second = witnessOf();
  assert.equal((await ask(second, 0, 300)).body, '150\n');
  state.close();
  assert.equal((await ask(second, 150, 300)).status, 200);
  assert.equal((await ask(witnessOf(), 300, 300)).status, 200);
});

test('a crash between persisting and answering: the client goes on by way of 409', async () => {
  const broken: NoteSigner = {
    key: ED25519.key,
    sign: () => {
      throw new Error('the power is gone');
    },
  };
  const state = new WitnessState(folder);
  const crashing = witnessOf({ state, signers: [broken] });
  assert.equal((await ask(crashing, 0, 150)).status, 500);
  state.close();
  const restarted = witnessOf();
  const conflict = await ask(restarted, 0, 150);
  assert.deepEqual([conflict.status, conflict.body], [409, '150\n']);
  assert.equal((await ask(restarted, 150, 150, 1)).status, 422, 'the other history is refused all the same');
  const answer = await ask(restarted, 150, 150);
  assert.deepEqual(times(answer, await checkpointAt(150), [ED25519]), [1_750_000_000]);
});

test('a state that cannot be written is not vouched for', async () => {
  const state = new WitnessState(folder);
  const witness = witnessOf({ state });
  state.close();
  const answer = await ask(witness, 0, 5);
  assert.deepEqual([answer.status, answer.headers['retry-after']], [503, '5']);
});

test('the state never shrinks, even for a program that forgets to compare', async () => {
  const state = new WitnessState(folder);
  await ask(witnessOf({ state }), 0, 150);
  for (const next of [
    { size: 149, root: rootAt(149) },
    { size: 150, root: rootAt(150, 1) },
  ]) {
    assert.throws(
      () => state.transact(ORIGIN, () => ({ ...next, note: 'x', seen_at: 0 })),
      (error: IndelibleError) => error.code === 'WITNESS_STATE',
    );
  }
  assert.throws(
    () => new DatabaseSync(join(folder, 'witness.db')).exec('DELETE FROM logs'),
    /never forgotten/,
  );
  assert.equal((await ask(witnessOf(), 0, 300)).body, '150\n');
});

test('while one process compares, no other can persist', () => {
  const [one, two] = [
    new WitnessState(folder, { busy_ms_max: 0 }),
    new WitnessState(folder, { busy_ms_max: 0 }),
  ];
  const next = { size: 5, root: rootAt(5), note: 'x', seen_at: 0 };
  one.transact(ORIGIN, () => {
    assert.throws(
      () => two.transact(ORIGIN, () => next),
      (error: IndelibleError) => error.code === 'WITNESS_STATE' && /locked/.test(error.message),
    );
    return next;
  });
  two.transact(ORIGIN, (held) => {
    assert.equal(held.size, 5);
    return null;
  });
  for (const state of [one, two]) state.close();
});

test('a file that is no witness’ state is refused', () => {
  writeFileSync(join(folder, 'witness.db'), 'not a database, though long enough to be taken for one');
  assert.throws(
    () => new WitnessState(folder),
    (error: IndelibleError) => error.code === 'WITNESS_STATE',
  );
  const other = join(folder, 'other');
  const db = new DatabaseSync(join(folder, 'foreign.db'));
  db.exec('PRAGMA application_id = 7; CREATE TABLE t (a)');
  db.close();
  new WitnessState(other).close();
  copyFileSync(join(folder, 'foreign.db'), join(other, 'witness.db'));
  for (const suffix of ['-wal', '-shm']) rmSync(join(other, `witness.db${suffix}`), { force: true });
  assert.throws(
    () => new WitnessState(other),
    (error: IndelibleError) => error.code === 'WITNESS_STATE',
  );
});

for (const branches of [
  [0, 1],
  [0, 0],
] as const) {
  const name = branches[1] === 1 ? 'two histories' : 'one history';
  test(`twenty checkpoints of ${name} from two processes: never two histories, never rolled back`, () =>
    race(branches));
}

async function race(branches: readonly Branch[]): Promise<void> {
  const racers = branches.map((branch) =>
    spawn(process.execPath, ['--conditions=source', RACER, folder, String(branch)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    }),
  );
  const outputs = racers.map((racer) => createInterface({ input: racer.stdout })[Symbol.asyncIterator]());
  for (const output of outputs) assert.equal((await output.next()).value, 'ready');
  for (const racer of racers) racer.stdin.write('go\n');
  const answers: { size: number; branch: Branch; status: number; body?: string }[] = [];
  for (const output of outputs) {
    for (let i = 0; i < 10; i++) answers.push(JSON.parse(String((await output.next()).value)));
  }
  await Promise.all(racers.map(async (racer) => racer.exitCode ?? once(racer, 'exit')));
  const cosigned = answers.filter(({ status }) => status === 200);
  assert.ok(cosigned.length > 0);
  assert.equal(new Set(cosigned.map(({ branch }) => branch)).size, 1, 'both histories were cosigned');
  for (const { size, branch, body } of cosigned) {
    const note = parseNote((await checkpointAt(size, branch)) + body);
    assert.equal(openNote(note, [checkpointVerifier(ED25519.key, SIGNATURES)]).length, 1);
  }
  const held = Number((await ask(witnessOf(), 0, 600)).body);
  assert.equal(held, Math.max(...cosigned.map(({ size }) => size)));
}

test('a witness refuses to start with what would fail later', () => {
  const refused = (options: Partial<WitnessOptions>): void => {
    assert.throws(
      () => witnessOf(options),
      (error: IndelibleError) => error.code === 'WITNESS_CONFIG',
    );
  };
  refused({ signers: [] });
  refused({ signers: [LOG_SIGNER] });
  refused({ prefix: '/w/' });
  refused({ prefix: 'w' });
  const long = signerOf('x'.repeat(256), 'ed25519', 1);
  const logs = parseKnownLogs(formatVerifierKey(long.key));
  refused({ signers: [ML_DSA], logs });
  witnessOf({ signers: [ED25519], logs });
});

test('the list of logs: several keys for one origin, an origin of its own, errors with their line', () => {
  const second = formatVerifierKey(signerOf(ORIGIN, 'ed25519', 8).key);
  const logs = parseKnownLogs(
    `${LOG_VKEY}\n# old key\n${second}\n${formatVerifierKey(OTHER_LOG.key)} other log\n`,
  );
  assert.deepEqual(
    [...logs].map(([origin, { keys }]) => [origin, keys.length]),
    [
      [ORIGIN, 2],
      ['other log', 1],
    ],
  );
  for (const text of [`\n${LOG_VKEY}x`, `\n${LOG_VKEY}`.repeat(2).slice(1), 'x\nnonsense']) {
    assert.throws(
      () => parseKnownLogs(text.startsWith('x') ? text.slice(1) : text),
      (error: IndelibleError) => error.code === 'WITNESS_CONFIG' && /line 2/.test(error.message),
    );
  }
});
