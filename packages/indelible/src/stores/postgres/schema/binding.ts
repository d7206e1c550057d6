/**
 * Which role may use which ledger. A role's grants say what it may do; its bindings say with which ledgers.
 *
 * Row-level security compares with current_user. Functions that run as the owner cannot see who called them: they are
 * reached by an insert into a view whose column said_by has the default current_user (said-by.ts), and which nobody is
 * allowed to write.
 */
export const BINDING = String.raw`
CREATE TABLE indelible.members (
  ledger_id integer NOT NULL REFERENCES indelible.ledgers,
  role name NOT NULL,
  PRIMARY KEY (role, ledger_id)
);

CREATE INDEX members_ledger ON indelible.members (ledger_id);

-- A binding outlives its role; one that is gone counts for nobody.
CREATE FUNCTION indelible.acts_as(who name, role name) RETURNS boolean
LANGUAGE sql STABLE PARALLEL SAFE
AS $$
  SELECT coalesce(pg_catalog.pg_has_role(who, pg_catalog.to_regrole(pg_catalog.quote_ident(role))::pg_catalog.oid, 'USAGE'), false)
$$;

-- PL/pgSQL keeps its plans; a function in SQL that cannot be inlined is planned anew in each statement.
CREATE FUNCTION indelible.my_ledger_ids() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN ARRAY(SELECT m.ledger_id FROM indelible.members AS m WHERE indelible.acts_as(current_user, m.role));
END
$$;

-- For views: they read tables as their owner, whom row-level security does not stop.
CREATE FUNCTION indelible.visible_ledger_ids() RETURNS integer[]
LANGUAGE plpgsql STABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF indelible.acts_as(current_user, 'indelible_owner') THEN
    RETURN ARRAY(SELECT l.id FROM indelible.ledgers AS l);
  END IF;
  RETURN indelible.my_ledger_ids();
END
$$;

ALTER TABLE indelible.members ENABLE ROW LEVEL SECURITY;
ALTER TABLE indelible.ledgers ENABLE ROW LEVEL SECURITY;
ALTER TABLE indelible.records ENABLE ROW LEVEL SECURITY;
ALTER TABLE indelible.idempotency_keys ENABLE ROW LEVEL SECURITY;

CREATE POLICY members_of_own ON indelible.members FOR SELECT USING (indelible.acts_as(current_user, role));

CREATE POLICY ledgers_bound ON indelible.ledgers FOR SELECT
USING (id = ANY ((SELECT indelible.my_ledger_ids())::integer[]));

CREATE POLICY records_bound ON indelible.records FOR SELECT
USING (ledger_id = ANY ((SELECT indelible.my_ledger_ids())::integer[]));

CREATE POLICY idempotency_keys_bound ON indelible.idempotency_keys FOR SELECT
USING (ledger_id = ANY ((SELECT indelible.my_ledger_ids())::integer[]));

GRANT EXECUTE ON FUNCTION indelible.acts_as, indelible.my_ledger_ids, indelible.visible_ledger_ids
TO indelible_writer, indelible_reader, indelible_sealer;

GRANT SELECT ON indelible.members, indelible.ledgers TO indelible_writer, indelible_reader, indelible_sealer;
GRANT SELECT ON indelible.records, indelible.idempotency_keys TO indelible_reader;

-- The ledger of this name if the role is bound to it.
CREATE FUNCTION indelible.ledger_for(ledger text, who name) RETURNS indelible.ledgers
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  found_one indelible.ledgers;
BEGIN
  SELECT * INTO found_one FROM indelible.ledgers AS l
  WHERE l.name = ledger AND (
    EXISTS (SELECT FROM indelible.members AS m WHERE m.ledger_id = l.id AND indelible.acts_as(who, m.role))
    OR indelible.acts_as(who, 'indelible_owner'));
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no ledger % that % is bound to', quote_nullable(left(ledger, 200)), quote_ident(who)
    USING ERRCODE = 'ND002',
      HINT = 'An owner makes one with SELECT indelible.create_ledger(name), and binds a role with SELECT indelible.bind(ledger, role).';
  END IF;
  RETURN found_one;
END
$$;

-- The name of the ledger that a role need not name: the one it is bound to itself, or through its roles.
CREATE FUNCTION indelible.only_ledger_of(who name) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  own integer[] := ARRAY(SELECT m.ledger_id FROM indelible.members AS m WHERE m.role = who LIMIT 2);
BEGIN
  IF own = '{}' THEN
    own := ARRAY(
      SELECT l.id FROM indelible.ledgers AS l
      WHERE indelible.acts_as(who, 'indelible_owner')
        OR EXISTS (SELECT FROM indelible.members AS m WHERE m.ledger_id = l.id AND indelible.acts_as(who, m.role)) LIMIT 2);
  END IF;
  IF cardinality(own) <> 1 THEN
    RAISE EXCEPTION 'name the ledger: % is bound to %', quote_ident(who), CASE own WHEN '{}' THEN 'none' ELSE 'several' END
    USING ERRCODE = 'ND002';
  END IF;
  RETURN (SELECT l.name FROM indelible.ledgers AS l WHERE l.id = own[1]);
END
$$;

CREATE FUNCTION indelible.bind(ledger text, role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF to_regrole(quote_ident(role)) IS NULL THEN
    RAISE EXCEPTION 'there is no role %', quote_ident(role) USING ERRCODE = 'undefined_object';
  END IF;
  INSERT INTO indelible.members (ledger_id, role)
  VALUES ((indelible.ledger_for(ledger, current_user)).id, bind.role) ON CONFLICT DO NOTHING;
END
$$;

CREATE FUNCTION indelible.unbind(ledger text, role name) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  DELETE FROM indelible.members AS m
  WHERE m.ledger_id = (indelible.ledger_for(ledger, current_user)).id AND m.role = unbind.role;
END
$$;
`;
