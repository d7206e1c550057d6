/**
 * Filters as they arrive from a command line or a URL, checked member by member.
 *
 * Strict: an unknown or malformed member is an error, because a filter that is quietly ignored shows
 * records that nobody asked for, or hides that there are more.
 *
 * Errors:  QUERY_INVALID naming the member.
 * Pure:    no clock; `now` is passed in.
 */
import { IndelibleError, OUTCOMES } from '@indelible/core';
import type { Filter } from '../stores/index/contract.ts';
import { parseTime } from './times.ts';

const TEXT_MEMBERS = [
  'actor',
  'actor_type',
  'action',
  'resource',
  'resource_type',
  'outcome',
  'correlation_id',
  'session',
  'text',
] as const;
/** The members of a filter. */
export const FILTER_MEMBERS = [...TEXT_MEMBERS, 'since', 'until'] as const;
const VALUE_MAX = 1024;
const WORD = /[\p{L}\p{N}]/u;

type Draft = { -readonly [K in keyof Filter]: Filter[K] };

/** Checks and normalises a filter. Members that are undefined count as absent. `now`: ms since 1970, for ages. */
export function parseFilter(input: Readonly<Record<string, unknown>>, now: number): Filter {
  const filter: Draft = {};
  for (const [name, value] of Object.entries(input)) {
    if (value === undefined) continue;
    if (!(FILTER_MEMBERS as readonly string[]).includes(name)) throw invalid(name, 'is not a filter');
    if (typeof value !== 'string' || value === '' || value.length > VALUE_MAX)
      throw invalid(name, `must be a text of 1 to ${VALUE_MAX} characters`);
    const member = name as keyof Filter;
    if (member === 'since' || member === 'until') filter[member] = parseTime(name, value, now);
    else if (member === 'correlation_id') filter.correlation_id = parseCorrelationId(value);
    else filter[member] = value;
  }
  if (filter.outcome !== undefined && !(OUTCOMES as readonly string[]).includes(filter.outcome))
    throw invalid('outcome', `must be one of ${OUTCOMES.join(', ')}`);
  if (filter.action?.slice(0, -1).includes('*')) throw invalid('action', 'may hold a * only at its end');
  if (filter.text !== undefined && !WORD.test(filter.text))
    throw invalid('text', 'must hold a letter or a digit');
  return filter;
}

/** A correlation id in its stored form; capitals and the hyphens of a UUID are allowed. */
export function parseCorrelationId(value: string): string {
  const hex = value.replaceAll('-', '').toLowerCase();
  if (!/^[0-9a-f]{32}$/.test(hex)) throw invalid('correlation_id', 'must be 32 hex digits');
  return hex;
}

function invalid(member: string, problem: string): IndelibleError {
  return new IndelibleError('QUERY_INVALID', `${member} ${problem}.`, { details: { member } });
}
