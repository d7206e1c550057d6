/**
 * An option with one value, given twice: commander would take the last, and quietly drop what else was asked for.
 *
 * Errors:  USAGE, naming the option.
 */
import { IndelibleError } from '@indelible/core';
import type { Command } from 'commander';

/** Watches the options of a program and all its commands; those that take a list (`<url...>`) may be repeated. */
export function refuseRepeatedOptions(program: Command, given = new Set<string>()): void {
  for (const option of program.options) {
    if ((!option.required && !option.optional) || option.variadic) continue;
    program.on(`option:${option.name()}`, () => {
      // One set for all: `--ledger` may stand before the command's name or behind it.
      if (given.has(option.name()))
        throw new IndelibleError('USAGE', `--${option.name()} was given more than once; it takes one value`);
      given.add(option.name());
    });
  }
  for (const command of program.commands) refuseRepeatedOptions(command, given);
}
