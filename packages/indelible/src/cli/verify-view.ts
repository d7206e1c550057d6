/**
 * A verification report for people: the verdict, what is behind it, and what it does not prove.
 */
import type { VerdictLevel } from '@indelible/core';
import type { VerifyReport } from '../ledger/types.ts';
import { printable } from './printable.ts';
import type { Terminal } from './terminal.ts';
import { count, counted, duration } from './units.ts';

const FINDINGS_SHOWN = 10;

export async function showReport(
  terminal: Terminal,
  report: VerifyReport,
  place: string,
  index_wanted: boolean,
): Promise<void> {
  const { colors } = terminal;
  const { records_checked, duration_ms, head } = report;
  const speed = Math.round((records_checked * 1000) / Math.max(1, duration_ms));
  const row = (label: string, text: string) => terminal.line(`${colors.dim(label.padEnd(10))} ${text}`);

  await row('ledger', `${printable(report.ledger)}  ${colors.dim(printable(place))}`);
  await row(
    'checked',
    `${counted(records_checked, 'record')} in ${duration(duration_ms)} (${count(speed)} records/s)`,
  );
  await row('index', indexText(report, index_wanted));
  if (report.attachments !== null && report.attachments.checked > 0)
    await row('attached', `${counted(report.attachments.checked, 'attachment')} compared with their digests`);
  for (const note of report.store_notes.filter(({ damage }) => !damage))
    await row('store', printable(note.detail));
  if (head !== null) await row('head', `${head.seq}:${head.hash}`);
  if (report.proofs?.tree != null) await row('tree', treeText(report.proofs.tree));
  for (const [label, level] of levelsOf(report)) await row(label, levelText(terminal, level));
  for (const { name, status, detail } of report.graded.anchors)
    await row('', `${status === 'holds' ? colors.green('+') : status === 'fails' ? colors.red('x') : '-'} ${printable(name)}: ${printable(detail)}`);
  await row('time', timeText(report));
  await row('verdict', verdictText(terminal, report));

  for (const { seq, damage, detail } of report.findings.slice(0, FINDINGS_SHOWN)) {
    await terminal.line(`  record ${seq}  ${colors.red(damage)}  ${printable(detail)}`);
  }
  const hidden = report.findings_total - Math.min(FINDINGS_SHOWN, report.findings.length);
  if (hidden > 0) await terminal.line(`  and ${counted(hidden, 'finding')} more; --json lists up to 100`);

  await terminal.line();
  if (!report.ok) {
    await terminal.line('Keep everything as it is: it is evidence. Next: docs/guides/tampering.md');
    return;
  }
  await terminal.line('This does not prove:');
  for (const limit of report.does_not_prove) await terminal.line(`  - ${printable(asList(limit))}`);
}

const LEVELS = ['consistent', 'signed', 'witnessed', 'anchored'] as const;

function levelsOf({ graded }: VerifyReport): [label: string, level: VerdictLevel][] {
  return LEVELS.map((name) => [name, graded[name]]);
}

function levelText({ colors }: Terminal, { status, size, detail }: VerdictLevel): string {
  const color = { holds: colors.green, fails: colors.red, unchecked: colors.dim }[status];
  const reach = status === 'holds' ? `holds to ${count(size)}` : status === 'fails' ? 'FAILS' : 'unchecked';
  return `${color(reach.padEnd(18))} ${printable(detail)}`;
}

function treeText({ checked, lag }: { readonly checked: number; readonly lag: number }): string {
  const behind = lag === 0 ? '' : `; ${counted(lag, 'record')} not in it yet`;
  return `${count(checked)} hashes compared with the records${behind}`;
}

function timeText({ graded: { time } }: VerifyReport): string {
  if (time.kind === 'asserted') return "asserted: all times are the log's own word";
  return `attested by ${time.by.map(printable).join(', ')}: the first ${count(time.size)} existed by ${time.at}`;
}

/** Below "This does not prove:", without saying so again. */
function asList(sentence: string): string {
  return sentence.replace(/^It does not prove (?=that|when|whose|anything)/, '');
}

function verdictText({ colors }: Terminal, report: VerifyReport): string {
  if (report.verdict === 'consistent') return colors.green(colors.bold(graded(report)));
  if (report.verdict === 'not_checked') return colors.yellow(`not checked: ${printable(report.detail)}`);
  return colors.red(colors.bold(`DAMAGED: ${report.damage}, first at record ${report.first_bad_seq}`));
}

/** `consistent`, and the higher levels that hold. */
function graded({ graded }: VerifyReport): string {
  return LEVELS.filter((name) => graded[name].status === 'holds').join(', ') || 'consistent';
}

function indexText({ index }: VerifyReport, wanted: boolean): string {
  if (index !== null) {
    const lag = index.lag === 0 ? '' : `; ${counted(index.lag, 'record')} not indexed yet`;
    return `${counted(index.checked, 'row')} compared with the log${lag}`;
  }
  return wanted ? 'there is none to compare (indelible reindex makes one)' : 'not compared';
}
