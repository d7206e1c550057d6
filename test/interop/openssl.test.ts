/**
 * Interoperability: OpenSSL verifies the signature on a checkpoint that we publish.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseNote, parseVerifierKey } from '@indelible/core';
import { serveTestLog } from './serve-test-log.ts';

/** What stands before the 32 bytes of an Ed25519 key in DER (RFC 8410). */
const PUBLIC_KEY_PREFIX = Buffer.from('302a300506032b6570032100', 'hex');

test('openssl pkeyutl verifies the signature of a checkpoint, and refuses another text', async (t) => {
  if (spawnSync('openssl', ['version']).status !== 0) {
    const reason = 'no openssl: install it';
    if (process.env.CI) throw new Error(reason);
    t.skip(reason);
    return;
  }
  const folder = mkdtempSync(join(tmpdir(), 'indelible-openssl-'));
  t.after(() => rmSync(folder, { recursive: true, force: true }));
  const { url, ledger, vkey } = await serveTestLog(t, 300);
  const served = await fetch(`${url}/log/${ledger.name}/checkpoint`);
  const note = parseNote(new Uint8Array(await served.arrayBuffer()));
  const paths = {
    key: join(folder, 'key.der'),
    text: join(folder, 'text'),
    signature: join(folder, 'signature'),
  };
  writeFileSync(paths.key, Buffer.concat([PUBLIC_KEY_PREFIX, parseVerifierKey(vkey).public_key]));
  writeFileSync(paths.signature, note.signatures[0]!.signature);
  const verify = (text: string): { status: number | null; output: string } => {
    writeFileSync(paths.text, text);
    const key = ['-pubin', '-inkey', paths.key, '-keyform', 'DER'];
    const input = ['-rawin', '-in', paths.text, '-sigfile', paths.signature];
    const { status, stdout } = spawnSync('openssl', ['pkeyutl', '-verify', ...key, ...input], {
      encoding: 'utf8',
    });
    return { status, output: stdout.trim() };
  };
  assert.deepEqual(verify(note.text), { status: 0, output: 'Signature Verified Successfully' });
  assert.equal(verify(note.text.replace(/^/, 'x')).status, 1);
});
