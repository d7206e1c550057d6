/**
 * Option values that are more than text.
 *
 * Errors:  USAGE, naming what was expected.
 */
import { IndelibleError } from '@indelible/core';

/** A parser for whole numbers in a range. */
export function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new IndelibleError('USAGE', `${name} takes a whole number from ${least} to ${most}`);
  };
}

/** A parser for numbers of zero or more. */
export function amount(name: string): (text: string) => number {
  return (text) => {
    const value = /^\d+(\.\d+)?$/.test(text) ? Number(text) : Number.NaN;
    if (Number.isFinite(value)) return value;
    throw new IndelibleError('USAGE', `${name} takes a number, zero or more`);
  };
}

/** A parser for `type:id`; the id may hold colons itself. */
export function typedId(name: string): (text: string) => { readonly type: string; readonly id: string } {
  return (text) => {
    const colon = text.indexOf(':');
    if (colon > 0 && colon < text.length - 1)
      return { type: text.slice(0, colon), id: text.slice(colon + 1) };
    throw new IndelibleError('USAGE', `${name} takes type:id, e.g. user:alice`);
  };
}
