/**
 * All commands, put together.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { addAnchor } from './commands/anchor.ts';
import { addAnchors } from './commands/anchors.ts';
import { addBackup } from './commands/backup.ts';
import { addCheck } from './commands/check.ts';
import { addCheckpoint } from './commands/checkpoint.ts';
import { addDoctor } from './commands/doctor.ts';
import { addExport } from './commands/export.ts';
import { addExportLog } from './commands/export-log.ts';
import { addImport } from './commands/import.ts';
import { addInit } from './commands/init.ts';
import { addLedgers } from './commands/ledgers.ts';
import { addLog } from './commands/log.ts';
import { addMonitor } from './commands/monitor.ts';
import { addProve } from './commands/prove.ts';
import { addRecord } from './commands/record.ts';
import { addReindex } from './commands/reindex.ts';
import { addServe } from './commands/serve.ts';
import { addShow } from './commands/show.ts';
import { addSigningKey } from './commands/signing-key.ts';
import { addToken } from './commands/token.ts';
import { addVerify } from './commands/verify.ts';
import { addWhatHappened } from './commands/what-happened.ts';
import { addWitness } from './commands/witness.ts';
import { type ExitCode, isAnswered, reportFailure } from './failure.ts';
import { refuseRepeatedOptions } from './given-once.ts';
import { addCommonOptions, Shell } from './shell.ts';

const ENVIRONMENT = `
Environment:
  INDELIBLE_LEDGER         the ledger when --ledger is not given
  INDELIBLE_KEY            the secret of a keyed ledger: [id:]hex or base64, at least 32 bytes
  INDELIBLE_KEYS_RETIRED   its earlier secrets, separated by commas
  INDELIBLE_SIGNING_KEY    the private key that signs checkpoints: PEM, or its seed in base64
  INDELIBLE_SIGNING_KEY_FILE  the file of that key (default: in the user's config folder)
  INDELIBLE_WEBHOOK_SECRET signs what is sent to webhooks
  INDELIBLE_LOG_TOKEN      the token with which \`monitor\` reads a log that is not public
  INDELIBLE_REGISTRY       the registry of ledgers: a file, or none (default: in the user's config folder)
  INDELIBLE_DEBUG=1        shows where an unexpected error came from
  NO_COLOR, FORCE_COLOR    as usual

Exit codes: 0 fine, 1 tampering found, 2 usage, 3 could not check or do.`;

/** Runs one command line and returns its exit code. */
export async function runProgram(args: readonly string[], env: NodeJS.ProcessEnv): Promise<ExitCode> {
  const shell = new Shell(env);
  try {
    await createProgram(shell).parseAsync(args, { from: 'user' });
    return shell.exit_code;
  } catch (error) {
    if (isAnswered(error)) return 0;
    return reportFailure(error, args.includes('--json'), env);
  }
}

/** The commander program; documentation is compared with it. */
export function createProgram(shell: Shell): Command {
  const program = new Command('indelible')
    .description('A tamper-evident record of everything that software, people and agents do.')
    .version(packageVersion(), '--version')
    .addHelpText('after', ENVIRONMENT)
    .enablePositionalOptions()
    .exitOverride()
    // Errors are ours to report; help that was asked for goes to standard output.
    .configureOutput({ outputError: () => {} });
  addCommonOptions(program);
  const commands = [
    addInit,
    addServe,
    addRecord,
    addImport,
    addLog,
    addShow,
    addWhatHappened,
    addVerify,
    addExport,
  ];
  const proofs = [addProve, addCheck, addCheckpoint, addExportLog, addSigningKey, addAnchor, addAnchors];
  const upkeep = [addToken, addLedgers, addDoctor, addBackup, addReindex];
  for (const add of [...commands, ...proofs, addWitness, addMonitor, ...upkeep]) add(program, shell);
  refuseRepeatedOptions(program);
  return program;
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
