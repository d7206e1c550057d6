/**
 * Every code block in the documentation holds.
 *
 * | fence | what happens |
 * |---|---|
 * | `json` | parsed, strictly; `json event` and `json record` must also be what they say |
 * | `ts` | type-checked and run in a folder of its own, with `indelible` and `@indelible/core` installed |
 * | `sh` | a transcript: `$ ` commands are run, what they print is compared; `…` stands for anything |
 * | `sql` | run against an empty SQLite database |
 * | `sql postgres` | run against a PostgreSQL database with our schema, by who installed it and is no superuser |
 * | `sql installed` | each statement stands in what `indelible pg sql` prints, as it is |
 * | `text`, `mermaid` | left alone |
 * | `sh no-run: REASON`, `ts no-run: REASON`, `sql no-run: REASON` | left alone, type-checked; for what cannot run in a test, like a server |
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
import { ANCHOR_SQL } from '../packages/indelible/src/anchors/database/postgres-schema.ts';
import { DAMAGE_KINDS } from '../packages/indelible/src/ledger/types.ts';
import { connectPostgres } from '../packages/indelible/src/stores/postgres/connection.ts';
import { installSql } from '../packages/indelible/src/stores/postgres/schema/index.ts';
import { SCHEMA } from '../packages/indelible/src/stores/sqlite/schema.ts';
import { DASHBOARD, hostedDatabase } from './postgres/hosted.ts';
import { ensureBuilt } from './support/built.ts';
import { type CodeBlock, codeBlocks } from './support/markdown.ts';
import { noPostgres, type PostgresServer, startPostgres } from './support/postgres.ts';
import { runPrograms } from './support/programs.ts';
import { root } from './support/root.ts';
import { outputMatches, plainWords, runTranscript, stepsOf } from './support/transcript.ts';

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
  const known =
    /^(?:json(?: event| record)?|(?:ts|sh|sql)(?: no-run: .+)?|sql(?: postgres| installed)?|text|mermaid)$/;
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

for (const block of only('sql').filter(({ note }) => note === '')) {
  test(`${place(block)}: SQL`, () => {
    const database = new DatabaseSync(':memory:');
    database.exec(block.text);
    database.close();
  });
}

for (const block of only('sql').filter(({ note }) => note === 'installed')) {
  test(`${place(block)}: SQL as it is installed`, () => {
    const script = installSql();
    for (const statement of block.text.split(/^(?=CREATE )/m))
      assert.ok(script.includes(statement.trim()), `this is not made so:\n${statement}`);
  });
}

const in_postgres = Map.groupBy(
  only('sql').filter(({ note }) => note === 'postgres'),
  ({ file }) => file,
);
let postgres: PostgresServer | null = null;
after(() => postgres?.stop());
for (const [file, blocks_of_file] of in_postgres) {
  test(`${file}: SQL in PostgreSQL`, { skip: noPostgres() }, async () => {
    postgres ??= await startPostgres();
    const connection = await connectPostgres(postgres.url(await hostedDatabase(postgres), DASHBOARD));
    try {
      // As it is pasted into a SQL editor.
      await connection.query('RESET search_path');
      await connection.query(installSql());
      for (const block of blocks_of_file) {
        const problem = await connection.query(block.text).then(() => null, String);
        assert.equal(problem, null, place(block));
      }
    } finally {
      await connection.end();
    }
  });
}

test('docs/guides/anchors.md shows the statement that makes the table in PostgreSQL', () => {
  const shown = only('sql').filter(({ file }) => file === 'docs/guides/anchors.md');
  assert.ok(shown.some(({ text }) => text.includes(`${ANCHOR_SQL};\n`)));
});

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
  // Against what is published: checking the source again with them would take ten times as long.
  ensureBuilt();
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

const runnable = modules.filter(({ block }) => !block.note.startsWith('no-run'));
let running: ReturnType<typeof runPrograms> | null = null;
const ran = () => (running ??= runPrograms(runnable.map(({ path }) => path)));
for (const { block, path } of runnable) {
  test(`${place(block)}: TypeScript`, async () => {
    const { problems, output } = await ran();
    const problem = problems.get(path);
    assert.equal(problem, null, problem === undefined ? output : problem!);
  });
}

test('the TypeScript blocks leave nothing open', { skip: runnable.length === 0 }, async () => {
  const { status, output } = await ran();
  assert.equal(status, 0, output);
});

for (const file of new Set(only('sh').map((block) => block.file))) {
  const transcripts = only('sh').filter((block) => block.file === file && !block.note.startsWith('no-run'));
  if (transcripts.length === 0) continue;
  test(`${file}: transcripts`, async () => {
    ensureBuilt();
    const cwd = join(workshop, `sh-${file.replaceAll(/[^A-Za-z0-9]+/g, '-')}`);
    mkdirSync(cwd);
    // The README is read at the top of a clone.
    symlinkSync(join(root, 'test'), join(cwd, 'test'));
    for (const block of transcripts) {
      assert.equal(await runTranscript(block.text, cwd), null, place(block));
    }
  });
}

function only(language: string): (CodeBlock & { readonly file: string })[] {
  return blocks.filter((block) => block.language === language);
}

function place({ file, line }: { readonly file: string; readonly line: number }): string {
  return `${file}:${line}`;
}

test('transcripts: a difference is seen, and an ellipsis stands for anything', async () => {
  assert.deepEqual(stepsOf('$ a \\\n> b\nx\n$ c\n'), [
    { command: 'a \\\nb', expected: 'x\n' },
    { command: 'c', expected: '' },
  ]);
  assert.ok(outputMatches('seq 4, hash abc\nok\n', 'seq 4, hash …\nok\n'));
  assert.ok(outputMatches('1\n2\n3\n4\n', '1\n…\n4\n'));
  assert.ok(!outputMatches('seq 5, hash abc\nok\n', 'seq 4, hash …\nok\n'));
  assert.ok(!outputMatches('ok\nand more\n', 'ok\n'));
  assert.ok(!outputMatches('a+b\n', 'aab\n') && outputMatches('a+b (c)\n', 'a+b (c)\n'));
  assert.match((await runTranscript('$ echo hello\nhullo\n', workshop))!, /instead of/);
  assert.match((await runTranscript('$ false\n', workshop))!, /exit code 1/);
  assert.equal(await runTranscript('$ echo hello\nh…o\n', workshop), null);
});

test('transcripts: what a shell makes something of is left to it', () => {
  assert.deepEqual(plainWords(`indelible record a.b \\\n  --data '{"a": [1]}' --x "y z"`), [
    ...['record', 'a.b', '--data', '{"a": [1]}', '--x', 'y z'],
  ]);
  for (const command of [
    'a | b',
    'x > y',
    'x $y',
    'x "$y"',
    'x `y`',
    'x *',
    'x; y',
    'x &',
    'x ~',
    'x 2>&1',
    'x || y',
  ])
    assert.equal(plainWords(`indelible ${command}`), null, command);
  assert.equal(plainWords('npx indelible log'), null);
});

test('code blocks: found with language, note and line', () => {
  assert.deepEqual(codeBlocks('a\n\n```json event\n{}\n```\n'), [
    { language: 'json', note: 'event', text: '{}\n', line: 4 },
  ]);
  assert.throws(() => codeBlocks('```ts\nlet a;\n'), /never closed/);
});
