/**
 * Times as people write them in filters, turned into the form of `recorded_at`.
 *
 * Accepted: RFC 3339 with any offset (`2026-11-21T03:14:00+01:00`), a date (`2026-11-21`, midnight UTC), and an
 * age counted back from now (`15m`, `24h`, `7d`, `2w`). Finer than a millisecond is rounded up: `recorded_at`
 * has whole milliseconds, so the same records lie on either side.
 *
 * Errors:  QUERY_INVALID naming the member.
 * Pure:    no clock; `now` is passed in.
 */
import { IndelibleError } from '@indelible/core';

const DATE_TIME =
  /^(\d{4})-(\d{2})-(\d{2})(?:[Tt ](\d{2}):(\d{2}):(\d{2})(?:\.(\d{1,9}))?(?:([Zz])|([+-])(\d{2}):(\d{2})))?$/;
const AGE = /^(\d{1,6})([smhdw])$/;
const AGE_MS: Record<string, number> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 };
const LAST_MS = Date.parse('9999-12-31T23:59:59.999Z');

/** RFC 3339 UTC with milliseconds. `name` is the filter's member, for messages; `now` is in ms since 1970. */
export function parseTime(name: string, text: string, now: number): string {
  const age = AGE.exec(text);
  const time = age === null ? absolute(text) : now - Number(age[1]) * AGE_MS[age[2]!]!;
  if (time === null || !(time >= 0 && time <= LAST_MS))
    throw new IndelibleError(
      'QUERY_INVALID',
      `${name} must be an RFC 3339 time, a date, or an age such as 24h or 7d.`,
      { details: { member: name } },
    );
  return new Date(time).toISOString();
}

function absolute(text: string): number | null {
  const parts = DATE_TIME.exec(text);
  if (parts === null) return null;
  const [year, month, day, hour, minute, second] = parts.slice(1, 7).map((part) => Number(part ?? 0)) as [
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const date = new Date(Date.UTC(year, month - 1, day, hour, minute, second));
  // Date.UTC carries 31 February over into March; what it changed was never a date.
  if (date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) return null;
  if (hour > 23 || minute > 59 || second > 59 || Number(parts[10] ?? 0) > 23 || Number(parts[11] ?? 0) > 59)
    return null;
  const milliseconds = Math.ceil(Number((parts[7] ?? '0').padEnd(9, '0')) / 1_000_000);
  const offset = (Number(parts[10] ?? 0) * 60 + Number(parts[11] ?? 0)) * 60_000;
  return date.getTime() + milliseconds - (parts[9] === '-' ? -offset : offset);
}
