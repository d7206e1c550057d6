/**
 * The rule of every member of an event and of a record.
 *
 * A check answers what is wrong instead of throwing, and says where only then: naming the place of every member of
 * every event would cost more than checking it.
 *
 * Pure:    no I/O.
 */
import { LIMITS } from './limits.ts';
import { OUTCOMES } from './record.ts';

/** What is wrong: the rule that is broken, and the path to the value from where the check began, e.g. `.actor.id`. */
export interface Problem {
  readonly path: string;
  readonly rule: string;
}

/** Null when the value is allowed. */
export type Check = (value: unknown) => Problem | null;

export function broken(rule: string, path = ''): Problem {
  return { path, rule };
}

// Control characters in names would let one line of a log pose as two.
function hasControl(text: string): boolean {
  // A loop beats a regular expression on the short strings that names are.
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i);
    if (code < 0x20 || code === 0x7f) return true;
  }
  return false;
}
const DATE_TIME = /^(\d{4}-\d\d-(\d\d))T\d\d:\d\d:\d\d(?:\.\d{1,9})?Z$/;

/** One line of text, 1 to `most` UTF-16 code units. */
export function line(most: number): Check {
  return (value) => {
    if (typeof value !== 'string') return broken('must be a string');
    if (value.length === 0 || value.length > most) return broken(`must have 1 to ${most} characters`);
    return hasControl(value) ? broken('must not have control characters') : null;
  };
}

/** Any text, at most `most` UTF-16 code units. */
export function text(most: number): Check {
  return (value) => {
    if (typeof value !== 'string') return broken('must be a string');
    return value.length > most ? broken(`must have at most ${most} characters`) : null;
  };
}

/** Text of one form, described in words. */
export function form(pattern: RegExp, words: string): Check {
  return (value) => (typeof value === 'string' && pattern.test(value) ? null : broken(`must be ${words}`));
}

/** So many lower-case hex digits. A loop: every event has at least one such text, and a pattern takes three times as long. */
function hexDigits(count: number, may_be_zero: boolean, words: string): Check {
  return (value) =>
    typeof value === 'string' && isHex(value, count, may_be_zero) ? null : broken(`must be ${words}`);
}

function isHex(text: string, count: number, may_be_zero: boolean): boolean {
  if (text.length !== count) return false;
  let any = may_be_zero;
  for (let i = 0; i < count; i++) {
    const code = text.charCodeAt(i);
    const is_digit = code >= 0x30 && code <= 0x39;
    if (!is_digit && !(code >= 0x61 && code <= 0x66)) return false;
    any ||= code !== 0x30;
  }
  return any;
}

export const hash64 = hexDigits(64, true, '64 lower-case hex digits');
export const uuid7 = form(
  /^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  'a lower-case UUID of version 7',
);
/** A W3C trace id: not all zeros. */
export const correlationId = hexDigits(32, false, '32 lower-case hex digits, not all zero');
export const spanId = hexDigits(16, false, '16 lower-case hex digits, not all zero');
export const keyId = form(/^[A-Za-z0-9._-]{1,64}$/, '1 to 64 letters, digits, dots, dashes or underscores');
/** A C2SP origin: a URL without scheme, no spaces, no plus. */
export const ledgerName = form(
  /^[A-Za-z0-9][A-Za-z0-9._~:/@-]{0,199}$/,
  '1 to 200 characters of letters, digits and . _ ~ : / @ -, beginning with a letter or digit',
);

export const dateTime: Check = (value) => {
  const match = typeof value === 'string' ? DATE_TIME.exec(value) : null;
  const time = match === null ? Number.NaN : Date.parse(value as string);
  // Date.parse moves February 30th into March; the date must come back as it was.
  const is_date =
    !Number.isNaN(time) && (match![2]! <= '28' || new Date(time).toISOString().startsWith(match![1]!));
  return is_date ? null : broken('must be a time in UTC like 2026-11-21T02:14:00.123Z');
};

export const amount: Check = (value) =>
  typeof value === 'number' && Number.isFinite(value) && value >= 0
    ? null
    : broken('must be a number, zero or more');

export const index: Check = (value) =>
  Number.isSafeInteger(value) && (value as number) >= 0 ? null : broken('must be an integer, zero or more');

export const outcome: Check = (value) =>
  OUTCOMES.includes(value as (typeof OUTCOMES)[number])
    ? null
    : broken(`must be one of ${OUTCOMES.join(', ')}`);

/** A digest with its algorithm, as attachments are named. */
const namedDigest = form(/^sha-256:[0-9a-f]{64}$/, 'sha-256: and 64 lower-case hex digits');
const mediaType = form(
  /^[a-z0-9][a-z0-9!#$&^_.+-]{0,62}\/[a-z0-9][a-z0-9!#$&^_.+-]{0,62}$/,
  'a media type in lower case, without parameters',
);
const attachmentSize: Check = (value) =>
  index(value) === null && (value as number) <= LIMITS.attachment_bytes
    ? null
    : broken(`must be an integer, zero to ${LIMITS.attachment_bytes}`);

/** Any JSON value: `canonicalize` decides. */
export const anything: Check = () => null;

/** An object with exactly these members, those in `required` present. Members that are undefined count as absent. */
export function shape(members: Readonly<Record<string, Check>>, required: readonly string[]): Check {
  const checks = new Map(Object.entries(members));
  return (value) => {
    if (typeof value !== 'object' || value === null || Array.isArray(value))
      return broken('must be an object');
    const object = value as Record<string, unknown>;
    for (const key in object) {
      const check = checks.get(key);
      if (check === undefined) return broken('is not a member this format knows', `.${key.slice(0, 64)}`);
      const member = object[key];
      const problem = member === undefined ? null : check(member);
      if (problem !== null) return broken(problem.rule, `.${key}${problem.path}`);
    }
    for (const key of required) if (object[key] === undefined) return broken('is required', `.${key}`);
    return null;
  };
}

/** A list of at most `most` items. */
export function list(item: Check, most: number): Check {
  return (value) => {
    if (!Array.isArray(value)) return broken('must be a list');
    if (value.length > most) return broken(`must have at most ${most} items`);
    for (let i = 0; i < value.length; i++) {
      const problem = item(value[i]);
      if (problem !== null) return broken(problem.rule, `[${i}]${problem.path}`);
    }
    return null;
  };
}

export const resource = shape(
  { id: line(LIMITS.identifier), name: line(LIMITS.name), type: line(LIMITS.actor_type) },
  ['type', 'id'],
);

/** An actor that may delegate `depth` more times. */
function actorWithin(depth: number): Check {
  const tooDeep: Check = () => broken(`delegates more than ${LIMITS.delegation_depth} deep`);
  return shape(
    {
      id: line(LIMITS.identifier),
      name: line(LIMITS.name),
      on_behalf_of: depth === 0 ? tooDeep : actorWithin(depth - 1),
      type: line(LIMITS.actor_type),
    },
    ['type', 'id'],
  );
}

export const actor = actorWithin(LIMITS.delegation_depth);

export const session = shape(
  {
    agent_id: line(LIMITS.identifier),
    agent_type: line(LIMITS.actor_type),
    id: line(LIMITS.identifier),
    lineage: list(line(LIMITS.identifier), LIMITS.lineage),
  },
  [],
);

export const attachment = shape({ digest: namedDigest, media_type: mediaType, size: attachmentSize }, [
  'digest',
  'media_type',
  'size',
]);

/** `check`, and not both of two members that stand for each other. */
export function either(one: string, other: string, check: Check): Check {
  return (value) => {
    const problem = check(value);
    if (problem !== null) return problem;
    const object = value as Record<string, unknown>;
    if (object[one] === undefined || object[other] === undefined) return null;
    return broken(`cannot stand beside ${other}`, `.${one}`);
  };
}
