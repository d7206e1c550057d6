/**
 * What one sample is: one subject, run once, in a process of its own.
 *
 * Shapes:  `measures` are numbers whose unit ends their name: `records_per_s`, `p99_ms`, `peak_rss_bytes`.
 */
import { readFileSync } from 'node:fs';

export type Measures = Readonly<Record<string, number>>;
export type Params = Readonly<Record<string, string | number | boolean>>;

/** Runs once in `folder`, which is empty or holds what an earlier step prepared. */
export type Subject = (params: Params, folder: string) => Promise<Measures>;

/** The most memory this process has ever had resident. Linux; elsewhere what getrusage says. */
export function peakRssBytes(): number {
  try {
    // getrusage would report the parent's peak when that was higher: it is inherited through fork.
    const match = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync('/proc/self/status', 'utf8'));
    if (match !== null) return Number(match[1]) * 1024;
  } catch {
    // Not Linux.
  }
  return process.resourceUsage().maxRSS * 1024;
}

export function numberParam(params: Params, name: string): number {
  const value = params[name];
  if (typeof value !== 'number') throw new Error(`the subject needs the number ${name}`);
  return value;
}

export function textParam(params: Params, name: string): string {
  const value = params[name];
  if (typeof value !== 'string') throw new Error(`the subject needs the text ${name}`);
  return value;
}

/** The value below which a share of all lie; `sorted` ascends. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  if (sorted.length === 0) return Number.NaN;
  return sorted[Math.min(sorted.length - 1, Math.ceil(share * sorted.length) - 1)]!;
}
