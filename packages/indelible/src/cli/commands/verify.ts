/**
 * `indelible verify`: is the log what was recorded? Exit code 0 consistent, 1 damaged, 3 not checked.
 */
import { access } from 'node:fs/promises';
import { IndelibleError, isIndelibleError } from '@indelible/core';
import { type Command, InvalidArgumentError } from 'commander';
import { openStoredProofs, verifiedPosition } from '../../compose/verification.ts';
import {
  indexPath,
  isSmall,
  openAttachments,
  openIndex,
  openStore,
  withoutCredentials,
} from '../../compose.ts';
import { BackupFile } from '../../ledger/backup-file.ts';
import type { ChainKey, VerifyReport } from '../../ledger/types.ts';
import type { Threads } from '../../stores/contract.ts';
import type { RecordIndex } from '../../stores/index/contract.ts';
import { verifyVanished } from '../../verification/vanished.ts';
import { verifiedEvent } from '../../verification/verified-event.ts';
import { verifyLedger } from '../../verification/verify-ledger.ts';
import { boundGarbage } from '../bound-garbage.ts';
import { compareExpected, type ExpectedRecord, parseExpected } from '../expected-record.ts';
import type { ExitCode } from '../failure.ts';
import { environmentKeys, ledgerUrl, withLedger } from '../open.ts';
import { startProgress } from '../progress.ts';
import type { Invocation, Shell } from '../shell.ts';
import { count } from '../units.ts';
import { addTrustOptions, type OpenTrust, openTrust, type TrustOptions } from '../verify-trust.ts';
import { showReport } from '../verify-view.ts';

interface Options extends TrustOptions {
  readonly sinceLast?: boolean;
  readonly full?: boolean;
  readonly index: boolean;
  readonly workers?: number;
  readonly backup?: string;
  readonly expect?: ExpectedRecord;
  readonly record?: boolean;
}

export function addVerify(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'verify', 'check every record, the chain, the store and the index', verify)
    .option('--no-index', 'leave out the comparison of the index with the log')
    .option('--workers <n>', 'threads to check with (default: one per core, at most 8)', parseWorkers)
    .option(
      '--expect <seq:hash>',
      'a record noted elsewhere, e.g. an earlier head: it must still be there',
      parseExpected,
    )
    .option('--backup <file>', 'check a backup file in place of the ledger')
    .option('--record', 'record the verdict in the ledger (ledger.verified)')
    .option('--since-last', 'go on from where the last such verification ended, if a checkpoint covers that')
    .option('--full', 'read everything (default)');
  addTrustOptions(command);
}

async function verify(invocation: Invocation<Options>): Promise<ExitCode> {
  boundGarbage();
  const { options, terminal } = invocation;
  if (options.backup !== undefined && options.record === true) {
    throw new IndelibleError('USAGE', '--record is for ledgers; nothing is ever added to a backup');
  }
  if (options.sinceLast === true && (options.full === true || options.backup !== undefined)) {
    throw new IndelibleError('USAGE', '--since-last goes with neither --full nor --backup');
  }
  let report: VerifyReport;
  try {
    report = await check(invocation, environmentKeys(invocation));
  } catch (error) {
    await reportUnchecked(invocation, error);
    throw error;
  }
  if (options.record === true) await recordVerdict(invocation, report, modeOf(report));
  await terminal.result(report);
  await showReport(
    terminal,
    report,
    options.backup ?? withoutCredentials(ledgerUrl(invocation)),
    options.index && options.backup === undefined,
  );
  return report.verdict === 'consistent' ? 0 : report.verdict === 'damaged' ? 1 : 3;
}

async function check(invocation: Invocation<Options>, keys: readonly ChainKey[]): Promise<VerifyReport> {
  const opened = await openTrust(invocation.options, invocation.env);
  try {
    return await checkLedger(invocation, keys, opened);
  } catch (error) {
    if (!isIndelibleError(error, 'LEDGER_NOT_FOUND') || invocation.options.backup !== undefined) throw error;
    const vanished = await verifyVanished(opened.trust, opened.origin);
    if (vanished === null) throw error;
    return vanished;
  } finally {
    await opened.close();
  }
}

async function checkLedger(
  invocation: Invocation<Options>,
  keys: readonly ChainKey[],
  { trust }: OpenTrust,
): Promise<VerifyReport> {
  const { options, terminal, signal } = invocation;
  const { backup, expect, workers, sinceLast = false } = options;
  const url = ledgerUrl(invocation);
  const file = backup === undefined ? null : await BackupFile.open(backup, signal);
  const threads = (await isSmall(url)) ? 'none' : undefined;
  const store = file ?? (await openStore(url, { read_only: true, threads }));
  const attachments = file?.attachments ?? openAttachments(url, { read_only: true });
  let index: RecordIndex | null = null;
  // The share of bytes is known before the number of records is.
  const progress = startProgress(terminal, 'verifying', 1000, 'share');
  const started = performance.now();
  const stored = backup === undefined ? await openStoredProofs(url) : null;
  // Checking writes nothing, unless it is to be gone on from.
  const position = sinceLast ? verifiedPosition(url) : null;
  try {
    index = backup === undefined && options.index ? await openExistingIndex(url, threads) : null;
    const { report } = await verifyLedger({
      store,
      attachments,
      keys,
      signal,
      stored,
      trust,
      incremental: sinceLast,
      ...(position === null ? {} : { position }),
      ...(index === null ? {} : { index }),
      ...(workers === undefined ? {} : { workers }),
      onProgress: ({ records, bytes, bytes_total }) => {
        const speed = records / Math.max(0.001, (performance.now() - started) / 1000);
        progress.update(
          (1000 * bytes) / Math.max(1, bytes_total),
          `${count(records)} records, ${count(Math.round(speed))}/s`,
        );
      },
    });
    return expect === undefined ? report : await compareExpected(report, store, expect);
  } finally {
    progress.stop();
    await index?.close();
    await stored?.close();
    await attachments.close();
    await store.close();
  }
}

/** The index if there is one: checking must not make files. */
async function openExistingIndex(url: string, threads: Threads | undefined): Promise<RecordIndex | null> {
  const path = indexPath(url);
  const exists =
    path !== null &&
    (await access(path).then(
      () => true,
      () => false,
    ));
  return exists ? openIndex(url, { threads }) : null;
}

/** Scripts that read the verdict get one also when the check was not possible: never `ok`. */
async function reportUnchecked({ terminal }: Invocation, error: unknown): Promise<void> {
  if (!(error instanceof IndelibleError) || error.exit_code === 2) return;
  const seq = error.details.seq;
  await terminal.result({
    ok: false,
    verdict: error.exit_code === 1 ? 'damaged' : 'not_checked',
    records_checked: 0,
    first_bad_seq: typeof seq === 'number' ? seq : null,
    damage: error.exit_code === 1 ? 'unreadable' : null,
    detail: error.message,
    code: error.code,
  });
}

function modeOf({ proofs }: VerifyReport): 'full' | 'incremental' {
  return (proofs?.verified_from ?? 0) > 0 ? 'incremental' : 'full';
}

async function recordVerdict(
  invocation: Invocation,
  report: VerifyReport,
  mode: 'full' | 'incremental',
): Promise<void> {
  await withLedger(invocation, { mode: 'write' }, (ledger) =>
    ledger.recordOwn(verifiedEvent(ledger.name, report, mode)),
  );
}

function parseWorkers(text: string): number {
  if (!/^\d{1,2}$/.test(text) || Number(text) > 64)
    throw new InvalidArgumentError('Give a number from 0 to 64.');
  return Number(text);
}
