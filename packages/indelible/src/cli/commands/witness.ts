/**
 * `indelible witness`: cosigns other people's logs (c2sp.org/tlog-witness). A process of its own; needs no ledger.
 *
 * The witness is loaded only here, so that every other command starts without it.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { formatVerifierKey, IndelibleError, isIndelibleError, type NoteSigner } from '@indelible/core';
import { type Command, Option } from 'commander';
import type { WitnessLog } from '../../witness/handler.ts';
import type { ExitCode } from '../failure.ts';
import { readInput } from '../input-file.ts';
import { noticeLog } from '../open.ts';
import { parseAddress } from '../parse-options.ts';
import { printable } from '../printable.ts';
import type { Invocation, Shell } from '../shell.ts';
import type { Terminal } from '../terminal.ts';
import { counted } from '../units.ts';

interface Options {
  readonly listen: { readonly host: string; readonly port: number };
  readonly state: string;
  readonly key: string;
  readonly logs: string;
  readonly name?: string;
  readonly trustProxy?: boolean;
}

const LISTEN = '127.0.0.1:8788';
const LOGS_BYTES_MAX = 32 * 1024 * 1024;

export function addWitness(program: Command, shell: Shell): void {
  shell
    .command<Options>(program, 'witness', "cosign other people's logs (c2sp.org/tlog-witness)", witness)
    .requiredOption('--state <folder>', 'where it remembers what it saw; must never go back')
    .requiredOption('--key <file>', 'its private keys, outside that folder; made when there are none')
    .requiredOption('--logs <file>', 'the logs that it cosigns: one verifier key a line')
    .option('--name <name>', 'the name of a key that is made, e.g. witness.example/w1')
    .addOption(
      new Option('--listen <address>', 'host:port; port 0 takes a free one')
        .argParser(parseAddress)
        .default(parseAddress(LISTEN), LISTEN),
    )
    .option('--trust-proxy', 'take client addresses from X-Forwarded-For');
}

async function witness(invocation: Invocation<Options>): Promise<ExitCode> {
  const { options, terminal, signal } = invocation;
  const { listen, state: folder, logs: logs_path, trustProxy = false } = options;
  const [{ parseKnownLogs }, { WitnessState }, { Witness }, { serveWitness }] = await Promise.all([
    import('../../witness/known-logs.ts'),
    import('../../witness/state.ts'),
    import('../../witness/handler.ts'),
    import('../../witness/serve.ts'),
  ]);
  const logs = parseKnownLogs((await readInput(logs_path, LOGS_BYTES_MAX)).toString('utf8'));
  const signers = await signersOf(invocation);
  const state = new WitnessState(folder);
  try {
    const handler = new Witness({ state, logs, signers, log: printableLog(terminal) });
    const server = await serveWitness({ witness: handler, ...listen, trust_proxy: trustProxy });
    const verifier_keys = signers.map(({ key }) => formatVerifierKey(key));
    await terminal.line(server.url);
    for (const vkey of verifier_keys) await terminal.line(vkey);
    await terminal.line(`Cosigns ${counted(logs.size, 'log')}. Ctrl-C stops.`);
    await terminal.result({ url: server.url, verifier_keys, logs: logs.size });
    await new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await server.close();
    return 0;
  } finally {
    state.close();
  }
}

async function signersOf({ options, terminal }: Invocation<Options>): Promise<NoteSigner[]> {
  const { key: path, state, name } = options;
  const { readSigningKeys, writeSigningKeys } = await import('../../witness/signing-key.ts');
  const has_state = existsSync(join(state, 'witness.db'));
  if (existsSync(path)) {
    const signers = readSigningKeys(path);
    if (!has_state) {
      terminal.notice(
        `there is no state in ${state} yet: if these keys have ever signed, make new ones, since what they vouched for is forgotten`,
      );
    }
    return signers;
  }
  if (name === undefined)
    throw new IndelibleError('WITNESS_CONFIG', `there is no key file ${path}; name the new key with --name`);
  writeSigningKeys(path, await newKeys(name));
  terminal.notice(`made the keys of this witness: ${path}; its verifier keys are for those who trust it`);
  return readSigningKeys(path);
}

/** One of each kind that this Node can sign with. */
async function newKeys(name: string): Promise<string[]> {
  const { newSigningKey } = await import('../../witness/signing-key.ts');
  const { line } = newSigningKey(name, 'ed25519_cosignature');
  try {
    return [line, newSigningKey(name, 'ml_dsa_44_cosignature').line];
  } catch (error) {
    if (isIndelibleError(error, 'SIGNATURE_ALGORITHM')) return [line];
    throw error;
  }
}

/** Anybody may send a request: what it says must not steer the terminal. */
function printableLog(terminal: Terminal): WitnessLog {
  const { info, warn, error } = noticeLog({
    ...terminal,
    notice: (message) => terminal.notice(printable(message)),
  });
  return { info, warn, error };
}
