/**
 * The last line of our own JSON Lines exports: `{"end":{…},"export":{…}}`, in either order. It is no record.
 *
 * Pure:    no I/O.
 */
import type { Json } from '@indelible/core';
import { isObject, member } from './json-bytes.ts';

const FORMAT = 'indelible-export/1';

/** What such a line says, in words; null for any other value. `lines` is how many came before it. */
export function exportEnd(value: Json, lines: number): string | null {
  const end = member(value, 'end');
  if (!isObject(end) || member(member(value, 'export'), 'format') !== FORMAT) return null;
  const count = member(end, 'count');
  if (typeof count !== 'number') return null;
  const counted = count === lines ? '' : `, but ${lines} lines stand before it`;
  const complete = member(end, 'complete') === true ? '' : ', cut by its limit';
  return `end of an export of ${count} ${count === 1 ? 'record' : 'records'}${complete}${counted}; not an entry, skipped`;
}
