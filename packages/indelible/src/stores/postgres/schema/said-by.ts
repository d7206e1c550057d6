/**
 * Who inserts into a view: the default of its column said_by, as only the caller's own session can tell.
 *
 * What applies the changes of another server (session_replication_role = replica) fires no trigger of a view, and ENABLE
 * ALWAYS is for those of tables: the server would say that a row was inserted, and nothing would be recorded. Defaults
 * are computed all the same.
 */
export const REFUSE_REPLICA = `
CREATE FUNCTION indelible.refuse_replica() RETURNS name
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'a session with session_replication_role = replica cannot record: triggers of views do not fire there'
  USING ERRCODE = 'ND009', HINT = 'Insert into indelible.outbox, or reset session_replication_role.';
END
$$;

GRANT EXECUTE ON FUNCTION indelible.refuse_replica TO indelible_writer, indelible_sealer;
`;

export function saidBy(view: string): string {
  return `ALTER VIEW indelible.${view} ALTER COLUMN said_by SET DEFAULT
  CASE WHEN pg_catalog.current_setting('session_replication_role') = 'replica' THEN indelible.refuse_replica() ELSE current_user END;`;
}
