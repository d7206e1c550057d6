/**
 * Interoperability: a Go program that knows nothing of us reads a log that we serve, and one that we exported.
 *
 * Needs Go and golang.org/x/mod (Debian: golang-go, golang-golang-x-mod-dev).
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { tilePath } from '@indelible/core';
import { exportLog } from '../../packages/indelible/src/transparency/export-log.ts';
import { root } from '../support/root.ts';
import { serveTestLog } from './serve-test-log.ts';

const run = promisify(execFile);
const PROGRAM = fileURLToPath(new URL('./logcheck.go', import.meta.url));
const GO_PATH = '/usr/share/gocode';
const RECORDS = 70_000;

/** Path of the compiled checker, or null after skipping the test. Where CI is set, a missing Go fails instead. */
async function compileOrSkip(t: TestContext, folder: string): Promise<string | null> {
  const there = await run('go', ['version']).then(
    () => existsSync(join(GO_PATH, 'src/golang.org/x/mod/sumdb/tlog')),
    () => false,
  );
  if (!there) {
    const reason = 'no Go with golang.org/x/mod: install golang-go and golang-golang-x-mod-dev';
    if (process.env.CI) throw new Error(reason);
    t.skip(reason);
    return null;
  }
  const path = join(folder, 'logcheck');
  const env = {
    ...process.env,
    GO111MODULE: 'off',
    GOPATH: GO_PATH,
    // Go's own library takes ten times as long to compile as the program.
    GOCACHE: join(root, 'node_modules/.cache/indelible-tests/go'),
    GOFLAGS: '',
  };
  await run('go', ['build', '-o', path, PROGRAM], { env });
  return path;
}

function check(program: string, prefix: string, vkey: string): Promise<{ code: number; text: string }> {
  return run(program, [prefix, vkey]).then(
    ({ stdout }) => ({ code: 0, text: stdout.trim() }),
    (error: { code: number; stderr: string }) => ({ code: error.code, text: error.stderr.trim() }),
  );
}

/** Changes one byte of a file. */
function damage(path: string, at: number): void {
  const bytes = readFileSync(path);
  bytes[at]! ^= 1;
  writeFileSync(path, bytes);
}

test(`Go's sumdb verifies the ${RECORDS} records that we serve, and names one that was tampered with`, async (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-go-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const program = await compileOrSkip(t, folder);
  if (program === null) return;
  const { url, ledger, vkey } = await serveTestLog(t, RECORDS);
  const { origin } = ledger.transparency!;
  const { size } = (await ledger.transparency!.latest())!;
  assert.ok(size >= RECORDS);
  assert.deepEqual(await check(program, `${url}/log/${origin}`, vkey), {
    code: 0,
    text: `ok ${origin} ${size}`,
  });

  const exported = join(folder, 'log');
  await exportLog({ transparency: ledger.transparency!, folder: exported });
  assert.deepEqual(await check(program, exported, vkey), { code: 0, text: `ok ${origin} ${size}` });
  // Byte 10 is in the body of the bundle's first entry.
  damage(join(exported, tilePath({ level: 'entries', index: 200, width: 256 })), 10);
  assert.deepEqual(await check(program, exported, vkey), { code: 1, text: 'entry 51200 was tampered with' });
  damage(join(exported, tilePath({ level: 'entries', index: 200, width: 256 })), 10);
  damage(join(exported, tilePath({ level: 0, index: 3, width: 256 })), 32);
  const below = "tiles: their leaves are not those under the checkpoint's root";
  assert.deepEqual(await check(program, exported, vkey), { code: 1, text: below });
  damage(join(exported, tilePath({ level: 0, index: 3, width: 256 })), 32);
  damage(join(exported, tilePath({ level: 1, index: 0, width: 256 })), 32);
  const above = 'tile/8/1/000 is not what the leaves amount to';
  assert.deepEqual(await check(program, exported, vkey), { code: 1, text: above });
});
