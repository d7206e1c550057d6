/**
 * Option values that are more than text.
 *
 * Errors:  USAGE, naming what was expected.
 */
import { IndelibleError } from '@indelible/core';
import { duration } from './units.ts';

/** A parser for whole numbers in a range. */
export function wholeNumber(name: string, least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : Number.NaN;
    if (value >= least && value <= most) return value;
    throw new IndelibleError('USAGE', `${name} takes a whole number from ${least} to ${most}`);
  };
}

const UNITS_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A parser for spans of time such as `500ms`, `30s`, `24h` or `7d`; the value is in milliseconds. */
export function timeSpan(name: string, least_ms: number, most_ms: number): (text: string) => number {
  return (text) => {
    const [, digits, unit] = /^(\d{1,9})(ms|s|m|h|d)$/.exec(text) ?? [];
    const value = digits === undefined ? Number.NaN : Number(digits) * UNITS_MS[unit!]!;
    if (value >= least_ms && value <= most_ms) return value;
    const [least, most] = [duration(least_ms), duration(most_ms)];
    throw new IndelibleError('USAGE', `${name} takes a time such as 30s or 24h, from ${least} to ${most}`);
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

const UNITS: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A parser for durations from a second to 999 days: `90s`, `10m`, `1h`, `7d`. In milliseconds. */
export function durationMs(name: string): (text: string) => number {
  return (text) => {
    const match = /^([1-9]\d{0,2})([smhd])$/.exec(text);
    if (match !== null) return Number(match[1]) * UNITS[match[2]!]!;
    throw new IndelibleError('USAGE', `${name} takes a duration, e.g. 90s, 10m, 1h or 7d`);
  };
}

/** Parses `host:port`, `[address]:port` or a port alone, then of this machine. */
export function parseAddress(text: string): { readonly host: string; readonly port: number } {
  const match = /^(?:(\[[0-9a-fA-F:.]+\]|[^:[\]\s]+):)?(\d{1,5})$/.exec(text);
  const port = Number(match?.[2] ?? Number.NaN);
  if (port <= 65_535) return { host: (match?.[1] ?? '127.0.0.1').replace(/^\[|\]$/g, ''), port };
  throw new IndelibleError('USAGE', '--listen takes host:port, e.g. 127.0.0.1:8788');
}
