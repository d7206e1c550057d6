/**
 * `indelible check PROOF`: is this record in the log whose key I know? Offline, and without any ledger.
 *
 * Exit code 0 when that is shown, 1 when the proof is wrong, 3 when it cannot be said.
 */
import {
  type Checkpoint,
  CheckpointJudge,
  type CheckpointProblem,
  type ErrorCode,
  formatNote,
  IndelibleError,
  type JudgedCheckpoint,
  LIMITS,
  type Policy,
  PROOF_BYTES_MAX,
  parseProof,
  verifyInclusion,
} from '@indelible/core';
import type { Command } from 'commander';
import type { ExitCode } from '../failure.ts';
import { readInput, readPolicy, readVerifierKeys } from '../input-file.ts';
import { printable } from '../printable.ts';
import { findGivenRecord, type GivenRecord } from '../proof-record.ts';
import type { Invocation, Shell } from '../shell.ts';
import { count } from '../units.ts';

interface Options {
  readonly key?: readonly string[];
  readonly origin?: string;
  readonly policy?: string;
  readonly record?: string;
}

/** A record may come with thousands of others. */
const RECORDS_BYTES_MAX = 256 * LIMITS.record_bytes;
const PROBLEMS: Readonly<Record<CheckpointProblem, ErrorCode>> = {
  checkpoint_unreadable: 'CHECKPOINT_INVALID',
  signature_wrong: 'SIGNATURE_WRONG',
  signature_missing: 'SIGNATURE_MISSING',
  other_log: 'CHECKPOINT_OTHER_LOG',
};

export function addCheck(program: Command, shell: Shell): void {
  shell
    .command<Options>(program, 'check <proof>', 'is a record in a log? offline; - for standard input', check)
    .option('--key <vkey...>', 'verifier keys of the log, or files of them')
    .option('--record <file>', 'the record: its JSON, or a line of an export; - for standard input')
    .option('--policy <file>', 'which witnesses must have cosigned, and keys of logs (c2sp.org/tlog-policy)')
    .option('--origin <origin>', 'the name of the log, where that is not the name of its key');
}

async function check({ options, terminal }: Invocation<Options>, path: string): Promise<ExitCode> {
  const { key = [], origin = null, record: record_path } = options;
  if (path === '-' && record_path === '-')
    throw new IndelibleError('USAGE', 'standard input holds the proof or the record, not both');
  const policy = await readPolicy(options.policy);
  const log_keys = await readVerifierKeys(key);
  if (log_keys.length + (policy?.logs.length ?? 0) === 0)
    throw new IndelibleError('USAGE', "give the log's verifier key with --key, or a policy that names it");
  const { index, proof, note, extra } = parseProof(await readInput(path, PROOF_BYTES_MAX));
  const judged = new CheckpointJudge({ origin, log_keys, policy }).judge(formatNote(note));
  const checkpoint = trusted(judged);
  if (judged.quorum?.met === false) throw new IndelibleError('WITNESSES_MISSING', judged.quorum.detail);
  const given =
    record_path === undefined
      ? null
      : findGivenRecord((await readInput(record_path, RECORDS_BYTES_MAX)).toString('utf8'), index);
  if (given !== null) mustBeIn(checkpoint, { leaf: given.leaf, index, proof });
  const report = reportOf(judged, checkpoint, index, given, policy);
  await terminal.result({ ...report, extra: extra === null ? null : Buffer.from(extra).toString('base64') });
  await show(terminal.line, report);
  return report.ok ? 0 : 3;
}

function trusted({ checkpoint, problem, detail }: JudgedCheckpoint): Checkpoint {
  if (problem !== null) throw new IndelibleError(PROBLEMS[problem], detail);
  return checkpoint!;
}

function mustBeIn(
  { size, root }: Checkpoint,
  claim: { readonly leaf: string; readonly index: number; readonly proof: readonly string[] },
): void {
  const verdict = verifyInclusion({ ...claim, size, root });
  if (verdict.ok) return;
  throw new IndelibleError(
    'PROOF_WRONG',
    `the proof does not lead from this record to the checkpoint of ${size} records`,
    { details: { fault: verdict.fault, index: claim.index, size } },
  );
}

function reportOf(
  { signed_by, quorum, times }: JudgedCheckpoint,
  { origin, size, root }: Checkpoint,
  index: number,
  given: GivenRecord | null,
  policy: Policy | null,
) {
  const witnesses = times.map(({ witness, time }) => ({
    witness,
    saw_at: time === null ? null : new Date(time * 1000).toISOString(),
  }));
  return {
    ok: given !== null,
    verdict: given === null ? ('not_checked' as const) : ('included' as const),
    origin,
    index,
    size,
    root,
    signed_by,
    witnesses,
    policy: policy === null || quorum?.asked !== true ? null : quorum.detail,
    record: given?.record ?? null,
    does_not_prove: limits(given !== null, witnesses.length > 0),
  };
}

function limits(with_record: boolean, witnessed: boolean): string[] {
  const said = ['That what the record says is true, or that everything was recorded.'];
  if (!with_record) said.unshift('Which record it is about: that was not given (--record FILE).');
  if (!witnessed) {
    said.push(
      'That others are shown the same log: no witness of a policy cosigned the checkpoint.',
      'When it was recorded: the times in the record are claims of the log.',
    );
  } else said.push('When it was recorded: only that it was before the witnesses saw the checkpoint.');
  return said;
}

async function show(
  line: (text?: string) => Promise<void>,
  report: ReturnType<typeof reportOf>,
): Promise<void> {
  const { origin, index, size, root, signed_by, witnesses, policy, record } = report;
  const row = (label: string, value: string) => line(`${label.padEnd(10)} ${printable(value)}`);
  await row('log', origin);
  await row('checkpoint', `${count(size)} records, root ${root}`);
  await row('signed by', signed_by.join(', '));
  for (const { witness, saw_at } of witnesses)
    await row('witness', saw_at === null ? witness : `${witness}, which saw it at ${saw_at}`);
  if (policy !== null) await row('policy', policy);
  if (record !== null) {
    const { action, actor, outcome, recorded_at } = record;
    await row('record', `${index}: ${action} by ${actor.type}:${actor.id}, ${outcome}, at ${recorded_at}`);
  }
  await row(
    'verdict',
    record !== null
      ? `included: this record is number ${index} of the log`
      : `not checked: the proof is for record ${index}; give that record with --record FILE`,
  );
  await line();
  await line('This does not prove:');
  for (const limit of report.does_not_prove) await line(`  - ${limit}`);
}
