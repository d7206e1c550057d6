/**
 * Tokens in a ledger of bounded size: the records that state them are evicted, the tokens are not.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { TokenRegistry } from '../../packages/indelible/src/access/token-registry.ts';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { verifyLog } from '../../packages/indelible/src/ledger/verify.ts';

test('a token still works after the segment with its record was evicted, and after a restart', async (t) => {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-eviction-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const url = `file:${join(folder, 'ledger')}?segment_bytes_max=65536&segments_max=2`;
  let ledger = await openLedger(url);
  let tokens = await TokenRegistry.open(ledger);
  const { token, secret } = await tokens.issue(
    { name: 'ci', scopes: ['audit:write'] },
    { type: 'user', id: 'root' },
  );
  const gone = await tokens.issue({ name: 'gone', scopes: ['admin'] }, { type: 'user', id: 'root' });
  await tokens.revoke('gone', { type: 'user', id: 'root' });
  const stated = (await ledger.head())!.seq;
  const data = 'x'.repeat(20_000);
  // Twice past the bound, so that the record that carried the token is evicted as well.
  for (const past of [stated, stated + 40]) {
    while ((await ledger.store.firstSeq()) <= past) await ledger.record({ action: 'filler', data });
  }
  await tokens.close();
  await ledger.close();

  ledger = await openLedger(url, { create: false });
  t.after(() => ledger.close());
  tokens = await TokenRegistry.open(ledger);
  t.after(() => tokens.close());
  assert.deepEqual(tokens.authenticate(secret), { token, refusal: null });
  assert.notEqual(tokens.authenticate(gone.secret).refusal, null);
  const report = await verifyLog({ store: ledger.store, workers: 0 });
  assert.equal(report.verdict, 'consistent', report.detail);
});
