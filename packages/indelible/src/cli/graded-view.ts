/**
 * A graded verdict for people: the four levels and their reach, the anchors, time, and what is not proved.
 */
import type { AnchorVerdict, GradedVerdict, VerdictLevel } from '@indelible/core';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';
import { count } from './units.ts';

const LEVELS = ['consistent', 'signed', 'witnessed', 'anchored'] as const;
const FINDINGS_SHOWN = 10;

/** The levels, the anchors, time, and the result. */
export async function showGraded(terminal: Terminal, graded: GradedVerdict, result?: string): Promise<void> {
  const { colors } = terminal;
  const row = (label: string, text: string) => terminal.line(`${colors.dim(label.padEnd(10))} ${text}`);
  for (const name of LEVELS) await row(name, levelText(terminal, graded[name]));
  for (const anchor of graded.anchors) await row('', anchorText(terminal, anchor));
  await row('time', timeText(graded));
  await row('verdict', result ?? resultText(terminal, graded));
}

/** What could not be checked. */
export async function showUnchecked({ colors, line }: Terminal, graded: GradedVerdict): Promise<void> {
  const unchecked = graded.findings.filter(({ severity }) => severity === 'incomplete');
  for (const { problem, detail } of unchecked.slice(0, FINDINGS_SHOWN))
    await line(`  ${colors.yellow(problem)}  ${printable(detail)}`);
}

/** What nobody may conclude. */
export async function showLimits(terminal: Terminal, does_not_prove: readonly string[]): Promise<void> {
  await terminal.line();
  await terminal.line('This does not prove:');
  for (const limit of does_not_prove) await terminal.line(`  - ${printable(asListed(limit))}`);
}

/** `consistent`, and the higher levels that hold. */
export function levelsHeld(graded: GradedVerdict): string {
  return LEVELS.filter((name) => graded[name].status === 'holds').join(', ') || 'consistent';
}

function resultText({ colors }: Terminal, graded: GradedVerdict): string {
  if (graded.result === 'verified') return colors.green(colors.bold(levelsHeld(graded)));
  const detail = graded.findings[0]?.detail ?? graded.consistent.detail;
  return graded.result === 'tampering'
    ? colors.red(colors.bold(`TAMPERING: ${printable(detail)}`))
    : colors.yellow(`not checked: ${printable(detail)}`);
}

function levelText({ colors }: Terminal, { status, size, detail }: VerdictLevel): string {
  const color = { holds: colors.green, fails: colors.red, unchecked: colors.dim }[status];
  const reach = status === 'holds' ? `holds to ${count(size)}` : status === 'fails' ? 'FAILS' : 'unchecked';
  return `${color(reach.padEnd(18))} ${printable(detail)}`;
}

function anchorText({ colors }: Terminal, { name, status, detail }: AnchorVerdict): string {
  const mark = { holds: colors.green('+'), fails: colors.red('x'), unchecked: '-' }[status];
  return `${mark} ${printable(name)}: ${printable(detail)}`;
}

function timeText({ time }: GradedVerdict): string {
  if (time.kind === 'asserted') return "asserted: all times are the log's own word";
  return `attested by ${time.by.map(printable).join(', ')}: the first ${count(time.size)} existed by ${time.at}`;
}

/** Below "This does not prove:", without saying so again. */
function asListed(sentence: string): string {
  return sentence.replace(/^It does not prove (?=that|when|whose|anything)/, '');
}
