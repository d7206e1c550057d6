/**
 * `pg`, the PostgreSQL client: an optional dependency, loaded when a database is used.
 *
 * Errors:  DRIVER_MISSING.
 */
import { IndelibleError } from '@indelible/core';

export type Driver = typeof import('pg')['default'];

export async function loadDriver(): Promise<Driver> {
  try {
    return (await import('pg')).default;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw error;
    throw new IndelibleError('DRIVER_MISSING', 'postgres:// needs the package pg: npm install pg', {
      cause: error,
    });
  }
}
