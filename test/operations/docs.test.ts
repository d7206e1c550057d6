import assert from 'node:assert/strict';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  lifecycleDiagram,
  stateTable,
  transitionTable,
} from '../../packages/indelible/src/operations/diagram.ts';
import { root } from '../support/root.ts';

test('docs/reference/operations.md shows the lifecycle as it is', () => {
  const page = join(root, 'docs/reference/operations.md');
  const text = readFileSync(page, 'utf8');
  const drawn = ['```mermaid', lifecycleDiagram(), '```'].join('\n');
  const generated = ['', drawn, '', stateTable(), '', transitionTable(), ''].join('\n');
  const marked = /(<!-- lifecycle -->)[\s\S]*(<!-- \/lifecycle -->)/;
  const expected = text.replace(marked, (_, start, end) => `${start}\n${generated}\n${end}`);
  if (process.env.INDELIBLE_UPDATE_DOCS) writeFileSync(page, expected);
  assert.match(text, marked);
  assert.equal(readFileSync(page, 'utf8'), expected, 'run with INDELIBLE_UPDATE_DOCS=1');
});
