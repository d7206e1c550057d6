/**
 * Making ledgers from SQL. Record 0 is the one that the ledger in TypeScript writes: it says how the ledger is hashed.
 */
export const LEDGERS = String.raw`
-- A plain ledger with its first record, and a role that may use it, if one is named.
CREATE FUNCTION indelible.create_ledger(name text, role name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  made integer;
  now timestamptz := date_trunc('milliseconds', clock_timestamp());
  written text;
BEGIN
  INSERT INTO indelible.ledgers AS l (name, keyed) VALUES (create_ledger.name, false) ON CONFLICT DO NOTHING RETURNING l.id INTO made;
  IF made IS NULL THEN
    RAISE EXCEPTION 'there is a ledger % already', quote_literal(name)
    USING ERRCODE = 'unique_violation', HINT = 'SELECT indelible.bind(ledger, role) lets a role use it.';
  END IF;
  IF role IS NOT NULL THEN
    PERFORM indelible.bind(name, role);
  END IF;
  written := concat('{"action":"ledger.created","actor":{"id":"indelible","type":"service"},"correlation_id":"',
    replace(gen_random_uuid()::text, '-', ''), '","data":{"config":{"format":1,"hash":"sha-256","keys":[],"ledger":"', name,
    '"}},"id":"', indelible.new_id(now), '","ledger":"', name, '","outcome":"ok","prev_hash":"', repeat('0', 64),
    '","recorded_at":"', to_char(now AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
    '","resource":{"id":"', name, '","type":"ledger"},"seq":0,"v":1}');
  INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
  VALUES (made, 0, decode(repeat('0', 64), 'hex'), sha256('\x00'::bytea || convert_to(written, 'UTF8')), written);
END
$$;

-- A ledger without records, for a server that writes the first one: then it can be keyed.
CREATE FUNCTION indelible.provision(name text, role name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO indelible.ledgers (name) VALUES (provision.name) ON CONFLICT DO NOTHING;
  IF role IS NOT NULL THEN
    PERFORM indelible.bind(name, role);
  END IF;
END
$$;
`;
