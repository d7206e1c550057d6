/**
 * Every code block in the documentation holds.
 *
 * | fence | what happens |
 * |---|---|
 * | `json` | parsed, strictly; `json event` and `json record` must also be what they say |
 * | `ts` | type-checked and run in a folder of its own, with `indelible` and `@indelible/core` installed |
 * | `sh` | a transcript: `$ ` commands are run, what they print is compared; `…` stands for anything |
 * | `sql` | run against an empty SQLite database |
 * | `text`, `mermaid` | left alone |
 * | `sh no-run: REASON`, `ts no-run: REASON` | left alone, type-checked; for what cannot run in a test, like a server |
 *
 * The blocks of one file run in order, transcripts in one folder.
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, test } from 'node:test';
import { canonicalize, checkEvent, ERRORS, parseJson, parseRecord } from '@indelible/core';
import { DAMAGE_KINDS } from '../packages/indelible/src/ledger/types.ts';
import { SCHEMA } from '../packages/indelible/src/stores/sqlite/schema.ts';
import { ensureBuilt } from './support/built.ts';
import { type CodeBlock, codeBlocks } from './support/markdown.ts';
import { root } from './support/root.ts';
import { outputMatches, runTranscript, stepsOf } from './support/transcript.ts';

const files = globSync(['*.md', 'docs/**/*.md', 'examples/**/*.md', 'bench/*.md', 'packages/*/*.md'], {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
}).sort();
const documents = files.map((file) => ({ file, text: readFileSync(join(root, file), 'utf8') }));
const blocks = documents.flatMap(({ file, text }) => codeBlocks(text).map((block) => ({ ...block, file })));

const workshop = mkdtempSync(join(tmpdir(), 'indelible-docs-'));
symlinkSync(join(root, 'node_modules'), join(workshop, 'node_modules'));
writeFileSync(join(workshop, 'package.json'), '{"type":"module"}');
after(() => rmSync(workshop, { recursive: true }));

test('every block has a known language, and a reason if it does not run', () => {
  const known = /^(?:json(?: event| record)?|(?:ts|sh)(?: no-run: .+)?|sql|text|mermaid)$/;
  const odd = blocks
    .filter(({ language, note }) => !known.test(`${language} ${note}`.trim()))
    .map(({ file, line, language, note }) => `${file}:${line}: ${language} ${note}`);
  assert.deepEqual(odd, []);
});

test('every relative link leads somewhere', () => {
  const dead: string[] = [];
  for (const { file, text } of documents) {
    const prose = text.replace(/^( *)(`{3,})[\s\S]*?^\1\2$/gm, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target)) continue;
      const [path = '', anchor] = target.split('#');
      const found =
        path === '' ? [file] : globSync(join(dirname(file), path).replaceAll('\\', '/'), { cwd: root });
      if (found.length === 0) dead.push(`${file}: ${target}`);
      else if (anchor !== undefined && found[0]!.endsWith('.md') && !anchorsOf(found[0]!).has(anchor)) {
        dead.push(`${file}: ${target} (no such heading)`);
      }
    }
  }
  assert.deepEqual(dead, []);
});

function anchorsOf(file: string): Set<string> {
  const headings = readFileSync(join(root, file), 'utf8').matchAll(/^#+ +(.+)$/gm);
  return new Set(
    Array.from(headings, ([, text = '']) =>
      text
        .toLowerCase()
        .replace(/[^\p{L}\p{N} _-]/gu, '')
        .replaceAll(' ', '-'),
    ),
  );
}

for (const block of only('json')) {
  test(`${place(block)}: JSON`, () => {
    const value = parseJson(block.text);
    if (block.note === 'event') checkEvent(value);
    if (block.note === 'record') parseRecord(new TextEncoder().encode(canonicalize(value)));
  });
}

for (const block of only('sql')) {
  test(`${place(block)}: SQL`, () => {
    const database = new DatabaseSync(':memory:');
    database.exec(block.text);
    database.close();
  });
}

test('docs/format/store-sqlite.md shows the schema as it is made', () => {
  const shown = only('sql').find(({ file }) => file === 'docs/format/store-sqlite.md')!.text;
  for (const { type, name, sql } of SCHEMA) {
    if (type !== 'view') assert.ok(shown.includes(`${sql};\n`), `${type} ${name} is not shown as it is made`);
  }
});

test('docs/guides/tampering.md explains every kind of damage, and no other', () => {
  const page = readFileSync(join(root, 'docs/guides/tampering.md'), 'utf8');
  const explained = Array.from(page.matchAll(/^\| `(\w+)` \|/gm), ([, kind]) => kind);
  assert.deepEqual(explained.toSorted(), [...DAMAGE_KINDS].toSorted());
});

test('the pages that remedies of errors send people to are there', () => {
  const pages = Object.values(ERRORS).flatMap(({ remedy }) => remedy.match(/docs\/[\w/-]+\.md/g) ?? []);
  assert.deepEqual(
    pages.filter((page) => !existsSync(join(root, page))),
    [],
  );
});

const modules = only('ts').map((block, i) => {
  const path = join(workshop, `${block.file.replaceAll(/[^A-Za-z0-9]+/g, '-')}-${i}.ts`);
  // `export {}` makes a module of a block without imports, so that blocks do not share names.
  writeFileSync(path, `${block.text}\nexport {};\n`);
  return { block, path };
});

test('the TypeScript blocks type-check', { skip: modules.length === 0 && 'there are none yet' }, () => {
  const base = JSON.parse(readFileSync(join(root, 'tsconfig.base.json'), 'utf8')) as {
    compilerOptions: object;
  };
  const compilerOptions = {
    ...base.compilerOptions,
    noEmit: true,
    composite: false,
    declaration: false,
    declarationMap: false,
    allowImportingTsExtensions: true,
    customConditions: ['source'],
    types: ['node'],
  };
  writeFileSync(
    join(workshop, 'tsconfig.json'),
    JSON.stringify({ compilerOptions, files: modules.map(({ path }) => path) }),
  );
  const tsc = join(root, 'node_modules/typescript/bin/tsc');
  const { status, stdout } = spawnSync(process.execPath, [tsc, '-p', workshop], { encoding: 'utf8' });
  const lines = modules.map(({ block, path }) => `${path} is ${place(block)}`).join('\n');
  assert.equal(status, 0, `${stdout}\n${lines}`);
});

for (const { block, path } of modules) {
  if (block.note.startsWith('no-run')) continue;
  test(`${place(block)}: TypeScript`, (t) => {
    const cwd = mkdtempSync(join(workshop, 'run-'));
    t.after(() => rmSync(cwd, { recursive: true }));
    const run = spawnSync(process.execPath, ['--conditions=source', path], {
      cwd,
      encoding: 'utf8',
      timeout: 60_000,
    });
    assert.equal(run.status, 0, run.stdout + run.stderr);
  });
}

for (const file of new Set(only('sh').map((block) => block.file))) {
  const transcripts = only('sh').filter((block) => block.file === file && !block.note.startsWith('no-run'));
  if (transcripts.length === 0) continue;
  test(`${file}: transcripts`, () => {
    ensureBuilt();
    const cwd = join(workshop, `sh-${file.replaceAll(/[^A-Za-z0-9]+/g, '-')}`);
    mkdirSync(cwd);
    // The README is read at the top of a clone.
    symlinkSync(join(root, 'test'), join(cwd, 'test'));
    for (const block of transcripts) {
      assert.equal(runTranscript(block.text, cwd), null, place(block));
    }
  });
}

function only(language: string): (CodeBlock & { readonly file: string })[] {
  return blocks.filter((block) => block.language === language);
}

function place({ file, line }: { readonly file: string; readonly line: number }): string {
  return `${file}:${line}`;
}

test('transcripts: a difference is seen, and an ellipsis stands for anything', () => {
  assert.deepEqual(stepsOf('$ a \\\n> b\nx\n$ c\n'), [
    { command: 'a \\\nb', expected: 'x\n' },
    { command: 'c', expected: '' },
  ]);
  assert.ok(outputMatches('seq 4, hash abc\nok\n', 'seq 4, hash …\nok\n'));
  assert.ok(outputMatches('1\n2\n3\n4\n', '1\n…\n4\n'));
  assert.ok(!outputMatches('seq 5, hash abc\nok\n', 'seq 4, hash …\nok\n'));
  assert.ok(!outputMatches('ok\nand more\n', 'ok\n'));
  assert.ok(!outputMatches('a+b\n', 'aab\n') && outputMatches('a+b (c)\n', 'a+b (c)\n'));
  assert.match(runTranscript('$ echo hello\nhullo\n', workshop)!, /instead of/);
  assert.match(runTranscript('$ false\n', workshop)!, /exit code 1/);
  assert.equal(runTranscript('$ echo hello\nh…o\n', workshop), null);
});

test('code blocks: found with language, note and line', () => {
  assert.deepEqual(codeBlocks('a\n\n```json event\n{}\n```\n'), [
    { language: 'json', note: 'event', text: '{}\n', line: 4 },
  ]);
  assert.throws(() => codeBlocks('```ts\nlet a;\n'), /never closed/);
});
