/**
 * Whether a session has a backend of its own. Behind a pooler in transaction mode several have the same one: statements
 * prepared for one are the other's, settings stay behind for strangers, and no backend can be ended for certain.
 *
 * Each session leaves its name with its backend. Whoever finds the name of one that is still open here shares it.
 *
 * Errors:  STORE_UNSUITABLE.
 */
import { IndelibleError } from '@indelible/core';
import type { Client } from 'pg';

/** A setting that only we know; what a session never set is null or empty. */
export const MARK = 'indelible.session';

/** Names of the sessions that this process has open. */
const open = new Set<string>();

/** `found` is the mark that was there before ours. Leaves a shared backend to others as it is without us. */
export async function claimBackend(
  client: Client,
  name: string,
  found: string | null,
  shown: string,
): Promise<void> {
  if (found !== null && open.has(found)) {
    await client.query('DISCARD ALL').catch(() => {});
    const problem = 'gives several sessions one backend: a pooler in transaction mode is between';
    throw new IndelibleError(
      'STORE_UNSUITABLE',
      `${shown} ${problem}; use its session mode, or connect directly`,
    );
  }
  open.add(name);
  client.once('end', () => open.delete(name));
}
