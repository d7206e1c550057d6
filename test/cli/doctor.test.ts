/** What the doctor says of ledgers that he can hardly open. In this process: no command line is needed for it. */
import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { examine } from '../../packages/indelible/src/cli/checkup.ts';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { destroyPage } from '../support/sqlite-page.ts';

async function filled(t: TestContext, scheme: string): Promise<{ folder: string; url: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-doctor-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const url = `${scheme}:${folder}/ledger`;
  const ledger = await openLedger(url);
  await Promise.all(
    Array.from({ length: 100 }, () => ledger.record({ action: 'load.step', data: 'x'.repeat(500) })),
  );
  await ledger.close();
  return { folder, url };
}

test('doctor: a head that cannot be read is a failed check, and the store is looked at all the same', async (t) => {
  const sqlite = await filled(t, 'sqlite');
  await destroyPage(`${sqlite.folder}/ledger`, '"seq":100,');
  const file = await filled(t, 'file');
  const segments = join(file.folder, 'ledger/segments');
  const last = join(segments, (await readdir(segments)).sort().at(-1)!);
  await writeFile(last, `${await readFile(last, 'utf8')}garbage\n`);
  for (const { url } of [sqlite, file]) {
    const checks = await examine(url, {});
    const ledger = checks.find(({ name }) => name === 'ledger')!;
    assert.deepEqual([ledger.status, ledger.tampering], ['fail', true]);
    assert.match(ledger.detail, /^LEDGER_DAMAGED: /);
    assert.match(ledger.next!, /indelible verify/);
    const names = checks.map(({ name }) => name);
    assert.ok(names.includes('store') && names.includes('disk'), names.join());
  }
});
