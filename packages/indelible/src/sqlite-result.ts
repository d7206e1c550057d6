/**
 * What SQLite answers, reduced to what callers tell apart.
 *
 * Source:  https://sqlite.org/rescode.html
 */

export const SQLITE_FULL = 13;
/** Some memory that its readers share lies in a file beside the database, and that file could not grow. */
const SQLITE_IOERR_SHMSIZE = 4874;

/**
 * The primary result code of an error that SQLite raised, else null. A disk without room for the file beside a database
 * is as full as one without room for the database: SQLite calls it an I/O error, which nobody would answer by making room.
 */
export function sqliteResult(error: unknown): number | null {
  const code = (error as { errcode?: unknown } | null)?.errcode;
  if (typeof code !== 'number') return null;
  return code === SQLITE_IOERR_SHMSIZE ? SQLITE_FULL : code & 0xff;
}
