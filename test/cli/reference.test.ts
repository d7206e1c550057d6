/** docs/reference/cli.md and the README name every command and option that there is, and no other. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { createProgram } from '../../packages/indelible/src/cli/program.ts';
import { Shell } from '../../packages/indelible/src/cli/shell.ts';
import { root } from '../support/root.ts';

const { commands } = await createProgram(new Shell({}));
const page = readFileSync(join(root, 'docs/reference/cli.md'), 'utf8');
const sections = new Map(
  page
    .split(/^## /m)
    .slice(1)
    .map((text) => [text.slice(0, text.indexOf('\n')), text]),
);
const SHARED = ['--ledger', '--json'];

test('every command has a section, and every section a command', () => {
  const named = [...sections.keys()].filter((title) => title !== 'What all commands share');
  assert.deepEqual(named.toSorted(), commands.map((command) => command.name()).toSorted());
});

test("a command's section names each of its options, and no other", () => {
  for (const command of commands) {
    const own = [command, ...command.commands].flatMap(({ options }) =>
      options.map(({ long }) => long ?? ''),
    );
    const section = sections.get(command.name())!;
    const filters = sections.get('log')!;
    const rows = command.name() === 'export' ? section + filters.slice(filters.indexOf('Filters')) : section;
    const documented = Array.from(rows.matchAll(/`(--[a-z-]+)(?: <[^>]+>)?`/g), ([, name]) => name!);
    for (const option of own) {
      if (!SHARED.includes(option))
        assert.ok(documented.includes(option), `${command.name()}: ${option} is not documented`);
    }
    const tables = rows.split('\n').filter((line) => line.startsWith('| `--'));
    for (const line of tables) {
      for (const [, option] of line.slice(0, line.indexOf(' | ')).matchAll(/`(--[a-z-]+)/g)) {
        assert.ok(own.includes(option!), `${command.name()} has no ${option}`);
      }
    }
  }
});

test('the README lists every command', () => {
  const readme = readFileSync(join(root, 'README.md'), 'utf8');
  for (const command of commands)
    assert.match(readme, new RegExp(`^\\| .*\`${command.name()}[ \`]`, 'm'), command.name());
});
