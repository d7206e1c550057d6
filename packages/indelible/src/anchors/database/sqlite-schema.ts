/**
 * What an anchor's SQLite file looks like inside. The file may hold other tables as well.
 *
 * The triggers stop honest mistakes, and whoever may only write rows. Who owns the file can drop them; that is noticed
 * when the anchor is opened again.
 */
const REFUSE = `BEGIN SELECT RAISE(ABORT, 'indelible: anchors are append-only'); END`;

/** Exactly the text that `sqlite_schema` keeps. */
export const ANCHOR_SCHEMA: readonly { readonly name: string; readonly sql: string }[] = [
  {
    name: 'indelible_anchors',
    sql: `CREATE TABLE indelible_anchors (
  origin TEXT NOT NULL,
  size INTEGER NOT NULL,
  root TEXT NOT NULL,
  note TEXT NOT NULL,
  anchored_at TEXT NOT NULL,
  PRIMARY KEY (origin, size)
) STRICT`,
  },
  {
    name: 'indelible_anchors_refuse_update',
    sql: `CREATE TRIGGER indelible_anchors_refuse_update BEFORE UPDATE ON indelible_anchors ${REFUSE}`,
  },
  {
    name: 'indelible_anchors_refuse_delete',
    sql: `CREATE TRIGGER indelible_anchors_refuse_delete BEFORE DELETE ON indelible_anchors ${REFUSE}`,
  },
  // Also keeps INSERT OR REPLACE from being an UPDATE by another name.
  {
    name: 'indelible_anchors_refuse_rewind',
    sql: `CREATE TRIGGER indelible_anchors_refuse_rewind BEFORE INSERT ON indelible_anchors
WHEN NEW.size <= (SELECT max(size) FROM indelible_anchors WHERE origin = NEW.origin) ${REFUSE}`,
  },
];
