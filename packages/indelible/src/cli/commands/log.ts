/**
 * `indelible log`: records, newest first, or as they come with `--follow`.
 */
import type { Command } from 'commander';
import { matchesFilter } from '../../evidence/matches.ts';
import { indexOf, QUERY_LIMIT_MAX, queryRecords } from '../../evidence/query.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { StoredRecord } from '../../ledger/types.ts';
import type { Filter } from '../../stores/index/contract.ts';
import type { ExitCode } from '../failure.ts';
import { addFilterOptions, type FilterOptions, filterOf } from '../filter-options.ts';
import { withLedger } from '../open.ts';
import { wholeNumber } from '../parse-options.ts';
import { recordLine } from '../record-line.ts';
import type { Invocation, Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { counted } from '../units.ts';

const LIMIT_DEFAULT = 20;
const LIMIT_MAX = 1_000_000;

interface Options extends FilterOptions {
  readonly limit: number;
  readonly follow?: boolean;
  readonly wait: boolean;
}

export function addLog(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'log', 'records, newest first', log)
    .option('--limit <n>', 'how many at most', wholeNumber('--limit', 0, LIMIT_MAX), LIMIT_DEFAULT)
    .option('--follow', 'oldest first, then every new one as it comes; Ctrl-C ends it')
    .option('--no-wait', 'do not wait for the index: show what it has, and say how far it is behind');
  addFilterOptions(command);
}

async function log(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  const filter = filterOf(options);
  return withLedger<ExitCode>(invocation, { mode: 'read' }, async (ledger) => {
    const { records, position, lag } = await newest(ledger, filter, options);
    if (lag > 0)
      terminal.notice(`the index is ${counted(lag, 'record')} behind: newer records may be missing here`);
    if (options.follow === true) records.reverse();
    for (const record of records) {
      if (terminal.unread) return 0;
      await show(terminal, record);
    }
    if (options.follow === true) await follow(ledger, filter, position, terminal, signal);
    else if (records.length === 0) await terminal.line('No record matches.');
    return 0;
  });
}

/** The newest records that match, and where the log ended when they were looked for. */
async function newest(
  ledger: Ledger,
  filter: Filter,
  { limit, wait }: Options,
): Promise<{ records: StoredRecord[]; position: number; lag: number }> {
  const records: StoredRecord[] = [];
  let cursor: string | null = null;
  let lag = 0;
  for (;;) {
    const wanted = Math.min(limit - records.length, QUERY_LIMIT_MAX);
    const page = await queryRecords(ledger, {
      filter,
      limit: Math.max(1, wanted),
      at_least: wait ? 'head' : 'indexed',
      ...(cursor === null ? {} : { cursor }),
    });
    if (wanted > 0) records.push(...page.records);
    // Of the first page: what came behind it is not a part of the listing.
    if (cursor === null) lag = page.lag;
    cursor = page.next_cursor;
    if (cursor === null || records.length >= limit) return { records, position: page.position, lag };
  }
}

async function follow(
  ledger: Ledger,
  filter: Filter,
  from: number,
  terminal: Terminal,
  signal: AbortSignal,
): Promise<void> {
  let next = from;
  while (!signal.aborted && !terminal.unread) {
    await ledger.store.waitForAppend(next - 1, signal);
    if (signal.aborted) return;
    await ledger.caughtUp();
    const beyond = next === 0 ? {} : { beyond: next - 1 };
    const found = await indexOf(ledger).search({
      filter,
      order: 'oldest',
      limit: QUERY_LIMIT_MAX,
      ...beyond,
    });
    for (const record of await ledger.get(found.seqs)) {
      if (matchesFilter(record.record, filter)) await show(terminal, record);
    }
    next = found.more ? found.seqs.at(-1)! + 1 : Math.max(next, found.position);
  }
}

async function show(terminal: Terminal, { hash, record }: StoredRecord): Promise<void> {
  await terminal.result({ hash, record });
  await terminal.line(recordLine(terminal.colors, record));
}
