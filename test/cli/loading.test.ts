/** What a command that needs none of it must not load: a server, witnesses, monitors, anchors. */
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import { importsOf } from '../support/imports.ts';
import { packageSources } from '../support/sources.ts';

const LAZY = /^indelible\/src\/(?:http|witness|monitor|anchors|anchoring)\/|^indelible\/src\/outbound\.ts$/;

test('main loads no room that only some commands need', () => {
  const sources = packageSources();
  const reached = new Map<string, string>([['indelible/src/cli/main.ts', 'the beginning']]);
  for (const [file] of reached) {
    // Types are gone when it runs.
    const code = sources.get(file)!.replace(/^(?:import|export) type\b[^;]*;/gm, '');
    for (const { specifier, kind } of importsOf(code)) {
      const target = posix.join(posix.dirname(file), specifier);
      if (kind !== 'static' || !specifier.startsWith('.') || reached.has(target)) continue;
      reached.set(target, file);
    }
  }
  assert.ok(reached.size > 50, 'imports are followed');
  const loaded = [...reached].filter(([file]) => LAZY.test(file));
  assert.deepEqual(
    loaded.map(([file, from]) => `${from} loads ${file}`),
    [],
  );
});
