/** What a command does not need is not loaded: other commands, a server, witnesses, monitors, anchors, the verifier. */
import assert from 'node:assert/strict';
import { posix } from 'node:path';
import { test } from 'node:test';
import { importsOf } from '../support/imports.ts';
import { packageSources } from '../support/sources.ts';

const LAZY = [
  /^indelible\/src\/(?:http|witness|monitor|anchors|anchoring|verification)\//,
  /^indelible\/src\/(?:outbound|compose-verification)\.ts$/,
];
const COMMAND = /^indelible\/src\/cli\/commands\//;
const sources = packageSources();

/** Everything that is loaded with a module, and by which. */
function loadedWith(entry: string): Map<string, string> {
  const reached = new Map([[entry, '']]);
  for (const [file] of reached) {
    // Types are gone when it runs.
    const code = sources.get(file)!.replace(/^(?:import|export) type\b[^;]*;/gm, '');
    for (const { specifier, kind } of importsOf(code)) {
      const target = posix.join(posix.dirname(file), specifier);
      if (kind === 'static' && specifier.startsWith('.') && !reached.has(target)) reached.set(target, file);
    }
  }
  return reached;
}

test('the beginning loads no command, and so hardly anything', () => {
  const reached = [...loadedWith('indelible/src/cli/main.ts').keys()];
  assert.deepEqual(
    reached.filter((file) => !file.startsWith('indelible/src/cli/') || COMMAND.test(file)),
    [],
  );
});

test('commands that record or read load no room that only some others need', () => {
  for (const name of ['record', 'import', 'log', 'show', 'what-happened', 'token', 'checkpoint', 'prove']) {
    const reached = loadedWith(`indelible/src/cli/commands/${name}.ts`);
    assert.ok(reached.size > 50, 'imports are followed');
    const lazy = [...reached].filter(([file]) => LAZY.some((pattern) => pattern.test(file)));
    assert.deepEqual(
      lazy.map(([file, from]) => `${from} loads ${file}`),
      [],
      name,
    );
    assert.equal([...reached.keys()].filter((file) => COMMAND.test(file)).length, 1, name);
  }
});
