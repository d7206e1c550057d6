/** Differences for people: what is shown leads from one side to the other. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { canonicalize, type Json } from '@indelible/core';
import fc from 'fast-check';
import { jsonDiff, textDiff } from '../../packages/indelible/src/connectors/shared/diff.ts';

test('a unified diff has the lines around a change, and says where they are', () => {
  const lines = Array.from({ length: 20 }, (_, i) => `line ${i + 1}`);
  const after = [...lines];
  after[1] = 'changed';
  after.splice(15, 1);
  const diff = textDiff(`${lines.join('\n')}\n`, after.join('\n'));
  assert.deepEqual(diff, {
    format: 'unified',
    text: [
      '@@ -1,5 +1,5 @@',
      ...[' line 1', '-line 2', '+changed', ' line 3', ' line 4', ' line 5'],
      '@@ -13,8 +13,7 @@',
      ...[' line 13', ' line 14', ' line 15', '-line 16', ' line 17', ' line 18', ' line 19'],
      ...['-line 20', '+line 20', '\\ No newline at end of file', ''],
    ].join('\n'),
  });
  assert.deepEqual(textDiff(null, 'a\n'), { format: 'unified', text: '@@ -0,0 +1,1 @@\n+a\n' });
  assert.deepEqual(textDiff('a\n', 'a\n'), { format: 'unified', text: '' });
});

test('a unified diff, applied, gives the other side', () => {
  const text = fc
    .array(fc.constantFrom('a', 'b', 'c', ''), { maxLength: 30 })
    .map((lines) => lines.map((l) => `${l}\n`).join(''));
  fc.assert(
    fc.property(text, text, (before, after) => {
      assert.equal(patchText(before, textDiff(before, after)), after);
    }),
  );
});

function patchText(before: string, diff: ReturnType<typeof textDiff>): string {
  assert.ok(diff.format === 'unified');
  const old = before.split('\n').slice(0, -1);
  const result: string[] = [];
  let at = 0;
  for (const line of diff.text.split('\n').slice(0, -1)) {
    const hunk = /^@@ -(\d+),(\d+) /.exec(line);
    if (hunk !== null) {
      const first = Number(hunk[1]) - (hunk[2] === '0' ? 0 : 1);
      while (at < first) result.push(old[at++]!);
    } else if (line.startsWith('+')) {
      result.push(line.slice(1));
    } else {
      assert.equal(old[at], line.slice(1));
      if (line.startsWith(' ')) result.push(line.slice(1));
      at++;
    }
  }
  return [...result, ...old.slice(at)].map((line) => `${line}\n`).join('');
}

test('a JSON Patch, applied, gives the other side', () => {
  const value = fc.jsonValue({ maxDepth: 3 }).map((v) => JSON.parse(JSON.stringify(v)) as Json);
  const named = fc.dictionary(fc.constantFrom('a', 'b/c', 'd~e', ''), value).map((v) => ({ ...v }) as Json);
  const one = fc.oneof(value, named);
  const examples: [Json, Json][] = [[{}, JSON.parse('{"__proto__":"","a":{"__proto__":1}}')]];
  fc.assert(
    fc.property(one, one, (before, after) => {
      const diff = jsonDiff(before, after);
      assert.ok(diff.format === 'json-patch');
      let result: Json = before;
      for (const step of diff.patch) result = patched(result, step as unknown as PatchStep);
      assert.equal(canonicalize(result), canonicalize(after));
    }),
    { examples },
  );
});

interface PatchStep {
  readonly op: string;
  readonly path: string;
  readonly value: Json;
}

function patched(document: Json, { op, path, value }: PatchStep): Json {
  if (path === '') return value;
  const copy = structuredClone(document) as Record<string, unknown>;
  const parts = path
    .split('/')
    .slice(1)
    .map((part) => part.replaceAll('~1', '/').replaceAll('~0', '~'));
  const last = parts.pop()!;
  let inside = copy;
  for (const part of parts) inside = inside[part] as Record<string, unknown>;
  if (Array.isArray(inside)) {
    if (op === 'remove') inside.splice(Number(last), 1);
    else if (op === 'add') inside.push(value);
    else inside[Number(last)] = value;
  } else if (op === 'remove') delete inside[last];
  // Plain assignment of "__proto__" sets no member.
  else Object.defineProperty(inside, last, { value, enumerable: true, configurable: true, writable: true });
  return copy as Json;
}
