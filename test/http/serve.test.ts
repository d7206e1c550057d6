/**
 * `serve` as a process of its own: what it prints, and that it shuts down in order.
 */
import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { isIndelibleError } from '@indelible/core';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import { event, recordsOf } from './support.ts';

const SERVE = new URL('../../packages/indelible/src/http/serve.ts', import.meta.url).href;

async function temporaryFolder(t: { after(work: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-serve-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

// With SQLite, and through the command line: test/cli/serve.test.ts.
test("the URL first, an administrator's secret once; SIGTERM ends it in order", async (t) => {
  const folder = await temporaryFolder(t);
  const url = `file:${join(folder, 'ledger')}`;
  const script = `
    import { serve } from ${JSON.stringify(SERVE)};
    const running = await serve({ ledger_urls: [${JSON.stringify(url)}], port: 0, reads: 'grouped' });
    await running.closed;
    console.log('closed');
  `;
  const program = join(folder, 'serve.mjs');
  await writeFile(program, script);
  const child = spawn(process.execPath, ['--conditions=source', program], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let logged = '';
  child.stderr.setEncoding('utf8').on('data', (piece: string) => (logged += piece));
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  const address = (await lines.next()).value as string;
  assert.match(address, /^http:\/\/127\.0\.0\.1:\d+$/);
  const secret = /^Administrator token, shown this once: (ind_\S+)$/.exec(
    (await lines.next()).value as string,
  )![1]!;
  const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
  const posted = await fetch(`${address}/v1/records`, { method: 'POST', headers, body: event('a') });
  assert.equal(posted.status, 201);
  assert.equal((await fetch(`${address}/v1/audit`, { headers })).status, 200);
  child.kill('SIGTERM');
  assert.equal((await lines.next()).value, 'closed');
  const [code] = (await once(child, 'close')) as [number | null];
  assert.equal(code, 0, logged);
  assert.ok(!logged.includes(secret));

  const printed: string[] = [];
  const print = (line: string) => void printed.push(line);
  const again = await serve({ ledger_urls: [url], port: 0, reads: 'grouped', print, log_level: 'silent' });
  assert.equal((await fetch(`${again.url}/v1/records`, { headers })).status, 200, 'the token is still good');
  process.emit('SIGINT');
  await again.closed;
  assert.deepEqual(printed, [again.url], 'no second secret');

  const ledger = await openLedger(url, { create: false });
  t.after(() => ledger.close());
  assert.equal((await recordsOf(ledger, 'a')).length, 1);
  assert.equal((await recordsOf(ledger, 'access.token_created')).length, 1);
  assert.equal((await recordsOf(ledger, 'access.read')).length, 2, 'grouped reads were written on closing');
});

test('an address that is taken is an error, and leaves the ledger free', async (t) => {
  const folder = await temporaryFolder(t);
  const printed: string[] = [];
  const options = { print: (line: string) => void printed.push(line), signals: false, log_level: 'silent' };
  const first = await serve({ ...options, ledger_urls: ['memory:'], port: 0 });
  t.after(() => first.close());
  const url = `file:${join(folder, 'ledger')}`;
  await assert.rejects(serve({ ...options, ledger_urls: [url], port: Number(new URL(first.url).port) }), {
    code: 'EADDRINUSE',
  });
  await (await openLedger(url)).close();
  assert.equal(printed.length, 2);
});

test('two ledgers of one name are refused', async () => {
  const options = {
    ledger_urls: ['memory:', 'memory:'],
    port: 0,
    print: () => {},
    signals: false,
    log_level: 'silent',
  };
  await assert.rejects(serve(options), (error) => isIndelibleError(error, 'USAGE'));
});
