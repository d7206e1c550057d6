/**
 * Core runs in a browser: shown on the built output, first by following its imports, then in a real Chromium.
 */
import assert from 'node:assert/strict';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import { stripTypeScriptTypes } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { before, test } from 'node:test';
import { ensureBuilt } from './support/built.ts';
import { chromiumOrSkip, launch } from './support/chromium.ts';
import { browserGraph } from './support/module-graph.ts';
import { root } from './support/root.ts';

const entry = join(root, 'packages/core/dist/index.js');

before(ensureBuilt);

test('no module of Node reaches the browser entry of core', () => {
  const graph = browserGraph(entry);
  const names = [...graph.files].map((file) => relative(root, file));
  assert.deepEqual(graph.unreachable, []);
  assert.ok(names.includes('packages/core/dist/crypto/portable.js'), 'the portable crypto is chosen');
  assert.ok(names.includes('packages/core/dist/crypto/portable-signatures.js'), 'and so are its signatures');
  assert.deepEqual(
    names.filter((name) => /crypto\/node/.test(name)),
    [],
    'the crypto for Node is not',
  );
});

test('the graph check sees a Node module when there is one', (t) => {
  const folder = mkdtempSync(join(tmpdir(), 'indelible-graph-'));
  t.after(() => rmSync(folder, { recursive: true }));
  writeFileSync(join(folder, 'a.js'), "export * from './b.js';\n");
  writeFileSync(join(folder, 'b.js'), "import { readFileSync } from 'node:fs';\n");
  const { unreachable } = browserGraph(join(folder, 'a.js'));
  assert.deepEqual(unreachable, [{ specifier: 'node:fs', file: join(folder, 'b.js') }]);
});

test('the vectors hold in Chromium, on the built output', { timeout: 120_000 }, async (t) => {
  const executable = chromiumOrSkip(t);
  if (executable === null) return;
  const { server, origin } = await serve(pages());
  t.after(() => server.close());
  const browser = await launch(executable);
  t.after(() => browser.close());
  const page = await browser.newPage();
  const problems: string[] = [];
  page.on('pageerror', (error) => problems.push(String(error)));
  page.on('request', (request) => {
    if (!request.url().startsWith(origin)) problems.push(`asked for ${request.url()}`);
  });
  page.on('response', (response) => {
    if (response.status() !== 200) problems.push(`${response.status()} for ${response.url()}`);
  });
  await page.goto(`${origin}/`);
  const result = await page.evaluate<{
    checked: Record<string, number>;
    failures: string[];
    has_process: boolean;
  }>(`import('/run.js').then((module) => module.run())`);
  assert.deepEqual(problems, []);
  assert.deepEqual(result.failures, []);
  assert.equal(result.has_process, false, 'this is a browser');
  for (const [name, least] of Object.entries({
    canonical: 200,
    rejects: 120,
    merkle: 311,
    records: 200,
    chains: 100,
    signatures: 400,
    proofs: 240,
    tlog: 400,
    exchanges: 19,
  })) {
    assert.ok(
      (result.checked[name] ?? 0) >= least,
      `${name}: only ${result.checked[name]} comparisons were made`,
    );
  }
});

const RUN = `
import * as core from '@indelible/core';
import { checkCanonical, checkChains, checkMerkle, checkRecords, checkRejects, Tally } from '/vector-checks.ts';
import { checkExchanges, checkProofs, checkSignatures, checkTlog } from '/tlog-checks.ts';
const vectors = async (name) => (await fetch('/vectors/' + name + '.json')).json();
export async function run() {
  const checked = {};
  const failures = [];
  const work = { canonical: [checkCanonical, 'canonical-json'], rejects: [checkRejects, 'canonical-json-rejects'],
    merkle: [checkMerkle, 'merkle-roots'], records: [checkRecords, 'records'], chains: [checkChains, 'chains'],
    signatures: [checkSignatures, 'published'], proofs: [checkProofs, 'merkle-proofs'], tlog: [checkTlog, 'tlog'],
    exchanges: [checkExchanges, 'published'] };
  for (const [name, [check, file]] of Object.entries(work)) {
    const tally = new Tally();
    await check(core, await vectors(file), tally);
    checked[name] = tally.checked;
    failures.push(...tally.failures);
  }
  return { checked, failures, has_process: 'process' in globalThis };
}`;

interface Page {
  readonly type: string;
  readonly text: string;
}

/** Everything the browser may ask for, by path: the graph of core, the checks, the vectors. */
function pages(): Map<string, Page> {
  const graph = browserGraph(entry);
  const pathOf = (file: string): string => `/${relative(root, file)}`;
  const imports = Object.fromEntries([...graph.bare].map(([name, file]) => [name, pathOf(file)]));
  imports['@indelible/core'] = pathOf(entry);
  const map = new Map<string, Page>([
    ['/', html(`<!doctype html><script type="importmap">${JSON.stringify({ imports })}</script>`)],
    ['/run.js', script(RUN)],
    ['/favicon.ico', { type: 'image/x-icon', text: '' }],
  ]);
  for (const file of graph.files) map.set(pathOf(file), script(readFileSync(file, 'utf8')));
  // Under their own names, since they import each other.
  for (const name of ['vector-checks.ts', 'tlog-checks.ts']) {
    const source = readFileSync(join(root, 'test/support', name), 'utf8');
    map.set(`/${name}`, script(stripTypeScriptTypes(source)));
  }
  for (const name of globSync('*.json', { cwd: join(root, 'vectors') })) {
    const text = readFileSync(join(root, 'vectors', name), 'utf8');
    map.set(`/vectors/${name}`, { type: 'application/json', text });
  }
  return map;
}

const html = (text: string): Page => ({ type: 'text/html; charset=utf-8', text });
const script = (text: string): Page => ({ type: 'text/javascript; charset=utf-8', text });

async function serve(map: ReadonlyMap<string, Page>): Promise<{ server: Server; origin: string }> {
  const server = createServer((request, response) => {
    const page = map.get(request.url ?? '');
    response.writeHead(page === undefined ? 404 : 200, { 'content-type': page?.type ?? 'text/plain' });
    response.end(page?.text ?? 'not found');
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return { server, origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}` };
}
