/**
 * Freeze calendars: named windows in which policies may forbid what they allow otherwise (`calendar.json`).
 *
 * Every window is in local time, and its zone is stated. A window begins with its first instant and ends before its last.
 * Weekly windows go by the clock on the wall; one whose end is not after its start ends on the next day.
 *
 * Pure:    no I/O, no clock.
 */
import { canonicalize, type Json, type JsonObject, sha256Hex } from '@indelible/core';
import type { DataFile, JsonPath } from './data-file.ts';
import { compare } from './problems.ts';
import { instantOf, isLocalTime, isZone, type WallClock, wallClock } from './zone.ts';

interface Span {
  readonly from: number;
  readonly to: number;
}

interface WeeklySpan {
  /** 1 is Monday; the day it begins on. */
  readonly days: ReadonlySet<number>;
  /** Minutes since midnight. */
  readonly from: number;
  readonly to: number;
}

interface Freeze {
  readonly name: string;
  readonly zone: string;
  readonly spans: readonly Span[];
  readonly weekly: readonly WeeklySpan[];
}

export const FREEZE_NAME = /^[a-z][a-z0-9._-]{0,63}$/;
const DAYS = ['mon', 'tue', 'wed', 'thu', 'fri', 'sat', 'sun'];
const TIME = /^([01]\d|2[0-3]):[0-5]\d$/;
const WINDOWS_MAX = 1000;

export class Calendar {
  /** Of `context.time`, and of windows that name none. */
  readonly time_zone: string;
  /** What was read. */
  readonly source: JsonObject;
  /** SHA-256, in hex, of its canonical JSON. */
  readonly sha256: string;
  readonly #freezes: readonly Freeze[];

  constructor(time_zone: string, freezes: readonly Freeze[], source: JsonObject) {
    this.time_zone = time_zone;
    this.source = source;
    this.#freezes = freezes.toSorted((a, b) => compare(a.name, b.name));
    this.sha256 = sha256Hex(new TextEncoder().encode(canonicalize(source)));
  }

  get names(): readonly string[] {
    return this.#freezes.map(({ name }) => name);
  }

  /** The freezes that hold at an instant, in order of their names. */
  activeAt(instant: number): string[] {
    return this.#freezes.filter((freeze) => holds(freeze, instant)).map(({ name }) => name);
  }

  clockAt(instant: number): WallClock {
    return wallClock(instant, this.time_zone);
  }
}

/** No freezes, and the clock of UTC: a folder without `calendar.json`. */
export const NO_CALENDAR = new Calendar('UTC', [], {});

/** Reads `calendar.json`; what is wrong with it goes to the file's problems. */
export function parseCalendar(file: DataFile): Calendar {
  const source = file.parse();
  if (source === null || file.object(source, [], ['time_zone', 'freezes']) === null) return NO_CALENDAR;
  const time_zone = zoneOf(file, source.time_zone, ['time_zone']) ?? 'UTC';
  const freezes: Freeze[] = [];
  for (const [name, value] of Object.entries(file.object(source.freezes ?? {}, ['freezes'], null) ?? {})) {
    const path = ['freezes', name];
    if (!FREEZE_NAME.test(name)) file.problem(path, 'is not a name: small letters, digits, hyphens');
    freezes.push(parseFreeze(file, name, value, path, time_zone));
  }
  return new Calendar(time_zone, freezes, source);
}

function parseFreeze(file: DataFile, name: string, value: Json, path: JsonPath, zone: string): Freeze {
  const members = file.object(value, path, ['description', 'time_zone', 'windows', 'weekly']) ?? {};
  const own =
    members.time_zone === undefined
      ? zone
      : (zoneOf(file, members.time_zone, [...path, 'time_zone']) ?? zone);
  const windows = listOf(file, members.windows, [...path, 'windows']);
  const weekly = listOf(file, members.weekly, [...path, 'weekly']);
  if (windows.length + weekly.length === 0) file.problem(path, 'has no window');
  return {
    name,
    zone: own,
    spans: windows.flatMap((item, at) => parseSpan(file, item, [...path, 'windows', at], own)),
    weekly: weekly.flatMap((item, at) => parseWeekly(file, item, [...path, 'weekly', at])),
  };
}

function parseSpan(file: DataFile, value: Json, path: JsonPath, zone: string): Span[] {
  const { from, to } = file.object(value, path, ['from', 'to']) ?? {};
  for (const [member, text] of Object.entries({ from, to })) {
    if (typeof text === 'string' && isLocalTime(text)) continue;
    file.problem([...path, member], 'must be a local time such as 2026-12-24T18:00');
    return [];
  }
  // The longer reading on both sides, where clocks are changed.
  const span = {
    from: instantOf(from as string, zone, 'first'),
    to: instantOf(to as string, zone, 'last'),
  };
  if (span.from >= span.to) file.problem(path, 'ends before it begins');
  return [span];
}

function parseWeekly(file: DataFile, value: Json, path: JsonPath): WeeklySpan[] {
  const { days, from, to } = file.object(value, path, ['days', 'from', 'to']) ?? {};
  const names = file.array(days, [...path, 'days']);
  const numbers = names.map((day) => (typeof day === 'string' ? DAYS.indexOf(day) + 1 : 0));
  if (numbers.length === 0 || numbers.includes(0) || new Set(numbers).size !== numbers.length)
    file.problem([...path, 'days'], `must name some of ${DAYS.join(', ')}, each once`);
  const start = file.text(from, [...path, 'from'], TIME, 'a time such as 22:00');
  const end = file.text(to, [...path, 'to'], TIME, 'a time such as 06:00');
  if (start === null || end === null) return [];
  return [{ days: new Set(numbers), from: minutes(start), to: minutes(end) }];
}

function listOf(file: DataFile, value: Json | undefined, path: JsonPath): readonly Json[] {
  if (value === undefined) return [];
  const list = file.array(value, path);
  if (list.length > WINDOWS_MAX) file.problem(path, `has more than ${WINDOWS_MAX} windows`);
  return list.slice(0, WINDOWS_MAX);
}

function zoneOf(file: DataFile, value: Json | undefined, path: JsonPath): string | null {
  if (typeof value === 'string' && isZone(value)) return value;
  file.problem(path, 'must be stated: the name of a time zone, such as Europe/Vienna or UTC');
  return null;
}

function minutes(time: string): number {
  return Number(time.slice(0, 2)) * 60 + Number(time.slice(3));
}

function holds({ zone, spans, weekly }: Freeze, instant: number): boolean {
  if (spans.some(({ from, to }) => instant >= from && instant < to)) return true;
  if (weekly.length === 0) return false;
  const { weekday, hour, minute } = wallClock(instant, zone);
  const now = hour * 60 + minute;
  const yesterday = weekday === 1 ? 7 : weekday - 1;
  return weekly.some(({ days, from, to }) =>
    from < to
      ? days.has(weekday) && now >= from && now < to
      : (days.has(weekday) && now >= from) || (days.has(yesterday) && now < to),
  );
}
