/**
 * A log that shows two histories: one to its witness, one to us. Each is in order by itself; together they convict it.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import {
  checkpointVerifier,
  consistencyProof,
  formatVerifierKey,
  hashesOfLeaves,
  leafHash,
  openNote,
  parseNote,
  parsePolicy,
  SIGNATURES,
} from '@indelible/core';
import { Monitor } from '../../packages/indelible/src/monitor/monitor.ts';
import { WitnessClient } from '../../packages/indelible/src/witness/client.ts';
import { Witness } from '../../packages/indelible/src/witness/handler.ts';
import { originHash, parseKnownLogs } from '../../packages/indelible/src/witness/known-logs.ts';
import { serveWitness, type WitnessServer } from '../../packages/indelible/src/witness/serve.ts';
import { WitnessState } from '../../packages/indelible/src/witness/state.ts';
import {
  entriesOf,
  filesOf,
  LOG_SIGNER,
  LOG_VKEY,
  LogServer,
  ORIGIN,
  signerOf,
} from '../monitor/support/served-log.ts';

const WITNESS = signerOf('w.example/1', 'ml_dsa_44_cosignature', 22);
const folder = mkdtempSync(join(tmpdir(), 'indelible-split-'));
const state = new WitnessState(join(folder, 'witness'));
let log: LogServer;
let witness: WitnessServer;
before(async () => {
  log = await LogServer.start();
  const handler = new Witness({ state, logs: parseKnownLogs(LOG_VKEY), signers: [WITNESS] });
  witness = await serveWitness({ witness: handler, port: 0 });
});
after(async () => {
  await log.close();
  await witness.close();
  state.close();
  rmSync(folder, { recursive: true });
});

/** The files of a log, its checkpoint cosigned where the witness agrees. */
async function publish(
  entries: readonly Uint8Array[],
): Promise<{ files: Map<string, Uint8Array>; met: boolean }> {
  const url = witness.url;
  const policy = parsePolicy(`witness w ${formatVerifierKey(WITNESS.key)} ${url}\nquorum w\n`);
  const files = await filesOf(entries);
  const hashes = hashesOfLeaves(entries.map(leafHash));
  const { note, meets_policy } = await new WitnessClient({ policy }).cosign(
    Buffer.from(files.get('checkpoint')!).toString(),
    async (from) => consistencyProof(from, entries.length, hashes),
    new AbortController().signal,
  );
  files.set('checkpoint', Buffer.from(note));
  return { files, met: meets_policy };
}

test('the second history gets no cosignature, and a monitor that asks the witness finds both', async () => {
  const policy = parsePolicy(`witness w ${formatVerifierKey(WITNESS.key)}\nquorum w\n`);
  const options = {
    prefix: log.prefix,
    keys: [LOG_VKEY],
    wait: async () => {},
    others: [`${witness.url}/${originHash(ORIGIN)}/checkpoint`],
  };
  const honest = await publish(entriesOf(40));
  assert.equal(honest.met, true);
  log.show(honest.files);
  const careful = new Monitor({ ...options, policy, state_file: join(folder, 'careful.json') });
  assert.deepEqual(await careful.once().then(({ verdict, faults }) => [verdict, faults]), ['consistent', []]);

  const other = await publish(entriesOf(60, 'other ', 30));
  assert.equal(other.met, false);
  log.show(other.files);
  const found = await careful.once();
  assert.deepEqual(
    found.findings.map(({ kind }) => kind),
    ['policy_not_met', 'fork', 'fork'],
  );
  // One that starts only now, and asks for no cosignature, has nothing of its own to compare with.
  const late = await new Monitor({ ...options, state_file: join(folder, 'late.json') }).once();
  assert.deepEqual(
    late.findings.map(({ kind }) => kind),
    ['fork'],
  );
  const evidence = JSON.parse(readFileSync(late.findings[0]!.evidence!, 'utf8')) as Record<string, string>;
  for (const note of [evidence.trusted_note!, evidence.shown_note!]) {
    assert.equal(openNote(parseNote(note), [checkpointVerifier(LOG_SIGNER.key, SIGNATURES)]).length, 1);
  }
  assert.match(evidence.trusted_note!, /^example\.com\/log\n40\n/);
});
