/**
 * kill -9 at random moments under load: nothing acknowledged is lost, the chain is intact, the next append works.
 *
 * INDELIBLE_KILLS sets how often each store is killed (default 1, and each writer is killed at the end; the
 * closing note of a release says 200).
 */
import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { openIndex, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { FULL } from '../support/runs.ts';

/** What each writer may record between two kills: more than any of them has to before it is killed. */
const ALLOWANCE = 400;
const KILLS = Number(process.env.INDELIBLE_KILLS ?? 1);
const WRITER = fileURLToPath(new URL('./writer.ts', import.meta.url));
const keys = [{ key_id: 'k1', secret: new Uint8Array(32).fill(7) }];

interface Writer {
  readonly child: ChildProcess;
  readonly acknowledged: Map<number, string>;
  allow(count: number): void;
  /** Resolves when this many more records were acknowledged. */
  progress(count: number): Promise<void>;
  kill(): Promise<void>;
}

async function startWriter(url: string, name: string, keyed: boolean): Promise<Writer> {
  const child = spawn(
    process.execPath,
    ['--conditions=source', WRITER, url, name, keyed ? 'keyed' : 'plain'],
    { stdio: ['pipe', 'pipe', 'pipe'] },
  );
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  const acknowledged = new Map<number, string>();
  let waiting: { count: number; resolve: () => void } | null = null;
  // Killed while something is written to it: that is what this test does.
  child.stdin.on('error', () => {});
  const lines = createInterface({ input: child.stdout });
  const exited = once(child, 'close');
  const ready = new Promise<void>((resolve, reject) => {
    lines.on('line', (line) => {
      if (line === 'ready') return resolve();
      const [seq, hash] = line.split(' ');
      // A line that the kill cut short was not read by anybody as an acknowledgement.
      if (hash?.length === 64) acknowledged.set(Number(seq), hash);
      if (waiting !== null && --waiting.count <= 0) waiting.resolve();
    });
    exited.then(() => reject(new Error(`the writer ended by itself: ${errors}`)));
  });
  await ready;
  return {
    child,
    acknowledged,
    allow: (count) => void child.stdin.write(`${count}\n`),
    progress: (count) =>
      new Promise((resolve, reject) => {
        waiting = { count, resolve };
        exited.then(() => reject(new Error(`the writer ended by itself: ${errors}`)));
      }),
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

async function assertKept(
  url: string,
  acknowledged: ReadonlyMap<number, string>,
  keyed: boolean,
): Promise<void> {
  const store = await openStore(url, { read_only: true });
  try {
    const seqs = [...acknowledged.keys()];
    const stored = await store.get(seqs);
    const found = new Map(stored.map(({ seq, line }) => [seq, Buffer.from(line.subarray(9, 73)).toString()]));
    for (const [seq, hash] of acknowledged) assert.equal(found.get(seq), hash, `acknowledged record ${seq}`);
    const report = await verifyLog({ store, keys: keyed ? keys : [], workers: 0 });
    assert.equal(report.ok, true, report.detail);
  } finally {
    await store.close();
  }
}

for (const { scheme, writers, keyed } of [
  { scheme: 'file', writers: 1, keyed: false },
  { scheme: 'file', writers: 1, keyed: true },
  { scheme: 'sqlite', writers: FULL ? 3 : 2, keyed: false },
]) {
  test(`${scheme}${keyed ? ', keyed' : ''}: ${KILLS} kills with ${writers} writer(s)`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'indelible-kill-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    // Small segments, so that kills also fall into rotations.
    const url =
      scheme === 'file' ? `file:${folder}/log?segment_bytes_max=65536` : `sqlite:${folder}/ledger.db`;
    let seed = 20261121;
    const random = (below: number) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % below;
    const acknowledged = new Map<number, string>();
    const running = [await startWriter(url, 'w0', keyed)];
    const others = Array.from({ length: writers - 1 }, (_, i) => startWriter(url, `w${i + 1}`, keyed));
    running.push(...(await Promise.all(others)));
    for (let kill = 0; kill < KILLS; kill++) {
      const victim = random(running.length);
      const reached = running[victim]!.progress(1 + random(200));
      for (const writer of running) writer.allow(ALLOWANCE);
      await reached;
      await running[victim]!.kill();
      assert.ok(running[victim]!.acknowledged.size > 0);
      for (const [seq, hash] of running[victim]!.acknowledged) acknowledged.set(seq, hash);
      if (writers === 1) await assertKept(url, running[victim]!.acknowledged, keyed);
      running[victim] = await startWriter(url, `w${victim}-${kill}`, keyed);
    }
    const reached = Promise.all(running.map(({ progress }) => progress(1)));
    for (const writer of running) writer.allow(ALLOWANCE);
    await reached;
    for (const writer of running) {
      await writer.kill();
      for (const [seq, hash] of writer.acknowledged) {
        assert.ok(!acknowledged.has(seq), `record ${seq} was acknowledged to two writers`);
        acknowledged.set(seq, hash);
      }
    }
    await assertKept(url, acknowledged, keyed);
    const ledger = await openLedger(url, { keys: keyed ? keys : [] });
    await ledger.record({ action: 'after.all' });
    await ledger.caughtUp();
    await ledger.close();
    const store = await openStore(url, { read_only: true });
    const index = await openIndex(url);
    const report = await verifyLog({ store, index, keys: keyed ? keys : [] });
    assert.deepEqual([report.ok, report.index?.lag], [true, 0], report.detail);
    t.diagnostic(`${acknowledged.size} acknowledged records, ${report.records_checked} in the log`);
    await index.close();
    await store.close();
  });
}
