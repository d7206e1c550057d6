import assert from 'node:assert/strict';
import { mkdtemp, readdir, rm, unlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openIndex, openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { ChainKey, VerifyReport } from '../../packages/indelible/src/ledger/types.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';

const keys: ChainKey[] = [{ key_id: 'k1', secret: new Uint8Array(32).fill(7) }];

async function folder(t: TestContext): Promise<string> {
  const path = await mkdtemp(join(tmpdir(), 'indelible-truncation-'));
  t.after(() => rm(path, { recursive: true, force: true }));
  return path;
}

async function fill(ledger: Ledger, count: number): Promise<void> {
  for (let i = 0; i < count; i += 10) {
    await Promise.all(
      Array.from({ length: 10 }, (_, j) => ledger.record({ action: 'load.step', data: { i: i + j } })),
    );
  }
}

async function verifyAt(url: string, using: readonly ChainKey[]): Promise<VerifyReport> {
  const store = await openStore(url, { read_only: true });
  const index = await openIndex(url);
  try {
    return await verifyLog({ store, index, keys: using });
  } finally {
    await index.close();
    await store.close();
  }
}

for (const using of [[], keys]) {
  const flavour = using.length === 0 ? 'plain' : 'keyed';

  test(`pitfall 10, ${flavour}: evicting the oldest segments is recorded, and no false alarm`, async (t) => {
    const url = `file:${await folder(t)}?segment_bytes_max=20000&segments_max=3`;
    const ledger = await openLedger(url, { keys: using, name: 'test/bounded' });
    await fill(ledger, 600);
    await ledger.caughtUp();
    await ledger.close();
    const report = await verifyAt(url, using);
    assert.deepEqual([report.ok, report.findings], [true, []]);
    assert.ok(report.first_seq > 0, 'something was evicted');
    assert.ok(report.records_checked < 600);
    const again = await openLedger(url, { keys: using });
    assert.equal(again.name, 'test/bounded');
    await fill(again, 100);
    await again.caughtUp();
    await again.close();
    assert.equal((await verifyAt(url, using)).ok, true);
  });

  test(`pitfall 10, ${flavour}: a segment removed beyond what was recorded is found`, async (t) => {
    const path = await folder(t);
    const url = `file:${path}?segment_bytes_max=20000&segments_max=6`;
    const ledger = await openLedger(url, { keys: using });
    await fill(ledger, 1000);
    await ledger.close();
    const [oldest] = (await readdir(join(path, 'segments'))).sort();
    await unlink(join(path, 'segments', oldest!));
    const report = await verifyAt(url, using);
    assert.deepEqual([report.ok, report.damage, report.first_bad_seq], [false, 'head_missing', 0]);
  });
}

test('closing waits for a truncation under way', async (t) => {
  const path = await folder(t);
  const url = `file:${path}?segment_bytes_max=4000&segments_max=2`;
  const { promise: due, resolve: isDue } = Promise.withResolvers<void>();
  let is_closed = false;
  let was_closed = false;
  const ledger = await openLedger(url, {
    before_truncation: async () => {
      isDue();
      // Turns enough for a close that does not wait.
      for (let turn = 0; turn < 2000 && !is_closed; turn++) await readdir(path);
      was_closed = is_closed;
    },
  });
  let is_due = false;
  void due.then(() => (is_due = true));
  for (let i = 0; !is_due; i++) await ledger.record({ action: 'load.step', data: { i } });
  await ledger.close().finally(() => (is_closed = true));
  assert.equal(was_closed, false);
  const report = await verifyAt(url, []);
  assert.equal(report.ok, true, report.detail);
  assert.ok(report.first_seq > 0, 'what was due is done');
});

test('short-lived processes keep the bound too', async (t) => {
  const path = await folder(t);
  const url = `file:${path}?segment_bytes_max=4000&segments_max=2`;
  // Two runs to a segment: opening is what takes the time.
  const pad = 'x'.repeat(1500);
  for (let run = 0; run < 10; run++) {
    const ledger = await openLedger(url);
    await ledger.record({ action: 'short.run', data: { run, pad } });
    await ledger.close();
  }
  const segments = (await readdir(join(path, 'segments'))).sort();
  assert.ok(segments.length <= 3);
  assert.ok(Number.parseInt(segments[0]!, 10) > 3, 'much more than the bound was written');
  assert.equal((await verifyAt(url, [])).ok, true);
});

test('an application cannot record a truncation that excuses a cut', async (t) => {
  const ledger = await openLedger(`file:${await folder(t)}`);
  const forged = { action: 'ledger.truncated', data: { keep_from: 3, prev_hash: 'a'.repeat(64) } };
  await assert.rejects(ledger.record(forged), { code: 'EVENT_INVALID' });
  await ledger.close();
});
