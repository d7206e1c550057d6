/**
 * The table of errors: each code is documented as it is, none that is gone is left behind, and each is of use.
 */
import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { ERRORS, type ErrorCode, IndelibleError, isIndelibleError } from '@indelible/core';
import { withoutComments } from './support/imports.ts';
import { root } from './support/root.ts';
import { packageSources } from './support/sources.ts';

const codes = Object.keys(ERRORS) as ErrorCode[];
const page = join(root, 'docs/reference/errors.md');

function table(): string {
  const rows = codes.map((code) => {
    const { http, exit, remedy } = ERRORS[code];
    return `| \`${code}\` | ${http} | ${exit} | ${remedy.replaceAll('|', '\\|')} |`;
  });
  return ['| code | HTTP | exit | what to do |', '|---|---|---|---|', ...rows].join('\n');
}

test('docs/reference/errors.md lists every code with status, exit code and remedy, and no other', () => {
  const text = readFileSync(page, 'utf8');
  const [before, after] = [text.indexOf('-->\n') + 4, text.indexOf('<!-- errors:end')];
  assert.ok(before > 3 && after >= before, 'the page has its markers');
  const expected = `${text.slice(0, before)}\n${table()}\n\n${text.slice(after)}`;
  if (process.env.INDELIBLE_UPDATE_DOCS) writeFileSync(page, expected);
  assert.equal(readFileSync(page, 'utf8'), expected);
});

test('every error has a code in capitals, a fitting status and a remedy that is a sentence', () => {
  for (const code of codes) {
    const { http, exit, remedy } = ERRORS[code];
    assert.match(code, /^[A-Z][A-Z0-9_]+$/);
    assert.ok(http >= 400 && http < 600, code);
    assert.ok([1, 2, 3].includes(exit), code);
    assert.match(remedy, /^[A-Z].{10,}[.]$/, code);
  }
});

test('each code stands in one family: a second one would silently take its place', () => {
  const families = [...packageSources()].filter(([file]) => file.startsWith('core/src/errors/'));
  const entries = families.flatMap(([, source]) => source.match(/^ {2}[A-Z][A-Z0-9_]+: \{/gm) ?? []);
  assert.equal(entries.length, codes.length);
});

test('no code is without use', () => {
  const sources = [...packageSources()].filter(([file]) => !file.startsWith('core/src/errors/'));
  const text = sources.map(([, source]) => withoutComments(source)).join('\n');
  const unused = codes.filter((code) => !new RegExp(`['"\`]${code}['"\`]`).test(text));
  assert.deepEqual(unused, []);
});

test('an error carries what the table says, and is told from others', () => {
  const error = new IndelibleError('STORE_FULL', 'no space left', { details: { free: 0 } });
  assert.deepEqual(
    [error.name, error.code, error.http_status, error.exit_code, error.remedy, error.details],
    ['IndelibleError', 'STORE_FULL', 507, 3, ERRORS.STORE_FULL.remedy, { free: 0 }],
  );
  assert.ok(isIndelibleError(error) && isIndelibleError(error, 'STORE_FULL'));
  assert.ok(!isIndelibleError(error, 'USAGE') && !isIndelibleError(new Error('STORE_FULL')));
});
