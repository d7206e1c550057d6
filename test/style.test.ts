/**
 * Rules of style that the linter does not know. See CONTRIBUTING.md.
 */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { withoutComments } from './support/imports.ts';
import { root } from './support/root.ts';

const LINES_MAX = 500;

const RULES: readonly {
  readonly name: string;
  readonly broken: (source: string) => boolean;
  readonly example: string;
}[] = [
  {
    name: `at most ${LINES_MAX} lines`,
    broken: (source) => source.trimEnd().split('\n').length > LINES_MAX,
    example: `${'\n'.repeat(LINES_MAX)}x`,
  },
  {
    name: 'named exports only',
    broken: (source) => /^export default\b|\bas default\b/m.test(withoutComments(source)),
    example: 'export default function f() {}',
  },
  {
    name: 'no `as any`',
    broken: (source) => /\bas any\b|<any>/.test(withoutComments(source)),
    example: 'const a = b as any;',
  },
  {
    name: 'no @ts-ignore and no @ts-nocheck',
    broken: (source) => /@ts-(?:ignore|nocheck)/.test(source),
    example: `// @ts-${'ignore'}`,
  },
  {
    name: 'no skipped or exclusive tests left behind',
    broken: (source) => /\b(?:test|it|describe)\.only\(/.test(withoutComments(source)),
    example: "test.only('x', () => {});",
  },
];

const files = globSync('{packages/*/src,test,bench,examples}/**/*.ts', {
  cwd: root,
  exclude: (path) => path.includes('node_modules'),
})
  // This file shows every rule broken.
  .filter((file) => !file.endsWith('style.test.ts'))
  .sort();

for (const rule of RULES) {
  test(rule.name, () => {
    assert.ok(rule.broken(rule.example), 'the rule must see its own example');
    assert.ok(files.length > 10, 'there are files to look at');
    const broken = files.filter((file) => rule.broken(readFileSync(join(root, file), 'utf8')));
    assert.deepEqual(broken, []);
  });
}

test('core uses Uint8Array, never Buffer, and no global of Node or the browser', () => {
  const forbidden =
    /(?<![#.\w])(?:Buffer\.|process\.|globalThis|window\.|document\.|crypto\.subtle|setTimeout|fetch|Date\.now|Math\.random)/;
  const broken = files
    .filter((file) => file.startsWith('packages/core/src/'))
    .flatMap((file) => {
      const match = forbidden.exec(withoutComments(readFileSync(join(root, file), 'utf8')));
      return match === null ? [] : [`${file}: ${match[0]}`];
    });
  assert.deepEqual(broken, []);
});

test('each package is published with the licence', () => {
  const licence = readFileSync(join(root, 'LICENSE'), 'utf8');
  for (const file of globSync('packages/*/package.json', { cwd: root })) {
    const { license } = JSON.parse(readFileSync(join(root, file), 'utf8')) as { license?: string };
    assert.equal(license, 'Apache-2.0', file);
    assert.equal(readFileSync(join(root, file, '../LICENSE'), 'utf8'), licence);
  }
});
