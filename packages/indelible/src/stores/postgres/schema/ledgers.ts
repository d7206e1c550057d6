/**
 * Making ledgers from SQL. Record 0 is the one that the ledger in TypeScript writes: it says how the ledger is hashed.
 */
export const LEDGERS = String.raw`
-- A plain ledger with its first record, and a role that may use it, if one is named.
CREATE FUNCTION indelible.create_ledger(name text, role name DEFAULT NULL) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ledger indelible.ledgers;
  e indelible.event_text;
BEGIN
  INSERT INTO indelible.ledgers AS l (name) VALUES (create_ledger.name) RETURNING l.* INTO ledger;
  IF role IS NOT NULL THEN
    PERFORM indelible.bind(name, role);
  END IF;
  PERFORM indelible.lock_ledger(ledger.id);
  e.correlation_id := replace(gen_random_uuid()::text, '-', '');
  e.before_id := '{"action":"ledger.created","actor":{"id":"indelible","type":"service"},"correlation_id":"' || e.correlation_id
    || '","data":{"config":{"format":1,"hash":"sha-256","keys":[],"ledger":"' || name || '"}},';
  e.before_links := '"ledger":"' || name || '","outcome":"ok",';
  e.before_seq := '"resource":{"id":"' || name || '","type":"ledger"},';
  e.after_seq := '"v":1}';
  UPDATE indelible.ledgers AS l SET keyed = false WHERE l.id = ledger.id;
  PERFORM indelible.insert_record(
    ledger.id, 0, decode(repeat('0', 64), 'hex'), date_trunc('milliseconds', clock_timestamp()), e);
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
