/** The file that `npx indelible` runs, on the built output. */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { before, type TestContext, test } from 'node:test';
import { ensureBuilt } from '../support/built.ts';
import { root } from '../support/root.ts';

before(ensureBuilt);

/** An installed package whose folder is the test's to change. */
async function installed(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-start-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  const source = join(root, 'packages/indelible');
  await mkdir(join(folder, 'bin'));
  for (const file of ['bin/indelible.js', 'package.json']) await cp(join(source, file), join(folder, file));
  await symlink(join(source, 'dist'), join(folder, 'dist'));
  return folder;
}

function version(folder: string) {
  // Neither a home nor a temporary folder: what is kept must not end up there.
  const env = { PATH: process.env.PATH ?? '', HOME: '/nonexistent', TMPDIR: '/nonexistent' };
  const args = [join(folder, 'bin/indelible.js'), '--version'];
  const { status, stdout, stderr } = spawnSync(process.execPath, args, { env, encoding: 'utf8' });
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/);
  assert.deepEqual([status, stderr], [0, '']);
}

test('compiled code is kept inside the package', async (t) => {
  const folder = await installed(t);
  version(folder);
  assert.ok((await readdir(join(folder, '.cache'), { recursive: true })).length > 1);
  version(folder);
});

test('a package that cannot be written starts all the same', async (t) => {
  const folder = await installed(t);
  // Also root cannot make a folder where a file is.
  await writeFile(join(folder, '.cache'), '');
  version(folder);
});
