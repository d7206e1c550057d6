/**
 * kill -9 of processes that record into one bucket: nothing acknowledged is lost, nothing is there twice, and what a
 * killed append left behind is no damage. INDELIBLE_S3_KILLS sets how many (default 1; a release says 20).
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';
import { type Buckets, lockedUrl, newPrefix, openStore } from './support.ts';

const KILLS = Number(process.env.INDELIBLE_S3_KILLS ?? 1);
const WRITER = fileURLToPath(new URL('../faults/writer.ts', import.meta.url));
const ALLOWANCE = 400;

interface Writer {
  readonly acknowledged: Map<number, string>;
  /** Resolves when so many more were acknowledged. */
  progress(count: number): Promise<void>;
  kill(): Promise<void>;
}

async function startWriter(url: string, name: string): Promise<Writer> {
  const child = spawn(process.execPath, ['--conditions=source', WRITER, url, name, 'plain'], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  let errors = '';
  child.stderr.on('data', (chunk) => {
    errors += chunk;
  });
  child.stdin.on('error', () => {}); // It is killed while it is written to.
  const exited = once(child, 'close');
  const acknowledged = new Map<number, string>();
  let heard = Promise.withResolvers<void>();
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [seq, hash] = line.split(' ');
    if (hash?.length === 64) acknowledged.set(Number(seq), hash);
    heard.resolve();
    heard = Promise.withResolvers<void>();
  });
  const progress = async (count: number): Promise<void> => {
    const enough = acknowledged.size + count;
    child.stdin.write(`${ALLOWANCE}\n`);
    while (acknowledged.size < enough) {
      if (child.exitCode !== null) throw new Error(`the writer ended by itself: ${errors}`);
      await Promise.race([heard.promise, exited]);
    }
  };
  return {
    acknowledged,
    progress,
    async kill() {
      child.kill('SIGKILL');
      await exited;
    },
  };
}

export function kills(buckets: () => Buckets): void {
  test(`${KILLS} kills of two writers in one bucket`, async (t) => {
    const folder = await mkdtemp(join(tmpdir(), 'indelible-s3-kill-'));
    t.after(() => rm(folder, { recursive: true, force: true }));
    const address = lockedUrl(buckets(), newPrefix());
    let started = 0;
    const start = () => startWriter(`${address}&local=${join(folder, String(started))}`, `w${started++}`);
    const running = await Promise.all([start(), start()]);
    const ended: Writer[] = [];
    t.after(() => Promise.all(running.map((writer) => writer.kill())));
    for (let kill = 0; kill < KILLS; kill++) {
      const victim = kill % 2;
      await running[victim]!.progress(1 + ((kill * 7) % 40));
      await running[victim]!.kill();
      ended.push(running[victim]!);
      if (kill + 1 < KILLS) running[victim] = await start();
    }
    for (const writer of running) await writer.kill();
    const acknowledged = new Map<number, string>();
    for (const writer of new Set([...ended, ...running])) {
      for (const [seq, hash] of writer.acknowledged) {
        assert.ok(!acknowledged.has(seq), `record ${seq} was acknowledged twice`);
        acknowledged.set(seq, hash);
      }
    }
    const store = await openStore(address, { read_only: true });
    const seqs = [...acknowledged.keys()];
    const found = new Map(
      (await store.get(seqs)).map(({ seq, line }) => [seq, Buffer.from(line.subarray(9, 73)).toString()]),
    );
    for (const [seq, hash] of acknowledged) assert.equal(found.get(seq), hash, `acknowledged record ${seq}`);
    const report = await verifyLog({ store });
    assert.equal(report.ok, true, report.detail);
    t.diagnostic(
      `${acknowledged.size} acknowledged, ${report.records_checked} in the log, ${report.store_notes.length} leftovers`,
    );
    await store.close();
  });
}
