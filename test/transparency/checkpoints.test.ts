/** When checkpoints are signed, and what keeps them from being. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import {
  checkCheckpoint,
  formatNote,
  leafHash,
  type NoteSigner,
  parseNote,
  SIGNATURES,
  signText,
} from '@indelible/core';
import type { OpenOptions } from '../../packages/indelible/src/compose.ts';
import {
  check,
  folder,
  ManualTimers,
  NAME,
  openLedger,
  record,
  rejectsWith,
  signer,
  until,
} from './support.ts';

async function open(t: TestContext, url: string, options: OpenOptions = {}) {
  const timers = new ManualTimers();
  const ledger = await openLedger(url, {
    name: NAME,
    signer: signer(),
    checkpoint_timers: timers,
    ...options,
  });
  t.after(() => ledger.close());
  return { ledger, timers, transparency: ledger.transparency! };
}

test('the first checkpoint comes at once, later ones at most one in each interval, a last one on closing', async (t) => {
  const url = `sqlite:${join(folder(t), 'ledger.db')}`;
  const { ledger, timers, transparency } = await open(t, url);
  assert.equal(timers.next_ms, 0, 'the announcement of the key is due');
  assert.equal(transparency.signed_size, 0);
  timers.advance(0);
  await until('the first', () => transparency.signed_size === 2);
  await record(ledger, 10);
  await until('the next is planned', () => timers.next_ms !== null);
  assert.equal(timers.next_ms, 1000);
  await record(ledger, 10);
  timers.advance(999);
  assert.equal(transparency.signed_size, 2);
  timers.advance(1);
  await until('the second', () => transparency.published_size === 22);
  assert.equal(timers.next_ms, null, 'nothing is signed without need');
  await record(ledger, 1);
  await ledger.close();
  const reader = await openLedger(url, { read_only: true });
  const sizes = [];
  for await (const { size, note } of reader.transparency!.history()) {
    sizes.push(size);
    const log_keys = reader.transparency!.verifier_keys;
    const { checkpoint } = checkCheckpoint(parseNote(note), {
      log_keys,
      origin: NAME,
      algorithms: SIGNATURES,
    });
    assert.equal(checkpoint.size, size);
  }
  assert.deepEqual(sizes, [2, 22, 23]);
  await reader.close();
});

for (const keys of [[], [{ key_id: 'k1', secret: new Uint8Array(32).fill(7) }]]) {
  test(`a receipt waits for its checkpoint and gives its proof, ${keys.length === 0 ? 'plain' : 'keyed'}`, async (t) => {
    const { ledger, timers, transparency } = await open(t, 'memory:', { keys });
    timers.advance(0);
    const [first, second] = await record(ledger, 2);
    const proof = ledger.proof(second!);
    await until('a checkpoint is due', () => timers.next_ms !== null);
    timers.advance(1000);
    const [stored] = await ledger.get([second!.seq]);
    const leaf = leafHash(Buffer.from(stored!.body));
    assert.equal(leaf === second!.hash, keys.length === 0, 'a keyed ledger’s hashes are no leaves');
    const checked = check(await proof, leaf, transparency.verifier_keys);
    assert.equal(checked.index, second!.seq);
    await rejectsWith('PROOF_WRONG', () => ledger.proof({ seq: first!.seq, hash: second!.hash }));
  });
}

test('waiting ends with the signal, and with the ledger', async (t) => {
  const { ledger, transparency } = await open(t, 'memory:');
  const stop = new AbortController();
  const given_up = transparency.waitFor(1_000_000, stop.signal);
  const left = transparency.waitFor(1_000_000);
  stop.abort(new Error('enough'));
  await assert.rejects(given_up, /enough/);
  const closing = rejectsWith('LEDGER_CLOSED', () => left);
  await ledger.close();
  await closing;
});

test('without a signer there is no transparency, but a tree that is there goes on growing', async (t) => {
  const url = `file:${join(folder(t), 'ledger')}`;
  const plain = await openLedger(url, { name: NAME });
  assert.equal(plain.transparency, null);
  assert.equal(plain.stats.checkpoints, null);
  await rejectsWith('SIGNER_MISSING', () => plain.proof({ seq: 0, hash: '' }));
  await plain.close();
  const { ledger } = await open(t, url);
  await ledger.close();
  const again = await openLedger(url);
  const receipts = await record(again, 600);
  assert.deepEqual([again.transparency!.signed_size, again.transparency!.fault], [2, null]);
  await rejectsWith('SIGNER_MISSING', () => again.transparency!.checkpointNow());
  await again.close();
  const signing = await open(t, url);
  const { size } = await signing.transparency.checkpointNow();
  assert.equal(size, 602);
  const proof = await signing.transparency.proofFile(receipts[300]!.seq);
  check(proof, receipts[300]!.hash, signing.transparency.verifier_keys);
});

test('a signer that fails never keeps records from being recorded; its fault is shown, and it is tried again', async (t) => {
  const inner = signer();
  let behaviour: 'works' | 'throws' | 'lies' = 'works';
  const faulty: NoteSigner = {
    key: inner.key,
    sign: async (message) => {
      if (behaviour === 'throws') throw new Error('device unplugged');
      return behaviour === 'lies' ? new Uint8Array(64) : inner.sign(message);
    },
  };
  const { ledger, timers, transparency } = await open(t, 'memory:', { signer: faulty });
  await transparency.checkpointNow();
  for (const how of ['throws', 'lies'] as const) {
    behaviour = how;
    await record(ledger, 1);
    timers.advance(60_000);
    await until(`the fault of a signer that ${how}`, () => transparency.fault?.code === 'SIGNER_FAILED');
    await until('it is tried again', () => timers.next_ms !== null);
    assert.equal((await record(ledger, 3)).length, 3);
    assert.equal(ledger.stats.checkpoints?.fault?.code, 'SIGNER_FAILED');
    assert.equal(ledger.stats.fault, null, 'recording has no fault');
    behaviour = 'works';
    timers.advance(60_000);
    await until('it works again', () => transparency.fault === null);
    assert.equal(transparency.published_size, (await ledger.head())!.seq + 1);
  }
  behaviour = 'throws';
  await record(ledger, 1);
  await rejectsWith('SIGNER_FAILED', () => transparency.checkpointNow());
  await ledger.close();
});

test('faults of a signer are retried ever more slowly, up to a minute', async (t) => {
  const faulty = { ...signer(), sign: () => Promise.reject(new Error('down')) };
  const { timers, transparency } = await open(t, 'memory:', { signer: faulty });
  const waits: number[] = [];
  for (let i = 0; i < 9; i++) {
    await until('a try is planned', () => timers.next_ms !== null);
    waits.push(timers.next_ms!);
    timers.advance(timers.next_ms!);
  }
  assert.deepEqual(waits, [0, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 60_000]);
  assert.equal(transparency.signed_size, 0);
});

test('withheld until enough witnesses cosigned; then published with their signatures', async (t) => {
  const witness = signer(9, 'witness.example');
  let meets_policy = false;
  const seen: { size: number; proof: number }[] = [];
  const { ledger, timers, transparency } = await open(t, 'memory:', {
    withhold_until_policy: true,
    cosigner: {
      cosign: async (note, proof) => {
        const size = Number(note.split('\n')[1]);
        seen.push({ size, proof: size > 2 ? (await proof(2)).length : 0 });
        const parsed = parseNote(note);
        const signatures = [...parsed.signatures, await signText(parsed.text, witness)];
        return {
          note: formatNote({ text: parsed.text, signatures }),
          meets_policy,
          faults: ['witness.example: asleep'],
        };
      },
    },
  });
  timers.advance(0);
  await until('the fault', () => transparency.fault?.code === 'WITNESSES_MISSING');
  assert.match(transparency.fault!.message, /witness\.example: asleep/);
  assert.deepEqual([transparency.signed_size, await transparency.latest()], [2, null]);
  await rejectsWith('WITNESSES_MISSING', () => transparency.checkpointNow());
  meets_policy = true;
  await until('it is tried again', () => timers.next_ms !== null);
  timers.advance(60_000);
  await until('it is published', () => transparency.published_size === 2);
  assert.equal(transparency.fault, null);
  assert.equal(parseNote((await transparency.latest())!.note).signatures.length, 2);
  await record(ledger, 5);
  assert.equal((await transparency.checkpointNow()).size, 7);
  assert.deepEqual(seen.at(-1), { size: 7, proof: 2 });
});

test('withheld by one process is withheld by all, until one says otherwise', async (t) => {
  const url = `file:${join(folder(t), 'ledger')}`;
  const cosigner = { cosign: async (note: string) => ({ note, meets_policy: false, faults: [] }) };
  const serving = await open(t, url, { withhold_until_policy: true, cosigner });
  await serving.ledger.close();
  const recording = await open(t, url);
  await record(recording.ledger, 3);
  await rejectsWith('WITNESSES_MISSING', () => recording.transparency.checkpointNow());
  assert.deepEqual([recording.transparency.signed_size, await recording.transparency.latest()], [5, null]);
  await recording.ledger.close();
  const open_again = await open(t, url, { withhold_until_policy: false });
  assert.equal((await open_again.transparency.checkpointNow()).size, 5);
});

test('not withheld: published at once, and replaced by the cosigned note', async (t) => {
  const { promise, resolve } = Promise.withResolvers<void>();
  const { timers, transparency } = await open(t, 'memory:', {
    cosigner: {
      cosign: async (note) => {
        await promise;
        const parsed = parseNote(note);
        const cosignature = await signText(parsed.text, signer(9, 'witness.example'));
        return {
          note: formatNote({ ...parsed, signatures: [...parsed.signatures, cosignature] }),
          meets_policy: true,
          faults: [],
        };
      },
    },
  });
  timers.advance(0);
  await until('it is published', () => transparency.published_size === 2);
  assert.equal(parseNote((await transparency.latest())!.note).signatures.length, 1);
  resolve();
  await until(
    'it is cosigned',
    async () => parseNote((await transparency.latest())!.note).signatures.length === 2,
  );
});
