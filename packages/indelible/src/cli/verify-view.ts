/**
 * A verification report for people: the verdict, what is behind it, and what it does not prove.
 */
import type { VerifyReport } from '../ledger/types.ts';
import { levelsHeld, showGraded, showLimits, showUnchecked } from './graded-view.ts';
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
  await showGraded(terminal, report.graded, verdictText(terminal, report));

  for (const { seq, damage, detail } of report.findings.slice(0, FINDINGS_SHOWN)) {
    await terminal.line(`  record ${seq}  ${colors.red(damage)}  ${printable(detail)}`);
  }
  const hidden = report.findings_total - Math.min(FINDINGS_SHOWN, report.findings.length);
  if (hidden > 0) await terminal.line(`  and ${counted(hidden, 'finding')} more; --json lists up to 100`);
  await showUnchecked(terminal, report.graded);

  if (report.verdict === 'damaged') {
    await terminal.line();
    await terminal.line('Keep everything as it is: it is evidence. Next: docs/guides/tampering.md');
    return;
  }
  await showLimits(terminal, report.does_not_prove);
}

function treeText({ checked, lag }: { readonly checked: number; readonly lag: number }): string {
  const behind = lag === 0 ? '' : `; ${counted(lag, 'record')} not in it yet`;
  return `${count(checked)} hashes compared with the records${behind}`;
}

function verdictText({ colors }: Terminal, report: VerifyReport): string {
  if (report.verdict === 'consistent') return colors.green(colors.bold(levelsHeld(report.graded)));
  if (report.verdict === 'not_checked') return colors.yellow(`not checked: ${printable(report.detail)}`);
  return colors.red(colors.bold(`DAMAGED: ${report.damage}, first at record ${report.first_bad_seq}`));
}

function indexText({ index }: VerifyReport, wanted: boolean): string {
  if (index !== null) {
    const lag = index.lag === 0 ? '' : `; ${counted(index.lag, 'record')} not indexed yet`;
    return `${counted(index.checked, 'row')} compared with the log${lag}`;
  }
  return wanted ? 'there is none to compare (indelible reindex makes one)' : 'not compared';
}
