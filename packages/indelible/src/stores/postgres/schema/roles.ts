/**
 * Roles and the schema. Nobody signs in as one of these: login roles are granted them.
 *
 * The installer stays a member of the owner, so that it can install later versions and bind roles to ledgers.
 */
export const ROLES = String.raw`
DO $roles$
DECLARE
  role text;
BEGIN
  IF current_setting('server_encoding') <> 'UTF8' THEN
    RAISE EXCEPTION 'indelible needs a database whose encoding is UTF8, this one has %', current_setting('server_encoding')
    USING ERRCODE = 'ND009', HINT = 'CREATE DATABASE name ENCODING ''UTF8'' TEMPLATE template0 makes one.';
  END IF;
  IF EXISTS (SELECT FROM pg_catalog.pg_namespace WHERE nspname = 'indelible') THEN
    RAISE EXCEPTION 'there is a schema named indelible already, and it is not ours';
  END IF;
  FOREACH role IN ARRAY ARRAY['indelible_owner', 'indelible_writer', 'indelible_reader', 'indelible_sealer'] LOOP
    -- Roles are shared by all databases of a server: another one may have made them.
    IF NOT EXISTS (SELECT FROM pg_catalog.pg_roles WHERE rolname = role) THEN
      BEGIN
        EXECUTE format('CREATE ROLE %I NOLOGIN', role);
      EXCEPTION WHEN duplicate_object OR unique_violation THEN NULL;
      END;
    END IF;
  END LOOP;
  IF NOT (SELECT rolsuper FROM pg_catalog.pg_roles WHERE rolname = current_user) THEN
    GRANT indelible_owner TO CURRENT_USER;
  END IF;
END
$roles$;

CREATE SCHEMA indelible AUTHORIZATION indelible_owner;

SET LOCAL ROLE indelible_owner;

COMMENT ON SCHEMA indelible IS 'Tamper-evident ledgers: see docs/format/store-postgres.md of Indelible';

GRANT USAGE ON SCHEMA indelible TO indelible_writer, indelible_reader, indelible_sealer;

CREATE TABLE indelible.migrations (
  number integer PRIMARY KEY,
  name text NOT NULL,
  installed_at timestamptz NOT NULL DEFAULT now(),
  installed_by name NOT NULL DEFAULT session_user
);

GRANT SELECT ON indelible.migrations TO indelible_writer, indelible_reader, indelible_sealer;
`;
