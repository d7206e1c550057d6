/**
 * What the process that seals the outbox asks for: the lead, the events that wait, and sealing them.
 *
 * Each is one statement and needs no session of its own, so that it goes through a pooler. Sealing appends the lines
 * and takes the events out of the outbox in one transaction, and only in the epoch of the one that leads.
 */
import { saidBy } from './said-by.ts';

export const SEALERS = String.raw`
ALTER TABLE indelible.sealers ENABLE ROW LEVEL SECURITY;

CREATE POLICY sealers_bound ON indelible.sealers
USING (ledger_id = ANY ((SELECT indelible.my_ledger_ids())::integer[]));

GRANT SELECT, INSERT, UPDATE ON indelible.sealers TO indelible_sealer;
GRANT SELECT, UPDATE ON SEQUENCE indelible.outbox_idle TO indelible_sealer;

-- Takes or keeps the lead for so many seconds; 0 gives it up.
CREATE FUNCTION indelible.lead(ledger text, holder text, seconds double precision)
RETURNS TABLE (epoch bigint, is_leader boolean, leader text, seconds_left double precision)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  now timestamptz := clock_timestamp();
  until timestamptz := now + make_interval(secs => seconds);
  the_ledger integer := (SELECT l.id FROM indelible.ledgers AS l WHERE l.name = lead.ledger);
BEGIN
  IF the_ledger IS NULL THEN
    RAISE EXCEPTION 'there is no ledger % that % is bound to', quote_nullable(left(ledger, 200)), quote_ident(current_user)
    USING ERRCODE = 'ND002';
  END IF;
  IF seconds > 0 THEN
    INSERT INTO indelible.sealers AS s (ledger_id, holder, expires_at) VALUES (the_ledger, lead.holder, until)
    ON CONFLICT (ledger_id) DO UPDATE SET
      epoch = s.epoch + CASE WHEN s.holder = excluded.holder THEN 0 ELSE 1 END,
      holder = excluded.holder, expires_at = excluded.expires_at,
      idle_until = CASE WHEN s.holder = excluded.holder THEN s.idle_until END
    WHERE s.holder = excluded.holder OR s.expires_at <= now;
  ELSE
    UPDATE indelible.sealers AS s SET expires_at = now, idle_until = NULL
    WHERE s.ledger_id = the_ledger AND s.holder = lead.holder;
  END IF;
  RETURN QUERY
    SELECT s.epoch, s.holder = lead.holder AND s.expires_at > now, s.holder,
      extract(epoch FROM s.expires_at - now)::double precision
    FROM indelible.sealers AS s WHERE s.ledger_id = the_ledger;
END
$$;

-- The sealer of this epoch has nothing to do: inserts within so many seconds wake it.
CREATE FUNCTION indelible.idle(ledger text, epoch bigint, seconds double precision) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  UPDATE indelible.sealers AS s SET idle_until = clock_timestamp() + make_interval(secs => seconds)
  WHERE s.ledger_id = (SELECT l.id FROM indelible.ledgers AS l WHERE l.name = idle.ledger) AND s.epoch = idle.epoch;
  -- Another sealer's earlier end in its place would only mean that inserts wake nobody, and sealers look by themselves.
  PERFORM setval('indelible.outbox_idle', greatest(
    (extract(epoch FROM clock_timestamp()) + seconds)::bigint + 1, pg_sequence_last_value('indelible.outbox_idle')));
END
$$;

-- A row as the JSON text of an event, whose actor is the role, on behalf of the one that the row names.
CREATE FUNCTION indelible.outbox_event(o indelible.outbox) RETURNS text
LANGUAGE plpgsql STABLE
AS $$
BEGIN
  RETURN '{"action":' || to_json(o.action)
    || ',"actor":{"id":' || to_json(o.said_by::text) || coalesce(',"on_behalf_of":' || o.actor, '') || ',"type":"database-role"}'
    || coalesce(',"correlation_id":' || to_json(o.correlation_id), '')
    || coalesce(',"cost_usd":' || o.cost_usd, '')
    || coalesce(',"data":' || o.data, '')
    || coalesce(',"event_type":' || to_json(o.event_type), '')
    || coalesce(',"idempotency_key":' || to_json(o.idempotency_key), '')
    || coalesce(',"input_ref":' || to_json(o.input_ref), '')
    || coalesce(',"latency_ms":' || o.latency_ms, '')
    || coalesce(',"message":' || to_json(o.message), '')
    || coalesce(',"occurred_at":"' || indelible.utc_text(o.occurred_at) || '"', '')
    || coalesce(',"outcome":' || to_json(o.outcome), '')
    || coalesce(',"output_ref":' || to_json(o.output_ref), '')
    || coalesce(',"params_hash":' || to_json(o.params_hash), '')
    || coalesce(',"related_resources":' || o.related_resources, '')
    || coalesce(',"resource":' || o.resource, '')
    || coalesce(',"session":' || o.session, '')
    || coalesce(',"source":' || to_json(o.source), '')
    || coalesce(',"span_id":' || to_json(o.span_id), '') || '}';
END
$$;

-- The events to be sealed next, as far as both bounds reach, and at least one.
CREATE FUNCTION indelible.waiting(ledger text, at_most integer, bytes_at_most bigint DEFAULT 4194304)
RETURNS TABLE ("position" bigint, event text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
BEGIN
  RETURN QUERY
    SELECT w.position, w.event FROM (
      SELECT e.position, e.event, sum(octet_length(e.event)) OVER (ORDER BY e.position) - octet_length(e.event) AS bytes_before
      FROM (
        SELECT o.position, indelible.outbox_event(o) AS event FROM indelible.outbox AS o
        WHERE o.ledger = waiting.ledger ORDER BY o.position LIMIT at_most OFFSET 0
      ) AS e
    ) AS w
    WHERE w.bytes_before < bytes_at_most ORDER BY w.position;
END
$$;

-- Which records have these idempotency keys, given as a JSON array.
CREATE FUNCTION indelible.idempotency_holders(ledger text, keys json)
RETURNS TABLE (key text, digest text, seq bigint)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  wanted text[] := ARRAY(SELECT json_array_elements_text(keys));
  the_ledger integer := (SELECT l.id FROM indelible.ledgers AS l WHERE l.name = idempotency_holders.ledger);
BEGIN
  RETURN QUERY
    SELECT DISTINCT ON (w.wanted_key) w.wanted_key, indelible.readable(r.body) #>> '{idempotency,digest}', r.seq
    FROM unnest(wanted) AS w(wanted_key)
    JOIN indelible.idempotency_keys AS k ON k.ledger_id = the_ledger AND k.key = w.wanted_key
    JOIN indelible.records AS r ON r.ledger_id = k.ledger_id AND r.seq = k.seq
    WHERE indelible.idempotency_key(r.body) = w.wanted_key
    ORDER BY w.wanted_key, r.seq;
END
$$;

CREATE VIEW indelible.seals AS SELECT
  NULL::text AS ledger, NULL::bigint AS epoch, NULL::bigint AS expected_seq, NULL::text AS expected_hash, NULL::bytea AS lines,
  NULL::integer[] AS ends, NULL::bigint[] AS positions, NULL::json AS refused, NULL::integer AS at_most, NULL::bigint AS head_seq, NULL::integer AS done,
  NULL::name AS said_by
WHERE false;

${saidBy('seals')}

GRANT INSERT (ledger, epoch, expected_seq, expected_hash, lines, ends, positions, refused, at_most), SELECT (head_seq, done)
ON indelible.seals TO indelible_sealer;

CREATE FUNCTION indelible.fenced(ledger text, problem text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'the outbox of %: %', ledger, problem USING ERRCODE = 'ND006', DETAIL = '{}';
END
$$;

-- Moves rows that cannot be sealed out of the way.
CREATE FUNCTION indelible.refuse_rows(ledger text, refused json) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  done integer;
BEGIN
  WITH gone AS (
    DELETE FROM indelible.outbox AS o USING json_to_recordset(refused) AS r(position bigint, code text, message text)
    WHERE o.position = r.position AND o.ledger = refuse_rows.ledger
    RETURNING o.position, o.ledger, indelible.outbox_event(o) AS event, r.code, r.message, o.inserted_at
  )
  INSERT INTO indelible.outbox_refused (position, ledger, event, code, message, inserted_at) SELECT * FROM gone;
  GET DIAGNOSTICS done = ROW_COUNT;
  RETURN done;
END
$$;

-- Seals what waits, in SQL, unless a sealer leads: for databases that no other program looks after.
CREATE FUNCTION indelible.seal_rows(the_ledger indelible.ledgers, at_most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  o indelible.outbox;
  done integer := 0;
  code text;
  problem text;
  told text;
BEGIN
  PERFORM indelible.lock_ledger(the_ledger.id);
  IF EXISTS (SELECT FROM indelible.sealers AS s WHERE s.ledger_id = the_ledger.id AND s.expires_at > clock_timestamp()) THEN
    RETURN 0;
  END IF;
  FOR o IN SELECT * FROM indelible.outbox AS w WHERE w.ledger = the_ledger.name ORDER BY w.position LIMIT at_most LOOP
    BEGIN
      INSERT INTO indelible.events (
        ledger, action, actor, resource, related_resources, outcome, data, correlation_id, span_id, occurred_at, session,
        source, event_type, message, input_ref, output_ref, latency_ms, cost_usd, params_hash, idempotency_key, said_by, sealed_for)
      VALUES (
        o.ledger, o.action, o.actor, o.resource, o.related_resources, o.outcome, o.data, o.correlation_id, o.span_id,
        o.occurred_at, o.session, o.source, o.event_type, o.message, o.input_ref, o.output_ref, o.latency_ms, o.cost_usd,
        o.params_hash, o.idempotency_key, o.said_by, the_ledger.id);
      DELETE FROM indelible.outbox AS w WHERE w.ledger = o.ledger AND w.position = o.position;
    -- One that cannot be sealed, whatever the reason, must not keep those behind it.
    EXCEPTION WHEN SQLSTATE 'ND005' OR SQLSTATE 'ND007' OR data_exception OR program_limit_exceeded THEN
      GET STACKED DIAGNOSTICS problem = MESSAGE_TEXT, told = PG_EXCEPTION_DETAIL;
      code := CASE SQLSTATE WHEN 'ND007' THEN told::json ->> 'code' WHEN 'ND005' THEN 'IDEMPOTENCY_CONFLICT' ELSE 'EVENT_INVALID' END;
      PERFORM indelible.refuse_rows(
        the_ledger.name, json_build_array(json_build_object('position', o.position, 'code', code, 'message', problem)));
    END;
    done := done + 1;
  END LOOP;
  RETURN done;
END
$$;

CREATE FUNCTION indelible.seals_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
DECLARE
  the_ledger indelible.ledgers := indelible.ledger_for(NEW.ledger, NEW.said_by);
BEGIN
  IF NEW.at_most IS NOT NULL THEN
    NEW.done := indelible.seal_rows(the_ledger, NEW.at_most);
    RETURN NEW;
  END IF;
  PERFORM FROM indelible.sealers AS s WHERE s.ledger_id = the_ledger.id AND s.epoch = NEW.epoch FOR SHARE;
  IF NOT FOUND THEN
    PERFORM indelible.fenced(NEW.ledger, 'another sealer leads');
  END IF;
  IF NEW.lines <> '' THEN
    NEW.head_seq := indelible.append_lines(
      the_ledger.id, NEW.ledger, NEW.expected_seq, NEW.expected_hash, NEW.lines, NEW.ends);
  END IF;
  IF NEW.positions IS NOT NULL THEN
    DELETE FROM indelible.outbox AS o WHERE o.position = ANY (NEW.positions) AND o.ledger = NEW.ledger;
    GET DIAGNOSTICS NEW.done = ROW_COUNT;
    IF NEW.done <> cardinality(NEW.positions) THEN
      PERFORM indelible.fenced(NEW.ledger, 'rows that were to be sealed are gone');
    END IF;
  END IF;
  IF NEW.refused IS NOT NULL THEN
    NEW.done := indelible.refuse_rows(NEW.ledger, NEW.refused);
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER seals_insert INSTEAD OF INSERT ON indelible.seals
FOR EACH ROW EXECUTE FUNCTION indelible.seals_insert();

-- Appends lines as append does, and takes these events out of the outbox. Without lines it only takes them out.
CREATE FUNCTION indelible.seal(
  ledger text, epoch bigint, expected_seq bigint, expected_hash text, lines text, positions bigint[]
) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  head_seq bigint;
BEGIN
  INSERT INTO indelible.seals AS s (ledger, epoch, expected_seq, expected_hash, lines, ends, positions)
  VALUES (seal.ledger, seal.epoch, seal.expected_seq, seal.expected_hash, convert_to(seal.lines, 'UTF8'),
    indelible.ends_of(seal.lines), seal.positions)
  RETURNING s.head_seq INTO head_seq;
  RETURN head_seq;
END
$$;

-- Moves events that cannot be sealed to outbox_refused: a JSON array of {position, code, message}. How many it moved.
CREATE FUNCTION indelible.set_aside(ledger text, epoch bigint, refused json) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  done integer;
BEGIN
  INSERT INTO indelible.seals AS s (ledger, epoch, refused) VALUES (set_aside.ledger, set_aside.epoch, set_aside.refused)
  RETURNING s.done INTO done;
  RETURN done;
END
$$;

-- Seals up to so many events in SQL, unless another sealer leads. How many it took out of the outbox.
CREATE FUNCTION indelible.seal_outbox(ledger text, at_most integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  done integer;
BEGIN
  INSERT INTO indelible.seals AS s (ledger, at_most) VALUES (seal_outbox.ledger, seal_outbox.at_most)
  RETURNING s.done INTO done;
  RETURN done;
END
$$;

GRANT EXECUTE ON FUNCTION
  indelible.lead, indelible.idle, indelible.outbox_event, indelible.waiting, indelible.seal, indelible.set_aside, indelible.seal_outbox
TO indelible_sealer;
GRANT EXECUTE ON FUNCTION indelible.utc_text, indelible.idempotency_holders TO indelible_sealer, indelible_reader;
`;
