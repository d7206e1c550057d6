/**
 * `indelible policy init|check|test|replay`: the policies that decide over governed writes.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { IndelibleError, isIndelibleError, type Json, type LedgerRecord, parseJson } from '@indelible/core';
import type { Command } from 'commander';
import { QUERY_LIMIT_MAX, queryRecords } from '../../evidence/query.ts';
import { type CaseResult, parseCases, runCase } from '../../operations/policy/cases.ts';
import { decide } from '../../operations/policy/decide.ts';
import { parseRequest } from '../../operations/policy/parse-request.ts';
import { loadPolicySet, type PolicySet } from '../../operations/policy/policy-set.ts';
import { type EntitiesFrom, type ReplayedOperation, replayRecord } from '../../operations/policy/replay.ts';
import { starterFiles } from '../../operations/policy/starter.ts';
import type { ExitCode } from '../failure.ts';
import { fileFailure } from '../file-failure.ts';
import { filterOf } from '../filter-options.ts';
import { readInput } from '../input-file.ts';
import { withLedger } from '../open.ts';
import { caseFiles, type PolicyFolderOptions, policyFolder, readPolicySet } from '../policy-folder.ts';
import { decisionLines, summaryText } from '../policy-view.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import { counted } from '../units.ts';

interface CheckOptions extends PolicyFolderOptions {
  readonly request?: string;
  readonly as?: string;
  readonly for?: readonly string[];
  readonly action?: string;
  readonly target?: readonly string[];
  readonly at?: string;
  readonly set?: readonly string[];
}

interface ReplayOptions extends PolicyFolderOptions {
  readonly since?: string;
  readonly until?: string;
  readonly entities: string;
  readonly all?: boolean;
  readonly failOnDifference?: boolean;
}

const INPUT_BYTES_MAX = 4 * 1024 * 1024;
const FOLDER_HELP = 'the folder of policies (default: $INDELIBLE_POLICIES, then ./policies)';
const CASE_FAILED: ExitCode = 3;

export function addPolicy(program: Command, shell: Shell): void {
  const policy = program.command('policy').description('the policies that decide over governed writes');
  shell
    .command<{ action?: readonly string[] }>(
      policy,
      'init [folder]',
      'write a folder of policies that permits nothing yet',
      init,
    )
    .option('--action <kind:name...>', 'actions of your own connectors, such as http:update-price');
  shell
    .command<CheckOptions>(policy, 'check', 'check the folder; with a request, explain its decision', check)
    .option('--policies <folder>', FOLDER_HELP)
    .option('--request <file>', 'the request as JSON; - is standard input')
    .option('--as <kind:id>', 'who asks, such as person:alice or agent:helper')
    .option('--for <kind:id...>', 'whom it acts for, nearest first')
    .option('--action <kind:name>', 'such as postgres:update')
    .option('--target <id...>', 'what it is about')
    .option('--at <time>', 'when, in UTC (default: now)')
    .option('--set <member=value...>', 'other members of the request, such as reversibility=none');
  shell
    .command<PolicyFolderOptions>(policy, 'test [files...]', 'run cases (default: those in cases/)', test)
    .option('--policies <folder>', FOLDER_HELP);
  shell
    .command<ReplayOptions>(policy, 'replay', 'decide past operations again: what would differ', replay)
    .option('--policies <folder>', FOLDER_HELP)
    .option('--since <time>', 'recorded at or after: RFC 3339, a date, or an age such as 24h or 7d')
    .option('--until <time>', 'recorded before')
    .option('--entities <from>', 'roles, environments and labels from the record or the folder', 'record')
    .option('--all', 'also those that would be decided the same')
    .option('--fail-on-difference', 'leave with 3 when something would differ');
}

async function init(
  invocation: Invocation<{ action?: readonly string[] }>,
  folder = 'policies',
): Promise<ExitCode> {
  const files = starterFiles(invocation.options.action ?? []);
  await loadPolicySet(new Map([...files].filter(([name]) => !name.includes('/'))));
  for (const [name, text] of files) {
    const path = join(folder, name);
    try {
      await mkdir(dirname(path), { recursive: true });
      await writeFile(path, text, { flag: 'wx' });
    } catch (error) {
      throw fileFailure(error, path);
    }
  }
  await invocation.terminal.result({ folder, files: [...files.keys()] });
  for (const name of files.keys()) await invocation.terminal.line(join(folder, name));
  return 0;
}

async function check(invocation: Invocation<CheckOptions>): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const set = await readPolicySet(invocation);
  const request = await requestOf(options);
  if (request === null) {
    const { policy_set_hash, entities_hash } = set;
    await terminal.result({ policy_set_hash, entities_hash, policies: [...set.policies.keys()] });
    await terminal.line(
      `${set.policies.size} ${set.policies.size === 1 ? 'policy' : 'policies'}, set ${policy_set_hash}`,
    );
    return 0;
  }
  const decision = decide(set, parseRequest(request));
  await terminal.result(decision);
  for (const line of decisionLines(set, decision, terminal.colors)) await terminal.line(line);
  return 0;
}

/** The request that the options describe; null when they describe none. */
async function requestOf(options: CheckOptions): Promise<Json | null> {
  const { request, as, action, target } = options;
  const inline = [as, action, target].filter((value) => value !== undefined).length;
  const more = [options.for, options.at, options.set].some((value) => value !== undefined);
  if (request !== undefined) {
    if (inline > 0 || more)
      throw new IndelibleError('USAGE', '--request says all that the other options say');
    return parseJson((await readInput(request, INPUT_BYTES_MAX)).toString('utf8'));
  }
  if (inline === 0 && !more) return null;
  if (inline < 3) throw new IndelibleError('USAGE', '--as, --action and --target go together');
  const members = (options.set ?? []).map(member);
  return {
    principal: as!,
    action: action!,
    targets: target!,
    delegation: options.for ?? [],
    at: options.at ?? new Date().toISOString(),
    ...Object.fromEntries(members),
  };
}

/** `name=value`; a value that is JSON is that, any other is text. */
function member(text: string): [string, Json] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new IndelibleError('USAGE', '--set takes member=value');
  const value = text.slice(equals + 1);
  try {
    return [text.slice(0, equals), parseJson(value)];
  } catch (error) {
    if (!isIndelibleError(error, 'JSON_INVALID')) throw error;
    return [text.slice(0, equals), value];
  }
}

async function test(
  invocation: Invocation<PolicyFolderOptions>,
  given: readonly string[],
): Promise<ExitCode> {
  const { terminal } = invocation;
  const set = await readPolicySet(invocation);
  const files = given.length > 0 ? given : await caseFiles(policyFolder(invocation));
  const results: (CaseResult & { file: string })[] = [];
  for (const file of files) {
    const cases = parseFile(file, (await readInput(file, INPUT_BYTES_MAX)).toString('utf8'));
    for (const each of cases) results.push({ file, ...runCase(set, each) });
  }
  if (results.length === 0) throw new IndelibleError('INPUT_UNREADABLE', 'there is no file of cases');
  const failed = results.filter(({ passed }) => !passed).length;
  const { policy_set_hash } = set;
  await terminal.result({
    policy_set_hash,
    passed: results.length - failed,
    failed,
    cases: results.map(({ file, name, passed, differences }) => ({ file, name, passed, differences })),
  });
  for (const { file, name, passed, differences, decision } of results) {
    const { colors } = terminal;
    if (passed) continue;
    await terminal.line(`${colors.red('FAIL')}  ${printable(file)}: ${printable(name)}`);
    for (const difference of differences) await terminal.line(`      ${printable(difference)}`);
    await terminal.line(`      ${printable(decision.reason)}`);
  }
  await terminal.line(`${counted(results.length, 'case')}, ${failed} failed, set ${policy_set_hash}`);
  return failed === 0 ? 0 : CASE_FAILED;
}

function parseFile(file: string, text: string) {
  try {
    return parseCases(text);
  } catch (error) {
    if (!(error instanceof IndelibleError)) throw error;
    throw new IndelibleError('POLICY_REQUEST_INVALID', `${file}: ${error.message}`, { cause: error });
  }
}

async function replay(invocation: Invocation<ReplayOptions>): Promise<ExitCode> {
  const { options, terminal } = invocation;
  const { since, until, entities, all, failOnDifference } = options;
  if (entities !== 'record' && entities !== 'folder')
    throw new IndelibleError('USAGE', '--entities takes record or folder');
  const set = await readPolicySet(invocation);
  const filter = filterOf({
    action: 'operation.*',
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
  });
  const counts = { decisions: 0, different: 0, unreadable: 0 };
  await withLedger(invocation, { mode: 'read' }, async (ledger) => {
    let cursor: string | null = null;
    do {
      const page = await queryRecords(ledger, {
        ...{ filter, order: 'oldest', limit: QUERY_LIMIT_MAX },
        ...(cursor === null ? {} : { cursor }),
      });
      for (const { record } of page.records) {
        const replayed = replayOne(set, record, await ledger.dataOf(record), entities);
        if (replayed === null) continue;
        counts.decisions += 1;
        if (replayed instanceof IndelibleError) {
          counts.unreadable += 1;
          terminal.notice(`record ${record.seq} cannot be decided again: ${printable(replayed.message)}`);
          continue;
        }
        if (replayed.changed) counts.different += 1;
        if (!replayed.changed && all !== true) continue;
        await terminal.result(replayed);
        for (const line of replayedLines(replayed)) await terminal.line(line);
      }
      cursor = page.next_cursor;
    } while (cursor !== null);
  });
  await terminal.result({ ...counts, policy_set_hash: set.policy_set_hash });
  await terminal.line(
    `${counted(counts.decisions, 'decision')}, ${counts.different} would differ, set ${set.policy_set_hash}`,
  );
  if (counts.unreadable > 0) return 3;
  return failOnDifference === true && counts.different > 0 ? 3 : 0;
}

/** An error is returned, so that one record that cannot be read does not hide the others. */
function replayOne(
  set: PolicySet,
  record: LedgerRecord,
  data: Json | undefined,
  entities: EntitiesFrom,
): ReplayedOperation | IndelibleError | null {
  try {
    return replayRecord(set, record, data, entities);
  } catch (error) {
    if (isIndelibleError(error, 'POLICY_REQUEST_INVALID')) return error;
    throw error;
  }
}

function replayedLines({
  operation_id,
  seq,
  action,
  targets,
  was,
  would_be,
  reason,
}: ReplayedOperation): string[] {
  return [
    `${printable(operation_id)}  ${printable(action)} ${printable(targets.join(', '))}  (record ${seq})`,
    `  was       ${printable(summaryText(was))}`,
    `  would be  ${printable(summaryText(would_be))}`,
    `            ${printable(reason)}`,
  ];
}
