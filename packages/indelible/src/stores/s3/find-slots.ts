/**
 * Finding slots without listing them all: slots are sorted by name, and a listing can begin anywhere.
 *
 * Errors:  those of listing.
 */
import type { Commits } from './commits.ts';

const PAGE = 1000;
/** Steps of the first round: 8^1 to 8^17, which is 2^51. */
const STEPS = 17;
const PROBES = 16;
const WIDENING = 8;

/** The last slot that is taken, at or behind one that is known to be (-1: none is known); null when none is. */
export async function lastSlot(commits: Commits, known: number): Promise<number | null> {
  let last = known;
  for (;;) {
    const { slots, more } = await commits.slots(last, PAGE);
    last = slots.at(-1) ?? last;
    if (!more) return last < 0 ? null : last;
    last = await leap(commits, last);
  }
}

/** A slot that is less than a page before the last, if slots are taken evenly; in any case one that is taken. */
async function leap(commits: Commits, from: number): Promise<number> {
  let low = from;
  let high = Number.MAX_SAFE_INTEGER;
  let points = Array.from({ length: STEPS }, (_, i) => from + 8 ** (i + 1));
  while (high - low > PAGE) {
    const found = await Promise.all(points.map((point) => firstBehind(commits, point)));
    for (const [i, slot] of found.entries()) {
      if (slot !== null) low = Math.max(low, slot);
      else high = Math.min(high, points[i]!);
    }
    const step = Math.ceil((high - low) / PROBES);
    points = Array.from({ length: PROBES - 1 }, (_, i) => low + step * (i + 1)).filter(
      (point) => point < high,
    );
    if (points.length === 0) break;
  }
  return low;
}

async function firstBehind(commits: Commits, after: number): Promise<number | null> {
  if (after >= Number.MAX_SAFE_INTEGER) return null;
  return (await commits.slots(after, 1)).slots[0] ?? null;
}

/** The last taken slot at or before `seq`: that of the batch with the record, if it is there. Null when there is none. */
export async function floorSlot(commits: Commits, seq: number): Promise<number | null> {
  for (let reach = PAGE; ; reach *= WIDENING) {
    const start = Math.max(-1, seq - reach);
    let after = start;
    let floor: number | null = null;
    for (;;) {
      const { slots, more } = await commits.slots(after, PAGE);
      const before = slots.filter((slot) => slot <= seq);
      floor = before.at(-1) ?? floor;
      if (!more || before.length < slots.length) break;
      after = slots.at(-1)!;
    }
    if (floor !== null || start < 0) return floor;
  }
}
