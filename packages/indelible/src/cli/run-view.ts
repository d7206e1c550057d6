/**
 * A run for people: what it came to, then its timeline.
 */
import { type LedgerRecord, parseJsonText } from '@indelible/core';
import type { RunSummary, Tally } from '../evidence/run.ts';
import { type RunLogRow, resourceText } from '../evidence/run-log.ts';
import { printable, shortened, shortenedInside } from './printable.ts';
import type { Colors, Terminal } from './terminal.ts';
import { count, counted, duration } from './units.ts';

const ACTORS_SHOWN = 5;
const COLUMN_MAX = 44;
const RESOURCE_MAX = 56;

export async function showRun(terminal: Terminal, run: RunSummary): Promise<void> {
  const { colors } = terminal;
  const row = (label: string, text: string) => terminal.line(`${colors.dim(label.padEnd(9))} ${text}`);
  await row('run', colors.bold(run.correlation_id));
  await row('steps', count(run.steps));
  await row(
    'duration',
    `${duration(run.duration_ms)}  ${colors.dim(`${run.started_at} to ${run.ended_at}`)}`,
  );
  await row('status', statusText(colors, run.status, run.status));
  await row('actors', tallies(run.actors));
  if (run.sources.length > 0) await row('sources', tallies(run.sources));
  if (run.cost_usd !== null) await row('cost', `${run.cost_usd} USD`);
  await terminal.line();

  const widths = columnWidths(run.events);
  const started = Date.parse(run.started_at);
  // Imported files seldom arrive in the order in which things happened; the sort is stable, so ties stay as recorded.
  const timeline = run.events.toSorted((a, b) => Date.parse(a.ts) - Date.parse(b.ts));
  for (const event of timeline) await terminal.line(stepLine(colors, event, started, widths));
  if (run.truncated)
    await terminal.line(
      colors.yellow(
        `… ${counted(run.steps - run.events.length, 'step')} more; raise --limit or export the run`,
      ),
    );
}

interface Widths {
  readonly seq: number;
  readonly what: number;
  readonly who: number;
}

function columnWidths(events: readonly RunLogRow[]): Widths {
  const widest = (text: (event: RunLogRow) => string): number =>
    events.reduce((width, event) => Math.max(width, Math.min(COLUMN_MAX, text(event).length)), 0);
  return {
    seq: widest((event) => String(recordOf(event).seq)),
    what: widest((event) => printable(recordOf(event).action)),
    who: widest((event) => printable(event.actor)),
  };
}

function stepLine(colors: Colors, event: RunLogRow, started: number, widths: Widths): string {
  const record = recordOf(event);
  const column = (text: string, width: number): string => shortenedInside(text, COLUMN_MAX).padEnd(width);
  const parts = [
    colors.dim(String(record.seq).padStart(widths.seq)),
    colors.dim(`+${duration(Math.max(0, Date.parse(event.ts) - started))}`.padStart(10)),
    statusText(colors, event.status, record.outcome.padEnd(7)),
    colors.bold(column(record.action, widths.what)),
    column(event.actor, widths.who),
    shortenedInside(resourceName(record), RESOURCE_MAX),
    event.latency_ms === null ? '' : colors.dim(duration(event.latency_ms)),
    colors.dim(shortened(event.message ?? '', 160)),
  ];
  return parts
    .filter((part) => part !== '')
    .join('  ')
    .trimEnd();
}

function recordOf(event: RunLogRow): LedgerRecord {
  return parseJsonText(event.event_json) as unknown as LedgerRecord;
}

/** An ARN says its type itself. */
function resourceName({ resource }: LedgerRecord): string {
  return resource?.id.startsWith('arn:') ? resource.id : (resourceText(resource) ?? '');
}

function statusText(colors: Colors, status: RunLogRow['status'], text: string): string {
  return { ok: colors.green, error: colors.red, pending: colors.yellow }[status](text);
}

function tallies(list: readonly Tally[]): string {
  const shown = list
    .slice(0, ACTORS_SHOWN)
    .map(({ name, steps }) => `${shortened(name, 100)} (${count(steps)})`);
  const hidden = list.length - shown.length;
  return [...shown, ...(hidden > 0 ? [`and ${hidden} more`] : [])].join(', ');
}
