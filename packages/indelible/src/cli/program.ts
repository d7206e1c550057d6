/**
 * All commands, put together.
 */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { type ExitCode, isAnswered, reportFailure } from './failure.ts';
import { refuseRepeatedOptions } from './given-once.ts';
import { addCommonOptions, type Leaving, Shell } from './shell.ts';

const ENVIRONMENT = `
Environment:
  INDELIBLE_LEDGER         the ledger when --ledger is not given
  INDELIBLE_KEY            the secret of a keyed ledger: [id:]hex or base64, at least 32 bytes
  INDELIBLE_KEYS_RETIRED   its earlier secrets, separated by commas
  INDELIBLE_SIGNING_KEY    the private key that signs checkpoints: PEM, or its seed in base64
  INDELIBLE_SIGNING_KEY_FILE  the file of that key (default: in the user's config folder)
  INDELIBLE_WEBHOOK_SECRET signs what is sent to webhooks
  INDELIBLE_LOG_TOKEN      the token with which \`monitor\` reads a log that is not public
  INDELIBLE_POLICIES       the folder of policies when --policies is not given
  INDELIBLE_CONNECTORS     the configuration of connectors: a file
  INDELIBLE_APPROVER_KEY_FILE  the private key that signs votes (default: in the user's config folder)
  INDELIBLE_SECRET_<NAME>  the value of a secret that connectors or parameters name
  INDELIBLE_NOTICE_WEBHOOK  where break-glass is announced (default: the log alone)
  INDELIBLE_REGISTRY       the registry of ledgers: a file, or none (default: in the user's config folder)
  INDELIBLE_DEBUG=1        shows where an unexpected error came from
  NO_COLOR, FORCE_COLOR    as usual

Exit codes: 0 fine, 1 tampering found, 2 usage, 3 could not check or do,
130 interrupted.`;

/** Each command's module is loaded when it is asked for: the others would only cost time. */
const COMMANDS: Readonly<Record<string, () => Promise<(program: Command, shell: Shell) => void>>> = {
  init: async () => (await import('./commands/init.ts')).addInit,
  serve: async () => (await import('./commands/serve.ts')).addServe,
  record: async () => (await import('./commands/record.ts')).addRecord,
  import: async () => (await import('./commands/import.ts')).addImport,
  log: async () => (await import('./commands/log.ts')).addLog,
  show: async () => (await import('./commands/show.ts')).addShow,
  'what-happened': async () => (await import('./commands/what-happened.ts')).addWhatHappened,
  verify: async () => (await import('./commands/verify.ts')).addVerify,
  'verify-export': async () => (await import('./commands/verify-export.ts')).addVerifyExport,
  export: async () => (await import('./commands/export.ts')).addExport,
  prove: async () => (await import('./commands/prove.ts')).addProve,
  check: async () => (await import('./commands/check.ts')).addCheck,
  checkpoint: async () => (await import('./commands/checkpoint.ts')).addCheckpoint,
  'export-log': async () => (await import('./commands/export-log.ts')).addExportLog,
  'signing-key': async () => (await import('./commands/signing-key.ts')).addSigningKey,
  anchor: async () => (await import('./commands/anchor.ts')).addAnchor,
  anchors: async () => (await import('./commands/anchors.ts')).addAnchors,
  witness: async () => (await import('./commands/witness.ts')).addWitness,
  monitor: async () => (await import('./commands/monitor.ts')).addMonitor,
  token: async () => (await import('./commands/token.ts')).addToken,
  ledgers: async () => (await import('./commands/ledgers.ts')).addLedgers,
  doctor: async () => (await import('./commands/doctor.ts')).addDoctor,
  backup: async () => (await import('./commands/backup.ts')).addBackup,
  copy: async () => (await import('./commands/copy.ts')).addCopy,
  archive: async () => (await import('./commands/archive.ts')).addArchive,
  plan: async () => (await import('./commands/plan.ts')).addPlan,
  approve: async () => (await import('./commands/approve.ts')).addApprove,
  deny: async () => (await import('./commands/approve.ts')).addDeny,
  apply: async () => (await import('./commands/apply.ts')).addApply,
  rollback: async () => (await import('./commands/rollback.ts')).addRollback,
  operations: async () => (await import('./commands/operations.ts')).addOperations,
  recover: async () => (await import('./commands/recover.ts')).addRecover,
  connectors: async () => (await import('./commands/connectors.ts')).addConnectors,
  approver: async () => (await import('./commands/approver.ts')).addApprover,
  policy: async () => (await import('./commands/policy.ts')).addPolicy,
  reindex: async () => (await import('./commands/reindex.ts')).addReindex,
  pg: async () => (await import('./commands/pg.ts')).addPg,
};
/** Commands that another one's module adds. */
const ADDED_WITH: Readonly<Record<string, string>> = { restore: 'backup' };

/** Runs one command line and returns its exit code. `leaving` as of `Shell`. */
export async function runProgram(
  args: readonly string[],
  env: NodeJS.ProcessEnv,
  leaving: Leaving | null = null,
): Promise<ExitCode> {
  const shell = new Shell(env, leaving);
  try {
    const program = await createProgram(shell, commandIn(args));
    await program.parseAsync(args, { from: 'user' });
    return shell.exit_code;
  } catch (error) {
    if (isAnswered(error)) return 0;
    return reportFailure(error, args.includes('--json'), env);
  }
}

/** The commander program, with all commands, one, or none (`''`); documentation is compared with it. */
export async function createProgram(shell: Shell, only: string | null = null): Promise<Command> {
  const program = new Command('indelible')
    .description('A tamper-evident record of everything that software, people and agents do.')
    .version(packageVersion(), '--version')
    .addHelpText('after', ENVIRONMENT)
    .enablePositionalOptions()
    .exitOverride()
    // Errors are ours to report; help that was asked for goes to standard output.
    .configureOutput({ outputError: () => {} });
  addCommonOptions(program);
  for (const [name, load] of Object.entries(COMMANDS)) {
    if (only === null || only === name) (await load())(program, shell);
  }
  refuseRepeatedOptions(program);
  return program;
}

/** The command that a command line names; null for all of them, which help lists and commander refuses what is none of. */
function commandIn(args: readonly string[]): string | null {
  let at = 0;
  while (args[at]?.startsWith('-') === true) {
    if (args[at] === '--version') return '';
    at += args[at] === '--ledger' ? 2 : 1;
  }
  const word = args[at] ?? '';
  const name = Object.hasOwn(ADDED_WITH, word) ? ADDED_WITH[word]! : word;
  return Object.hasOwn(COMMANDS, name) ? name : null;
}

function packageVersion(): string {
  const manifest = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
    version: string;
  };
  return manifest.version;
}
