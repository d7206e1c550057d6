/**
 * How often something random is tried: a fifth of the time by default, so that the suite stays short; every time with
 * INDELIBLE_FULL, which `.ci/run` sets.
 */
export const FULL = (process.env.INDELIBLE_FULL ?? '') !== '';

export function runs(full: number): number {
  return FULL ? full : Math.ceil(full / 5);
}
