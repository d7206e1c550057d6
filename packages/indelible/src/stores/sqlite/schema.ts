/**
 * What a ledger's SQLite file looks like inside.
 *
 * `records` holds exactly what was hashed and nothing derived, so there is no column that could drift from its
 * record. People who query with SQL use the view `events`, whose columns are computed from the record's text when
 * they are read. (Generated columns would do the same, but SQLite computes them on every insert as well, which
 * halves the append rate.)
 *
 * The triggers stop honest mistakes. Who can write the file can drop them; `inspect` and the hash chain tell.
 */

/** "ndlb" in ASCII, so that `file` and other tools can tell what this is. */
export const APPLICATION_ID = 0x6e_64_6c_62;
/** Raised when the layout changes; a newer number than this is refused. */
export const SCHEMA_VERSION = 1;
/** Eleven 600-byte records per page; 4,096 wastes a sixth of each page, 16,384 slows single appends. */
export const PAGE_SIZE = 8192;

interface SchemaObject {
  readonly type: 'table' | 'trigger' | 'view';
  readonly name: string;
  readonly sql: string;
}

const REFUSE = `BEGIN SELECT RAISE(ABORT, 'indelible: records are append-only'); END`;

/** Dotted paths of the record members that the view shows. */
const VIEW_COLUMNS = {
  id: '$.id',
  ledger: '$.ledger',
  recorded_at: '$.recorded_at',
  action: '$.action',
  actor_type: '$.actor.type',
  actor_id: '$.actor.id',
  resource_type: '$.resource.type',
  resource_id: '$.resource.id',
  outcome: '$.outcome',
  correlation_id: '$.correlation_id',
} as const;

// A record that someone damaged must not make the whole view unreadable.
const viewColumn = ([name, path]: [string, string]): string =>
  `CASE WHEN json_valid(body) THEN json_extract(body, '${path}') END AS ${name}`;

/** Exactly the text that `sqlite_schema` keeps: `inspect` compares it. */
export const SCHEMA: readonly SchemaObject[] = [
  {
    type: 'table',
    name: 'records',
    sql: `CREATE TABLE records (
  seq INTEGER PRIMARY KEY,
  hash TEXT NOT NULL,
  body TEXT NOT NULL
) STRICT`,
  },
  {
    type: 'trigger',
    name: 'records_refuse_update',
    sql: `CREATE TRIGGER records_refuse_update BEFORE UPDATE ON records ${REFUSE}`,
  },
  {
    type: 'trigger',
    name: 'records_refuse_delete',
    sql: `CREATE TRIGGER records_refuse_delete BEFORE DELETE ON records ${REFUSE}`,
  },
  {
    // INSERT OR REPLACE deletes without firing delete triggers unless recursive_triggers is on. Looking for any
    // row from here on is the cheapest way: it costs 17 % of the append rate, comparing with max(seq) costs 29 %.
    type: 'trigger',
    name: 'records_refuse_replace',
    sql: `CREATE TRIGGER records_refuse_replace BEFORE INSERT ON records WHEN EXISTS (SELECT 1 FROM records WHERE seq >= NEW.seq) ${REFUSE}`,
  },
  {
    type: 'view',
    name: 'events',
    sql: `CREATE VIEW events AS SELECT seq, hash,
  ${Object.entries(VIEW_COLUMNS).map(viewColumn).join(',\n  ')},
  body FROM records`,
  },
];
