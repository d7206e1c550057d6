/**
 * `indelible anchor`: has the newest checkpoint kept elsewhere, now. Each anchoring is recorded.
 */
import { ERRORS, type ErrorCode, IndelibleError } from '@indelible/core';
import type { Command } from 'commander';
import type { AnchorOutcome } from '../../anchors/schedule.ts';
import { createAnchors, scheduleAnchors } from '../../compose.ts';
import type { Ledger } from '../../ledger/ledger.ts';
import type { ExitCode } from '../failure.ts';
import { withLedger } from '../open.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import { addSigningOptions, existingSigner, type SigningOptions } from '../signing.ts';
import type { Terminal } from '../terminal.ts';
import { count } from '../units.ts';

interface Options extends SigningOptions {
  readonly anchor: readonly string[];
}

export function addAnchor(program: Command, shell: Shell): void {
  const command = shell
    .command<Options>(program, 'anchor', 'have the newest checkpoint kept elsewhere, now', anchorNow)
    .requiredOption(
      '--anchor <url...>',
      'file:/PATH, sqlite:/PATH, postgres://…, https://… or tsa+https://…?roots=FILE',
    );
  addSigningOptions(command);
}

async function anchorNow(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal, env, signal } = invocation;
  // Before the ledger is opened: a wrong address is not a reason to record anything.
  const anchors = await createAnchors(options.anchor, env);
  try {
    const signerFor = (name: string) => existingSigner(invocation, name);
    const outcomes = await withLedger(invocation, { mode: 'write', signerFor }, async (ledger) => {
      await mustHaveCheckpoint(ledger, terminal);
      const scheduler = await scheduleAnchors(ledger, { anchors });
      const stop = () => void scheduler.close();
      signal.addEventListener('abort', stop, { once: true });
      try {
        return await scheduler.anchorNow();
      } finally {
        signal.removeEventListener('abort', stop);
        await scheduler.close();
      }
    });
    signal.throwIfAborted();
    await terminal.result({ outcomes });
    for (const outcome of outcomes) await terminal.line(outcomeText(outcome, terminal));
    return exitCode(outcomes);
  } finally {
    for (const anchor of anchors) await anchor.close();
  }
}

/** The newest that there is, over everything recorded if this command can sign. */
async function mustHaveCheckpoint({ name, transparency }: Ledger, terminal: Terminal): Promise<void> {
  try {
    await transparency?.checkpointNow();
  } catch (error) {
    // Whoever cannot sign can still have kept what was signed.
    if (!(error instanceof IndelibleError) || error.exit_code === 1) throw error;
    if (error.code !== 'SIGNER_MISSING') terminal.notice(`no new checkpoint was signed: ${error.message}`);
  }
  if (((await transparency?.latest()) ?? null) === null)
    throw new IndelibleError('CHECKPOINT_MISSING', `the ledger ${name} has no checkpoints to anchor`);
}

function outcomeText(outcome: AnchorOutcome, { colors }: Terminal): string {
  const name = printable(outcome.anchor);
  switch (outcome.result) {
    case 'anchored':
      return `${colors.green('anchored')}  ${name}  ${count(outcome.size)} records, root ${outcome.root}`;
    case 'nothing_new':
      return `${colors.dim('nothing new')}  ${name}  ${count(outcome.size ?? 0)} records are anchored`;
    case 'failed':
      return `${colors.red('failed')}  ${name}  ${outcome.code}: ${printable(outcome.message)}; next: ${ERRORS[outcome.code as ErrorCode]?.remedy}`;
  }
}

/** An anchor that holds another history is a sign of tampering; one that cannot be reached is none. */
function exitCode(outcomes: readonly AnchorOutcome[]): ExitCode {
  const codes = outcomes.map((outcome) =>
    outcome.result === 'failed' ? (ERRORS[outcome.code as ErrorCode]?.exit ?? 3) : 0,
  );
  if (codes.includes(1)) return 1;
  return codes.some((code) => code !== 0) ? 3 : 0;
}
