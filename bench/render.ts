/**
 * Results as tables: aligned for a terminal, or as Markdown.
 *
 * Pure:    no I/O.
 */
import type { Figure, Result, Spread, TargetResult } from './result.ts';
import type { Column } from './suite.ts';

export type Style = 'terminal' | 'markdown';

/** Everything about one suite: the machine, the figures, the comparisons. */
export function renderResult(result: Result, style: Style): string {
  const heading = style === 'markdown' ? `### ${result.title}` : result.title;
  const parts = [heading, describe(result), figureTable(result, style)];
  if (result.targets.length > 0) parts.push(targetTable(result.targets, style));
  const absent = result.figures.filter((figure) => figure.absent !== null);
  if (absent.length > 0)
    parts.push(absent.map((figure) => `Absent: ${figure.title}: ${figure.absent}`).join('\n'));
  return `${parts.join('\n\n')}\n`;
}

function describe({ taken_at, quick, records, rounds, machine }: Result): string {
  const memory = Math.round(machine.memory_bytes / 2 ** 30);
  const note = quick ? ' Quick run: the figures mean nothing.' : '';
  return (
    `${taken_at.slice(0, 10)}, ${rounds} ${rounds === 1 ? 'round' : 'rounds'} of ${count(records)} records; ` +
    `Node ${machine.node}, SQLite ${machine.sqlite}, ${machine.cores} cores (${machine.cpu}), ${memory} GiB, ` +
    `${machine.file_system}; load ${machine.load_before} before, ${machine.load_after} after. ` +
    `Medians; in brackets the lowest and highest round.${note}`
  );
}

function figureTable({ columns, figures }: Result, style: Style): string {
  const shown = figures.filter((figure) => figure.absent === null);
  const used = columns.filter(({ measure }) =>
    shown.some((figure) => figure.measures[measure] !== undefined),
  );
  const rows = shown.map((figure) => [
    figure.title,
    ...used.map((column, i) => cell(figure, column, i === 0)),
  ]);
  return table(['', ...used.map(({ heading }) => heading)], rows, style);
}

/** The first column shows the noise; in all others the median is enough. */
function cell(figure: Figure, { measure, show }: Column, first: boolean): string {
  const spread = figure.measures[measure];
  if (spread === undefined) return '';
  return first ? withNoise(spread, show) : format(spread.median, show);
}

function targetTable(targets: readonly TargetResult[], style: Style): string {
  const rows = targets.map(({ title, show, value, at_least, at_most, aim, verdict }) => [
    title,
    value === null ? '' : withNoise(value, show),
    [
      at_least === undefined ? [] : `≥ ${format(at_least, show)}`,
      at_most === undefined ? [] : `≤ ${format(at_most, show)}`,
      aim === undefined ? [] : `aim ${format(aim, show)}`,
    ]
      .flat()
      .join(', '),
    verdict === 'shown' ? '' : verdict,
  ]);
  return table(['', 'measured', 'target', ''], rows, style);
}

function withNoise({ median, min, max, values }: Spread, show: Column['show']): string {
  const noise = values.length > 1 ? ` (${format(min, show)} to ${format(max, show)})` : '';
  return format(median, show) + noise;
}

function format(value: number, show: Column['show']): string {
  switch (show) {
    case 'count':
      return count(value >= 1000 ? Number(value.toPrecision(3)) : value);
    case 'ms':
      return value >= 10_000 ? `${(value / 1000).toFixed(1)} s` : `${Number(value.toPrecision(3))} ms`;
    case 'megabytes':
      return `${Math.round(value / 1e6)} MB`;
    case 'decimal':
      return value >= 100 ? count(value) : value.toFixed(value >= 10 ? 1 : 2);
  }
}

function count(value: number): string {
  return Math.round(value).toLocaleString('en');
}

function table(heading: readonly string[], rows: readonly (readonly string[])[], style: Style): string {
  if (style === 'markdown') {
    const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |`;
    const rule = `|---|${heading
      .slice(1)
      .map(() => '---:|')
      .join('')}`;
    return [line(heading), rule, ...rows.map(line)].join('\n');
  }
  const widths = heading.map((text, i) => Math.max(text.length, ...rows.map((row) => row[i]?.length ?? 0)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((text, i) => (i === 0 ? text.padEnd(widths[i]!) : text.padStart(widths[i]!)))
      .join('  ')
      .trimEnd();
  return [line(heading), ...rows.map(line)].join('\n');
}
