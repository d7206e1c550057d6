/**
 * Clocks on walls: from an instant to the local time of a zone, and back.
 *
 * Shapes:  a local time is `2026-12-24T18:30`, with minutes and no offset; instants are milliseconds since 1970.
 * Pure:    no clock. The rules of the zones are those of the runtime.
 */

export interface WallClock {
  /** `2026-12-24` */
  readonly date: string;
  /** 1 is Monday, 7 Sunday. */
  readonly weekday: number;
  readonly hour: number;
  readonly minute: number;
}

const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;
/** From then on all clocks turn their minutes together: before, Monrovia's were half a minute off. */
const WHOLE_MINUTES_SINCE = Date.parse('1972-01-08T00:00:00Z');
const LOCAL = /^(\d{4})-(\d{2})-(\d{2})T([01]\d|2[0-3]):([0-5]\d)$/;
const formatters = new Map<string, Intl.DateTimeFormat>();
/** Of each zone the clock that was read last: one decision asks several times, and the next one in the same minute. */
const latest = new Map<string, { readonly minute: number; readonly clock: WallClock }>();

/** True for a name such as `Europe/Vienna` or `UTC`. Offsets are refused: they know no summer time. */
export function isZone(name: string): boolean {
  if (!/^[A-Za-z][A-Za-z0-9_+/-]{0,63}$/.test(name)) return false;
  try {
    formatterOf(name);
    return true;
  } catch {
    // A RangeError: the runtime does not know the zone.
    return false;
  }
}

export function wallClock(instant: number, zone: string): WallClock {
  const minute = Math.floor(instant / MINUTE_MS);
  const last = latest.get(zone);
  if (last?.minute === minute && instant >= WHOLE_MINUTES_SINCE) return last.clock;
  const clock = readClock(instant, zone);
  latest.set(zone, { minute, clock });
  return clock;
}

function readClock(instant: number, zone: string): WallClock {
  const parts: Record<string, string> = {};
  for (const { type, value } of formatterOf(zone).formatToParts(instant)) parts[type] = value;
  const { year = '', month = '', day = '', hour = '', minute = '' } = parts;
  const date = `${year.padStart(4, '0')}-${month}-${day}`;
  const weekday = ((new Date(`${date}T00:00:00Z`).getUTCDay() + 6) % 7) + 1;
  return { date, weekday, hour: Number(hour), minute: Number(minute) };
}

/** True for a local time of a day that the calendar has. */
export function isLocalTime(text: string): boolean {
  const [, year, month, day] = LOCAL.exec(text) ?? [];
  if (year === undefined) return false;
  const date = new Date(`${year}-${month}-${day}T00:00:00Z`);
  return !Number.isNaN(date.getTime()) && date.getUTCDate() === Number(day);
}

/**
 * The instant of a local time. Where clocks are put back a local time comes twice: `side` chooses the first or the last.
 * Where they are put forward it never comes: then it is read by the offset before or after, whichever is further out.
 */
export function instantOf(local: string, zone: string, side: 'first' | 'last'): number {
  const as_utc = Date.parse(`${local}:00Z`);
  const candidates = [as_utc - DAY_MS, as_utc + DAY_MS].map((near) => as_utc - offsetAt(near, zone));
  const real = candidates.filter((instant) => instant + offsetAt(instant, zone) === as_utc);
  const possible = real.length > 0 ? real : candidates;
  return side === 'first' ? Math.min(...possible) : Math.max(...possible);
}

function offsetAt(instant: number, zone: string): number {
  const minute = Math.floor(instant / MINUTE_MS) * MINUTE_MS;
  const { date, hour, minute: past } = wallClock(minute, zone);
  return Date.parse(`${date}T${two(hour)}:${two(past)}:00Z`) - minute;
}

function two(value: number): string {
  return String(value).padStart(2, '0');
}

function formatterOf(zone: string): Intl.DateTimeFormat {
  let formatter = formatters.get(zone);
  if (formatter === undefined) {
    formatter = new Intl.DateTimeFormat('en-US', {
      timeZone: zone,
      hourCycle: 'h23',
      ...({ year: 'numeric', month: '2-digit', day: '2-digit', hour: '2-digit', minute: '2-digit' } as const),
    });
    formatters.set(zone, formatter);
  }
  return formatter;
}
