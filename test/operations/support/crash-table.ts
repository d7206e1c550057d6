/** docs/reference/crashes.md: what every crash comes to, as the tests found it. */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../../support/root.ts';
import type { Crash, Outcome } from './crashes.ts';

const PAGE = join(root, 'docs/reference/crashes.md');
const HEAD = `# After a crash

Every connector, every point of the protocol: a process is killed there (\`SIGKILL\`), another one recovers, and the target is compared with what it was.
Then the same again, with somebody else changing the target before anybody recovers, where that makes a difference. This page is written by test/operations/every-connector.test.ts.

- *state*: what the operation is afterwards. \`approved\`: nothing had begun, and it can still be applied. \`verified\`: it happened once; \`closed\`: the same,
  where there is nothing to undo. \`failed\`: it did not happen, and is not tried any more. \`verify_failed\`: it happened once, and is not there any more.
  \`needs_operator\`: nobody can tell but a person.
- *target*: what recovery left. With a foreign change it always leaves that change alone.
- Points that begin with \`connector:\` are within the connector. \`A, then B\`: the process dies at A, and the one that recovers at B.
`;
const COLUMNS =
  '| operation | guarantee | killed at | state | target | state after a foreign change |\n|---|---|---|---|---|---|';

/** The columns before the outcomes. */
export function crashKey({ subject, point, nth, again }: Crash): string {
  const at = `${nth === 1 ? `\`${point}\`` : `\`${point}\`, time ${nth}`}${again === null ? '' : `, then \`${again}\``}`;
  return `| ${subject.name} | ${subject.guarantee} | ${at} |`;
}

/** With `…` for what was not tried. */
export function crashRow(crash: Crash, alone: Outcome | null, foreign: Outcome | null): string {
  const states = alone === null ? '… | …' : `\`${alone.state}\` | ${alone.target}`;
  return `${crashKey(crash)} ${states} | ${foreign === null ? '…' : `\`${foreign.state}\``} |`;
}

/** Rows that say the same, as far as it was tried. */
export function rowPattern(row: string): RegExp {
  const parts = row.split('…').map((text) => text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'));
  return new RegExp(`^${parts.join('[^|]*')}$`);
}

/** Whether anybody has written down what this connector's crashes come to. */
export function isOnPage(connector: string): boolean {
  return existsSync(PAGE) && readFileSync(PAGE, 'utf8').includes(`\n## ${connector}\n`);
}

/** Which row the page has for it. */
export function rowOnPage(connector: string, crash: Crash): string | null {
  const text = existsSync(PAGE) ? readFileSync(PAGE, 'utf8') : '';
  const section = text.split(`\n## ${connector}\n`)[1]?.split('\n## ')[0] ?? '';
  return section.split('\n').find((line) => line.startsWith(crashKey(crash))) ?? null;
}

/** Replaces the sections of these connectors; the others stay. */
export function writePage(rows: ReadonlyMap<string, readonly string[]>): void {
  const sections = new Map<string, string>();
  const old = existsSync(PAGE) ? readFileSync(PAGE, 'utf8').split('\n## ').slice(1) : [];
  for (const text of old)
    sections.set(text.slice(0, text.indexOf('\n')), text.slice(text.indexOf('\n')).trim());
  for (const [connector, lines] of rows) sections.set(connector, [COLUMNS, ...lines].join('\n'));
  const body = [...sections].sort(([one], [other]) => (one < other ? -1 : 1));
  writeFileSync(PAGE, `${HEAD}${body.map(([name, text]) => `\n## ${name}\n\n${text}\n`).join('')}`);
}
