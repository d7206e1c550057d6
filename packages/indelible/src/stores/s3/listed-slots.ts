/**
 * The slots that a listing shows. Names that are none of ours do not count, nor do delete markers with nothing below:
 * whoever may delete can put any number of them between the slots.
 *
 * Errors:  those of listing.
 */
import type { Bucket } from '../../s3/bucket.ts';
import type { Cursor } from '../../s3/listing.ts';
import { behind, parseSlot } from './layout.ts';

const PAGE = 1000;

/** The first `count` slots behind `after`, and whether there are more: one request, where nothing else lies between. */
export async function listedSlots(
  bucket: Bucket,
  prefix: string,
  after: number,
  count: number,
): Promise<{ readonly slots: readonly number[]; readonly more: boolean }> {
  const slots: number[] = [];
  let cursor: Cursor | null = null;
  do {
    const page = cursor === null ? { page: count } : { page: PAGE, cursor };
    const { names, next } = await bucket.list({ prefix, after: behind(prefix, after), ...page });
    for (const { key, versions } of names) {
      const slot = versions.length === 0 ? null : parseSlot(key.slice(prefix.length));
      // A name with many versions may go on upon the next page.
      if (slot !== null && slot !== slots.at(-1)) slots.push(slot);
    }
    cursor = next;
  } while (cursor !== null && slots.length < count);
  return { slots: slots.slice(0, count), more: cursor !== null || slots.length > count };
}
