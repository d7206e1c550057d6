/**
 * How a command fails: one line that says what, one that says what next, and an exit code. Never a stack by itself.
 */

import { IndelibleError, isIndelibleError } from '@indelible/core';
import { CommanderError } from 'commander';
import { printable } from './printable.ts';

/** 0 fine, 1 tampering found, 2 usage, 3 could not check or do, 130 interrupted (as shells count it). */
export type ExitCode = 0 | 1 | 2 | 3 | 130;

export const INTERRUPTED: ExitCode = 130;

/** Reports an error on standard error and returns the exit code for it. */
export function reportFailure(error: unknown, json: boolean, env: NodeJS.ProcessEnv): ExitCode {
  if (isAbort(error)) {
    write(json ? { code: 'INTERRUPTED', message: 'interrupted' } : 'interrupted');
    return INTERRUPTED;
  }
  const failure = asIndelibleError(error);
  const unexpected = failure.code === 'INTERNAL';
  const { code, remedy, details } = failure;
  const message = withoutPasswords(failure.message);
  const hint =
    unexpected && env.INDELIBLE_DEBUG !== '1' ? `${remedy} INDELIBLE_DEBUG=1 shows where.` : remedy;
  if (json) write({ code, message, remedy: hint, ...(Object.keys(details).length === 0 ? {} : { details }) });
  else write(`error ${code}: ${printable(message)}\n  next: ${hint}`);
  if (unexpected && env.INDELIBLE_DEBUG === '1')
    write(error instanceof Error ? String(error.stack) : String(error));
  return failure.exit_code;
}

/** True for help and version, which commander reports as errors with exit code 0. */
export function isAnswered(error: unknown): boolean {
  return error instanceof CommanderError && error.exitCode === 0;
}

function asIndelibleError(error: unknown): IndelibleError {
  if (isIndelibleError(error)) return error;
  if (error instanceof CommanderError) {
    return new IndelibleError(
      'USAGE',
      error.message
        .replace(/^error: /, '')
        .replace(/^\(outputHelp\)$/, 'name a command')
        .replaceAll('\n', ' '),
    );
  }
  return new IndelibleError('INTERNAL', error instanceof Error ? error.message : String(error), {
    cause: error,
  });
}

/** A URL that was mistyped, or given where none belongs, is quoted as it stands. */
function withoutPasswords(message: string): string {
  return message.replaceAll(/(\/\/[^\s/:@]*):[^\s@]*@/g, '$1:…@');
}

function isAbort(error: unknown): boolean {
  return error instanceof Error && error.name === 'AbortError';
}

function write(value: string | object): void {
  process.stderr.write(`${typeof value === 'string' ? value : JSON.stringify(value)}\n`);
}
