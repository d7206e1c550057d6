/**
 * The table of anchors in PostgreSQL, in a schema of its own: `indelible_anchors.checkpoints`.
 *
 * The triggers stop honest mistakes, and whoever may only write rows. Who owns the table can drop them; that is noticed
 * when the anchor is opened again.
 */
const REFUSE_CHANGE = `
BEGIN
  RAISE EXCEPTION 'indelible: anchors are append-only' USING ERRCODE = 'ND004';
END
`;

const REFUSE_REWIND = `
BEGIN
  PERFORM pg_advisory_xact_lock(1852074084, hashtext(NEW.origin));
  IF NEW.size <= (SELECT max(c.size) FROM indelible_anchors.checkpoints AS c WHERE c.origin = NEW.origin) THEN
    RAISE EXCEPTION 'indelible: anchors are append-only' USING ERRCODE = 'ND004';
  END IF;
  RETURN NEW;
END
`;

/** Whether the row was added: it is not when the newest one is another than was expected. */
const ADD = `
BEGIN
  PERFORM pg_advisory_xact_lock(1852074084, hashtext(add.origin));
  IF (SELECT max(c.size) FROM indelible_anchors.checkpoints AS c WHERE c.origin = add.origin) IS DISTINCT FROM expected THEN
    RETURN false;
  END IF;
  INSERT INTO indelible_anchors.checkpoints VALUES (origin, size, root, note, anchored_at);
  RETURN true;
END
`;

const PINNED = 'LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp';

/** What makes it, for any SQL editor: one statement, which does nothing where the schema is. */
export const ANCHOR_SQL = `DO $indelible$
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(1852074084, 0);
  IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'indelible_anchors') THEN
    RETURN;
  END IF;

  CREATE SCHEMA indelible_anchors;
  CREATE TABLE indelible_anchors.checkpoints (
    origin text COLLATE "C" NOT NULL,
    size bigint NOT NULL,
    root text NOT NULL,
    note text NOT NULL,
    anchored_at text NOT NULL,
    PRIMARY KEY (origin, size)
  );

  CREATE FUNCTION indelible_anchors.refuse_change() RETURNS trigger ${PINNED} AS $$${REFUSE_CHANGE}$$;
  CREATE TRIGGER refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON indelible_anchors.checkpoints
  FOR EACH STATEMENT EXECUTE FUNCTION indelible_anchors.refuse_change();
  ALTER TABLE indelible_anchors.checkpoints ENABLE ALWAYS TRIGGER refuse_change;

  CREATE FUNCTION indelible_anchors.refuse_rewind() RETURNS trigger ${PINNED} AS $$${REFUSE_REWIND}$$;
  CREATE TRIGGER refuse_rewind BEFORE INSERT ON indelible_anchors.checkpoints
  FOR EACH ROW EXECUTE FUNCTION indelible_anchors.refuse_rewind();
  ALTER TABLE indelible_anchors.checkpoints ENABLE ALWAYS TRIGGER refuse_rewind;

  CREATE FUNCTION indelible_anchors.add(
    origin text, size bigint, root text, note text, anchored_at text, expected bigint
  ) RETURNS boolean ${PINNED} AS $$${ADD}$$;
END
$indelible$`;

/** What is there of it, a line each, in order. */
export const ANCHOR_LIVE = `SELECT line FROM (
  SELECT 'table ' || c.relpersistence::text || ' ' || (
    SELECT string_agg(attname || ' ' || format_type(atttypid, atttypmod), ', ' ORDER BY attnum)
    FROM pg_attribute WHERE attrelid = c.oid AND attnum > 0 AND NOT attisdropped
  ) || ' ' || (SELECT string_agg(pg_get_constraintdef(oid), ', ') FROM pg_constraint WHERE conrelid = c.oid AND contype <> 'n')
  FROM pg_class AS c WHERE c.oid = to_regclass('indelible_anchors.checkpoints')
  UNION ALL SELECT 'trigger ' || tgenabled::text || ' ' || pg_get_triggerdef(oid) FROM pg_trigger
  WHERE tgrelid = to_regclass('indelible_anchors.checkpoints') AND NOT tgisinternal
  UNION ALL SELECT 'rule ' || rulename FROM pg_rewrite WHERE ev_class = to_regclass('indelible_anchors.checkpoints')
  UNION ALL SELECT 'function ' || proname || ' ' || coalesce(proconfig::text, '') || prosecdef || prosrc FROM pg_proc
  WHERE pronamespace = to_regnamespace('indelible_anchors')
) AS lines(line) ORDER BY line COLLATE "C"`;

const settings = `{"search_path=pg_catalog, pg_temp"}false`;
const trigger = (name: string, when: string, each: string): string =>
  `trigger A CREATE TRIGGER ${name} BEFORE ${when} ON indelible_anchors.checkpoints FOR EACH ${each} EXECUTE FUNCTION indelible_anchors.${name}()`;

/** The same as it must be. */
export const ANCHOR_LINES: readonly string[] = [
  `function add ${settings}${ADD}`,
  `function refuse_change ${settings}${REFUSE_CHANGE}`,
  `function refuse_rewind ${settings}${REFUSE_REWIND}`,
  'table p origin text, size bigint, root text, note text, anchored_at text PRIMARY KEY (origin, size)',
  trigger('refuse_change', 'DELETE OR UPDATE OR TRUNCATE', 'STATEMENT'),
  trigger('refuse_rewind', 'INSERT', 'ROW'),
];
