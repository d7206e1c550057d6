/**
 * `indelible anchors`: what was anchored, by the ledger's records; with `--anchor`, whether the anchors agree.
 */

import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import { createAnchors } from '../../compose.ts';
import { type Anchoring, anchorings } from '../../evidence/anchor-records.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import { type AnchorComparison, compareAnchor } from '../compare-anchor.ts';
import type { ExitCode } from '../failure.ts';
import { withLedger } from '../open.ts';
import { wholeNumber } from '../parse-options.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { count, counted } from '../units.ts';

interface Options {
  readonly anchor?: readonly string[];
  readonly limit: number;
}

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 10_000;

export function addAnchors(program: Command, shell: Shell): void {
  shell
    .command<Options>(program, 'anchors', 'what was anchored, and whether the anchors agree', listAnchors)
    .option('--anchor <url...>', 'anchors to ask what they hold; addresses as for `anchor`')
    .option('--limit <n>', 'anchorings to list', wholeNumber('--limit', 0, LIMIT_MAX), LIMIT_DEFAULT);
}

async function listAnchors(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal } = invocation;
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const listed: Anchoring[] = [];
    let more = false;
    for await (const anchoring of anchorings(ledger)) {
      more = listed.length === options.limit;
      if (more) break;
      listed.push(anchoring);
    }
    const compared = options.anchor === undefined ? [] : await compare(invocation, ledger, options.anchor);
    await terminal.result({ anchorings: listed, more, compared });
    for (const anchoring of listed) await terminal.line(anchoringText(anchoring, terminal));
    if (more) await terminal.line(terminal.colors.dim('Earlier ones are not shown; see --limit.'));
    if (listed.length === 0 && !more)
      await terminal.line('Nothing was anchored. Next: indelible anchor --anchor URL');
    for (const comparison of compared) await terminal.line(comparisonText(comparison, terminal));
    return exitCode(compared);
  });
}

async function compare(
  { env }: Invocation,
  { name, transparency }: Ledger,
  urls: readonly string[],
): Promise<AnchorComparison[]> {
  if (transparency === null)
    throw new IndelibleError('CHECKPOINT_MISSING', `the ledger ${name} has no checkpoints to compare with`);
  const anchors = await createAnchors(urls, env);
  try {
    const compared: AnchorComparison[] = [];
    for (const anchor of anchors) compared.push(await compareAnchor(anchor, transparency));
    return compared;
  } finally {
    for (const anchor of anchors) await anchor.close();
  }
}

function anchoringText({ seq, recorded_at, anchor, size, root }: Anchoring, { colors }: Terminal): string {
  return `${colors.dim(String(seq).padStart(6))}  ${colors.dim(recorded_at)}  ${printable(anchor)}  ${counted(size, 'record')}, root ${printable(root)}`;
}

function comparisonText(
  { anchor, verdict, held, size, detail }: AnchorComparison,
  { colors }: Terminal,
): string {
  const color = { agrees: colors.green, contradicts: colors.red, not_checked: colors.yellow }[verdict];
  const extent = size === null ? '' : `, up to ${count(size)} records`;
  const words = { agrees: 'agrees', contradicts: 'CONTRADICTS', not_checked: 'not checked' }[verdict];
  return `${color(words)}  ${printable(anchor)}  holds ${counted(held, 'checkpoint')}${extent}: ${printable(detail)}`;
}

function exitCode(compared: readonly AnchorComparison[]): ExitCode {
  if (compared.some(({ verdict }) => verdict === 'contradicts')) return 1;
  return compared.some(({ verdict }) => verdict === 'not_checked') ? 3 : 0;
}
