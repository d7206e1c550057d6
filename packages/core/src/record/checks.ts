/**
 * The rule of every member of an event and of a record.
 *
 * Errors:  EVENT_INVALID naming the member; JSON errors are left to `canonicalize`, which sees every value anyway.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';
import { LIMITS } from './limits.ts';
import { OUTCOMES } from './record.ts';

/** Throws EVENT_INVALID unless `value` is allowed at `place`. */
export type Check = (value: unknown, place: string) => void;

export function invalid(place: string, rule: string): IndelibleError {
  return new IndelibleError('EVENT_INVALID', `${place} ${rule}`, { details: { member: place } });
}

// Control characters in names would let one line of a log pose as two.
const CONTROL = /[\u0000-\u001f\u007f]/;
const DATE_TIME = /^(\d{4}-\d\d-\d\d)T\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/** One line of text, 1 to `most` UTF-16 code units. */
export function line(most: number): Check {
  return (value, place) => {
    if (typeof value !== 'string') throw invalid(place, 'must be a string');
    if (value.length === 0 || value.length > most) throw invalid(place, `must have 1 to ${most} characters`);
    if (CONTROL.test(value)) throw invalid(place, 'must not have control characters');
  };
}

/** Any text, at most `most` UTF-16 code units. */
export function text(most: number): Check {
  return (value, place) => {
    if (typeof value !== 'string') throw invalid(place, 'must be a string');
    if (value.length > most) throw invalid(place, `must have at most ${most} characters`);
  };
}

/** Text of one form, described in words. */
export function form(pattern: RegExp, words: string): Check {
  return (value, place) => {
    if (typeof value !== 'string' || !pattern.test(value)) throw invalid(place, `must be ${words}`);
  };
}

export const hash64 = form(/^[0-9a-f]{64}$/, '64 lower-case hex digits');
export const uuid7 = form(
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  'a lower-case UUID of version 7',
);
/** A W3C trace id: not all zeros. */
export const correlationId = form(/^(?!0{32})[0-9a-f]{32}$/, '32 lower-case hex digits, not all zero');
export const spanId = form(/^(?!0{16})[0-9a-f]{16}$/, '16 lower-case hex digits, not all zero');
export const keyId = form(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, dots, dashes or underscores');
/** A C2SP origin: a URL without scheme, no spaces, no plus. */
export const ledgerName = form(
  /^[A-Za-z0-9][A-Za-z0-9._~:/@-]{0,199}$/,
  '1 to 200 characters of letters, digits and . _ ~ : / @ -, beginning with a letter or digit',
);

export const dateTime: Check = (value, place) => {
  const match = typeof value === 'string' ? DATE_TIME.exec(value) : null;
  const time = match === null ? Number.NaN : Date.parse(value as string);
  // Date.parse moves February 30th into March; the date must come back as it was.
  if (Number.isNaN(time) || new Date(time).toISOString().slice(0, 10) !== match![1]) {
    throw invalid(place, 'must be a time in UTC like 2026-11-21T02:14:00.123Z');
  }
};

export const amount: Check = (value, place) => {
  if (typeof value !== 'number' || !Number.isFinite(value) || value < 0) {
    throw invalid(place, 'must be a number, zero or more');
  }
};

export const index: Check = (value, place) => {
  if (!Number.isSafeInteger(value) || (value as number) < 0)
    throw invalid(place, 'must be an integer, zero or more');
};

export const outcome: Check = (value, place) => {
  if (!OUTCOMES.includes(value as (typeof OUTCOMES)[number])) {
    throw invalid(place, `must be one of ${OUTCOMES.join(', ')}`);
  }
};

/** Any JSON value: `canonicalize` decides. */
export const anything: Check = () => {};

/** An object with exactly these members, those in `required` present. */
export function shape(members: Readonly<Record<string, Check>>, required: readonly string[]): Check {
  const checks = new Map(Object.entries(members));
  return (value, place) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      throw invalid(place, 'must be an object');
    const object = value as Record<string, unknown>;
    for (const key of Object.keys(object)) {
      const check = checks.get(key);
      if (check === undefined)
        throw invalid(`${place}.${key.slice(0, 64)}`, 'is not a member this format knows');
      if (object[key] !== undefined) check(object[key], `${place}.${key}`);
    }
    for (const key of required)
      if (object[key] === undefined) throw invalid(`${place}.${key}`, 'is required');
  };
}

/** A list of at most `most` items. */
export function list(item: Check, most: number): Check {
  return (value, place) => {
    if (!Array.isArray(value)) throw invalid(place, 'must be a list');
    if (value.length > most) throw invalid(place, `must have at most ${most} items`);
    for (let i = 0; i < value.length; i++) item(value[i], `${place}[${i}]`);
  };
}

export const resource = shape(
  { id: line(LIMITS.identifier), name: line(LIMITS.name), type: line(LIMITS.actor_type) },
  ['type', 'id'],
);

const actorChecks = {
  id: line(LIMITS.identifier),
  name: line(LIMITS.name),
  on_behalf_of: (value: unknown, place: string): void => actor(value, place),
  type: line(LIMITS.actor_type),
};
const actorShape = shape(actorChecks, ['type', 'id']);

export const actor: Check = (value, place) => {
  // The place grows by one step per delegation, so it also counts them.
  if (place.split('on_behalf_of').length - 1 > LIMITS.delegation_depth) {
    throw invalid(place, `delegates more than ${LIMITS.delegation_depth} deep`);
  }
  actorShape(value, place);
};

export const session = shape(
  {
    agent_id: line(LIMITS.identifier),
    agent_type: line(LIMITS.actor_type),
    id: line(LIMITS.identifier),
    lineage: list(line(LIMITS.identifier), LIMITS.lineage),
  },
  [],
);
