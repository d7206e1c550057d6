/**
 * Signing by an external command, for keys that never leave a device or a service.
 *
 * The command is started anew for each signature, without a shell. It reads the message from its standard input and
 * writes the signature to its standard output: 64 raw bytes, or their base 64.
 *
 * Errors:  SIGNER_FAILED when it does not start, fails, takes too long, or writes anything else.
 */
import { spawn } from 'node:child_process';
import { decodeBase64, IndelibleError, type NoteSigner, parseVerifierKey } from '@indelible/core';

const TIMEOUT_MS = 10_000;
const OUTPUT_BYTES_MAX = 4096;
const SIGNATURE_BYTES = 64;

export interface CommandSignerOptions {
  /** Program and arguments. */
  readonly command: readonly [string, ...string[]];
  /** The verifier key of the key that it signs with, named as the ledger. */
  readonly vkey: string;
  readonly timeout_ms?: number;
}

/** A signer that runs a command. */
export function openCommandSigner({
  command,
  vkey,
  timeout_ms = TIMEOUT_MS,
}: CommandSignerOptions): NoteSigner {
  const key = parseVerifierKey(vkey);
  return { key, sign: async (message) => signatureIn(await run(command, message, timeout_ms), command[0]) };
}

function signatureIn(output: Buffer, program: string): Uint8Array {
  if (output.length === SIGNATURE_BYTES) return new Uint8Array(output);
  const bytes = decodeBase64(output.toString('latin1').trim());
  if (bytes?.length === SIGNATURE_BYTES) return bytes;
  throw failed(program, `wrote ${output.length} bytes that are no Ed25519 signature`);
}

function run(
  [program, ...args]: readonly [string, ...string[]],
  input: Uint8Array,
  timeout_ms: number,
): Promise<Buffer> {
  const { promise, resolve, reject } = Promise.withResolvers<Buffer>();
  const child = spawn(program, args, { shell: false, stdio: ['pipe', 'pipe', 'ignore'], windowsHide: true });
  const end = (error: IndelibleError): void => {
    reject(error);
    child.kill('SIGKILL');
  };
  const timer = setTimeout(() => end(failed(program, `took longer than ${timeout_ms} ms`)), timeout_ms);
  const output: Buffer[] = [];
  let length = 0;
  child.stdout.on('data', (chunk: Buffer) => {
    output.push(chunk);
    length += chunk.length;
    if (length > OUTPUT_BYTES_MAX) end(failed(program, `wrote more than ${OUTPUT_BYTES_MAX} bytes`));
  });
  child.on('error', (error) => end(failed(program, 'cannot be started', error)));
  child.on('close', (code, signal) => {
    clearTimeout(timer);
    if (code === 0) resolve(Buffer.concat(output));
    else reject(failed(program, `ended with ${code ?? signal}`));
  });
  // A command that does not read its input to the end says so by its exit code.
  child.stdin.on('error', () => {});
  child.stdin.end(input);
  return promise;
}

function failed(program: string, what: string, cause?: unknown): IndelibleError {
  return new IndelibleError('SIGNER_FAILED', `the signing command ${program} ${what}`, { cause });
}
