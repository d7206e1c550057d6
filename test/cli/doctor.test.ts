/** What the doctor says of ledgers that he can hardly open. In this process: no command line is needed for it. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { chmod, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { type Check, examine } from '../../packages/indelible/src/cli/checkup.ts';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { root } from '../support/root.ts';
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

test('doctor: a database that may be opened and not written is said to be so', async (t) => {
  const { folder, url } = await filled(t, 'sqlite');
  // Permissions do not bind root: then somebody else looks, provided that they can read the program.
  const user = process.getuid?.() === 0 ? { uid: 65_534, gid: 65_534 } : {};
  const look = ['-e', 'require("node:fs").accessSync(process.argv[1])', fileURLToPath(import.meta.url)];
  if (spawnSync(process.execPath, look, user).status !== 0)
    return t.skip('the other user cannot read the program');
  await chmod(folder, 0o777);
  await chmod(`${folder}/ledger`, 0o444);
  const script = `
    import { examine } from './packages/indelible/src/cli/checkup.ts';
    console.log(JSON.stringify(await examine(process.argv[1], {})));`;
  const args = ['--conditions=source', '--input-type=module', '-e', script, url];
  const { stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, TMPDIR: folder },
    ...user,
  });
  assert.equal(stderr, '');
  const writing = (JSON.parse(stdout) as Check[]).find(({ name }) => name === 'writing')!;
  assert.equal(writing.status, 'fail', writing.detail);
  assert.match(writing.detail, /^STORE_READ_ONLY: .*permission denied/);
});
