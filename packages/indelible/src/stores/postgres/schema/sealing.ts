/**
 * Plain SQL, sealed on insert: `INSERT INTO indelible.events (action, …) VALUES (…) RETURNING seq, recorded_at, hash`.
 *
 * The lock is taken before number and previous hash are read, and held until the transaction ends: a transaction that
 * inserts here and then takes its time keeps all others from recording. For that there is the outbox.
 */
export const SEALING = String.raw`
CREATE VIEW indelible.events WITH (security_barrier) AS
SELECT
  l.name AS ledger, r.seq, m.id, m.recorded_at, encode(r.hash, 'hex') AS hash, encode(r.prev_hash, 'hex') AS prev_hash,
  m.action, m.actor, m.resource, m.related_resources, m.outcome, m.data, m.correlation_id, m.span_id, m.occurred_at,
  m.session, m.source, m.event_type, m.message, m.input_ref, m.output_ref, m.latency_ms, m.cost_usd, m.params_hash,
  m.idempotency ->> 'key' AS idempotency_key, m.attachment, m.key_id,
  m.actor ->> 'type' AS actor_type, m.actor ->> 'id' AS actor_id,
  m.resource ->> 'type' AS resource_type, m.resource ->> 'id' AS resource_id,
  r.body, NULL::name AS invoked_by
FROM indelible.records AS r
JOIN indelible.ledgers AS l ON l.id = r.ledger_id,
LATERAL indelible.members_of(r.body) AS m
WHERE r.ledger_id = ANY ((SELECT indelible.visible_ledger_ids())::integer[]);

ALTER VIEW indelible.events ALTER COLUMN invoked_by SET DEFAULT current_user;

GRANT SELECT ON indelible.events TO indelible_reader;
GRANT SELECT (ledger, seq, id, recorded_at, hash, correlation_id) ON indelible.events TO indelible_writer;
GRANT INSERT (
  ledger, action, actor, resource, related_resources, outcome, data, correlation_id, span_id, occurred_at, session, source,
  event_type, message, input_ref, output_ref, latency_ms, cost_usd, params_hash, idempotency_key
) ON indelible.events TO indelible_writer;

-- What SQL gets back for an event.
CREATE TYPE indelible.receipt AS (seq bigint, id text, recorded_at timestamptz, hash bytea);

CREATE FUNCTION indelible.insert_record(
  ledger_id integer, seq bigint, prev_hash bytea, recorded_at timestamptz, e indelible.event_text
) RETURNS indelible.receipt
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  receipt indelible.receipt;
  random_id text := gen_random_uuid()::text;
  ms text := lpad(to_hex((extract(epoch FROM recorded_at) * 1000)::bigint), 12, '0');
  body text;
BEGIN
  receipt.seq := seq;
  receipt.recorded_at := recorded_at;
  receipt.id := left(ms, 8) || '-' || substr(ms, 9) || '-7' || substr(random_id, 16);
  body := e.before_id || '"id":"' || receipt.id || '",' || e.before_links
    || '"prev_hash":"' || encode(prev_hash, 'hex')
    || '","recorded_at":"' || to_char(recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') || '",'
    || e.before_seq || '"seq":' || seq || ',' || e.after_seq;
  IF octet_length(body) > 65535 THEN
    PERFORM indelible.refuse_event(
      'RECORD_TOO_LARGE', 'event', format('makes a record of %s bytes, and 65535 are allowed', octet_length(body)));
  END IF;
  receipt.hash := sha256('\x00'::bytea || convert_to(body, 'UTF8'));
  INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
  VALUES (insert_record.ledger_id, insert_record.seq, insert_record.prev_hash, receipt.hash, body);
  RETURN receipt;
EXCEPTION WHEN unique_violation THEN
  -- In a transaction that sees the log as it was when it began.
  RAISE EXCEPTION 'another transaction appended first' USING ERRCODE = 'serialization_failure';
END
$$;

-- Gives an event its place. The lock must be held.
CREATE FUNCTION indelible.place_event(ledger indelible.ledgers, e indelible.event_text) RETURNS indelible.receipt
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  head indelible.records;
  holder indelible.records;
  told text;
  now timestamptz := date_trunc('milliseconds', clock_timestamp());
  head_time timestamptz;
BEGIN
  head := indelible.head_of(ledger.id);
  IF head.seq IS NULL THEN
    RAISE EXCEPTION 'the ledger % has no records yet', ledger.name
    USING ERRCODE = 'ND002', HINT = 'SELECT indelible.create_ledger(name) makes its first record.';
  END IF;
  IF position('"key_id":"' IN head.body) > 0 AND indelible.readable(head.body) ->> 'key_id' IS NOT NULL THEN
    RAISE EXCEPTION 'the ledger % is keyed: only who has the key can seal records', ledger.name USING ERRCODE = 'ND008';
  END IF;
  IF e.idempotency_key IS NOT NULL THEN
    holder := indelible.holder_of(ledger.id, e.idempotency_key);
    IF holder.seq IS NOT NULL THEN
      IF indelible.readable(holder.body) #>> '{idempotency,digest}' = e.digest THEN
        RETURN ROW(holder.seq, m.id, m.recorded_at, holder.hash) FROM indelible.members_of(holder.body) AS m;
      END IF;
      RAISE EXCEPTION 'record % has this idempotency key and other content', holder.seq USING ERRCODE = 'ND005',
        DETAIL = json_build_object('seq', holder.seq, 'idempotency_key', e.idempotency_key)::text;
    END IF;
  END IF;
  -- Where the name stands once it is the record's own; an event may have such a member in its data.
  told := substr(split_part(head.body, '"recorded_at":"', 2), 1, 24);
  IF split_part(head.body, '"recorded_at":"', 3) <> '' THEN
    told := indelible.readable(head.body) ->> 'recorded_at';
  END IF;
  head_time := told::timestamptz;
  RETURN indelible.insert_record(ledger.id, head.seq + 1, head.hash, greatest(now, head_time), e);
END
$$;

CREATE FUNCTION indelible.events_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  ledger indelible.ledgers := indelible.ledger_for(coalesce(NEW.ledger, indelible.only_ledger_of(NEW.invoked_by)), NEW.invoked_by);
  e indelible.event_text;
  receipt indelible.receipt;
BEGIN
  e := indelible.text_of(ROW(
    NEW.action, NEW.actor, NEW.resource, NEW.related_resources, NEW.outcome, NEW.data, NEW.correlation_id, NEW.span_id,
    NEW.occurred_at, NEW.session, NEW.source, NEW.event_type, NEW.message, NEW.input_ref, NEW.output_ref, NEW.latency_ms,
    NEW.cost_usd, NEW.params_hash, NEW.idempotency_key, NEW.invoked_by), ledger.name);
  PERFORM indelible.lock_ledger(ledger.id);
  receipt := indelible.place_event(ledger, e);
  NEW.ledger := ledger.name;
  NEW.seq := receipt.seq;
  NEW.id := receipt.id;
  NEW.recorded_at := receipt.recorded_at;
  NEW.hash := encode(receipt.hash, 'hex');
  NEW.correlation_id := e.correlation_id;
  RETURN NEW;
END
$$;

CREATE TRIGGER events_insert INSTEAD OF INSERT ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.events_insert();

CREATE TRIGGER events_refuse_change INSTEAD OF UPDATE OR DELETE ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.refuse_change();
`;
