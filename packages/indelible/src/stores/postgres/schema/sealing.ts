/**
 * Plain SQL, sealed on insert: `INSERT INTO indelible.events (action, …) VALUES (…) RETURNING seq, recorded_at, hash`.
 *
 * The lock is taken before number and previous hash are read, and held until the transaction ends: a transaction that
 * inserts here and then takes its time keeps all others from recording. For that there is the outbox.
 *
 * What the caller said is written before the lock is taken. One long function: PL/pgSQL prepares each expression and
 * each called function anew in each transaction, which is most of what an insert costs.
 */
import { PLAUSIBLE } from './event-checks.ts';

export const SEALING = String.raw`
CREATE VIEW indelible.events WITH (security_barrier) AS
SELECT
  l.name AS ledger, r.seq, m.id, m.recorded_at, encode(r.hash, 'hex') AS hash, encode(r.prev_hash, 'hex') AS prev_hash,
  m.action, m.actor, m.resource, m.related_resources, m.outcome, m.data, m.correlation_id, m.span_id, m.occurred_at,
  m.session, m.source, m.event_type, m.message, m.input_ref, m.output_ref, m.latency_ms, m.cost_usd, m.params_hash,
  m.idempotency ->> 'key' AS idempotency_key, m.attachment, m.key_id,
  m.actor ->> 'type' AS actor_type, m.actor ->> 'id' AS actor_id,
  m.resource ->> 'type' AS resource_type, m.resource ->> 'id' AS resource_id,
  r.body, NULL::name AS said_by
FROM indelible.records AS r
JOIN indelible.ledgers AS l ON l.id = r.ledger_id,
LATERAL indelible.members_of(r.body) AS m
WHERE r.ledger_id = ANY ((SELECT indelible.visible_ledger_ids())::integer[]);

ALTER VIEW indelible.events ALTER COLUMN said_by SET DEFAULT current_user;

GRANT SELECT ON indelible.events TO indelible_reader;
GRANT SELECT (ledger, seq, id, recorded_at, hash, correlation_id) ON indelible.events TO indelible_writer;
GRANT INSERT (
  ledger, action, actor, resource, related_resources, outcome, data, correlation_id, span_id, occurred_at, session, source,
  event_type, message, input_ref, output_ref, latency_ms, cost_usd, params_hash, idempotency_key
) ON indelible.events TO indelible_writer;

-- For transactions that see the log as it was when they began: the one that came later has to try again.
CREATE FUNCTION indelible.insert_or_give_way(r indelible.records) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO indelible.records SELECT r.*;
EXCEPTION WHEN unique_violation THEN
  RAISE EXCEPTION 'another transaction appended first' USING ERRCODE = 'serialization_failure';
END
$$;

-- The record that holds this key, if its content is the same; null when the key is free.
CREATE FUNCTION indelible.same_event(ledger_id integer, key text, digest text) RETURNS indelible.records
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  holder indelible.records := indelible.holder_of(ledger_id, key);
BEGIN
  IF holder.seq IS NOT NULL AND indelible.readable(holder.body) #>> '{idempotency,digest}' IS DISTINCT FROM digest THEN
    RAISE EXCEPTION 'record % has this idempotency key and other content', holder.seq USING ERRCODE = 'ND005',
      DETAIL = json_build_object('seq', holder.seq, 'idempotency_key', key)::text;
  END IF;
  RETURN holder;
END
$$;

CREATE FUNCTION indelible.events_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  the_ledger indelible.ledgers;
  chain integer;
  ledger_name text;
  is_keyed boolean;
  is_plain boolean;
  -- Pieces of the record, in its order; null where the event says nothing.
  opening text;
  cost text;
  data text;
  event_type text;
  idempotency text;
  digest text;
  refs text;
  texts text;
  ending text;
  resources text;
  closing text;
  nothing text;
  next_seq bigint;
  prev bytea;
  head_time text;
  holder indelible.records;
  written text;
BEGIN
  SELECT l.id, l.name, l.keyed INTO chain, ledger_name, is_keyed FROM indelible.ledgers AS l
  WHERE l.name = NEW.ledger AND (
    EXISTS (SELECT FROM indelible.members AS m WHERE m.ledger_id = l.id AND indelible.acts_as(NEW.said_by, m.role))
    OR indelible.acts_as(NEW.said_by, 'indelible_owner'));
  IF chain IS NULL THEN
    the_ledger := indelible.ledger_for(coalesce(NEW.ledger, indelible.only_ledger_of(NEW.said_by)), NEW.said_by);
    chain := the_ledger.id;
    ledger_name := the_ledger.name;
    is_keyed := the_ledger.keyed;
  END IF;
  IF is_keyed THEN
    RAISE EXCEPTION 'the ledger % is keyed: only who has the key can seal records', ledger_name USING ERRCODE = 'ND008';
  END IF;

  -- Whether the event has none but the usual members, and these are as they should be.
  is_plain := ${PLAUSIBLE} AND NEW.related_resources IS NULL AND NEW.session IS NULL;
  opening := '{"action":' || to_json(NEW.action) || ',"actor":{"id":' || to_json(NEW.said_by::text) || ',"type":"database-role"},';
  IF NEW.actor IS NOT NULL THEN
    -- The role itself takes one of the eight delegations.
    opening := '{"action":' || to_json(NEW.action) || ',"actor":{"id":' || to_json(NEW.said_by::text) || ',"on_behalf_of":'
      || indelible.party_text('event.actor', NEW.actor, 7) || ',"type":"database-role"},';
  END IF;
  IF NEW.data IS NOT NULL THEN
    data := '"data":' || indelible.canonical_json(NEW.data, 1) || ',';
  END IF;
  IF NEW.resource IS NOT NULL THEN
    resources := '"resource":' || indelible.party_text('event.resource', NEW.resource, 0) || ',';
  END IF;
  IF is_plain IS NOT TRUE THEN
    nothing := indelible.check_event(ROW(
      NEW.action, NEW.outcome, NEW.correlation_id, NEW.span_id, NEW.occurred_at, NEW.source, NEW.event_type, NEW.message,
      NEW.input_ref, NEW.output_ref, NEW.latency_ms, NEW.cost_usd, NEW.params_hash, NEW.idempotency_key));
    cost := '"cost_usd":' || indelible.canonical_number(NEW.cost_usd) || ',';
    event_type := '"event_type":' || to_json(NEW.event_type) || ',';
    refs := concat('"input_ref":' || to_json(NEW.input_ref) || ',', '"latency_ms":' || indelible.canonical_number(NEW.latency_ms) || ',');
    texts := concat(
      '"message":' || to_json(NEW.message) || ',', '"occurred_at":"' || indelible.utc_text(NEW.occurred_at) || '",');
    ending := concat('"output_ref":' || to_json(NEW.output_ref) || ',', '"params_hash":"' || NEW.params_hash || '",');
    resources := concat(
      '"related_resources":' || indelible.parties_text('event.related_resources', NEW.related_resources) || ',', resources);
    closing := concat(
      '"session":' || indelible.session_text(NEW.session) || ',', '"source":' || to_json(NEW.source) || ',',
      '"span_id":"' || NEW.span_id || '",');
    IF NEW.idempotency_key IS NOT NULL THEN
      digest := encode(sha256(convert_to(rtrim(concat(
        opening, '"correlation_id":"' || NEW.correlation_id || '",', cost, data, event_type,
        '"idempotency_key":' || to_json(NEW.idempotency_key) || ',', refs, texts, '"outcome":"' || NEW.outcome || '",', ending,
        resources, closing), ',') || '}', 'UTF8')), 'hex');
      idempotency := '"idempotency":{"digest":"' || digest || '","key":' || to_json(NEW.idempotency_key) || '},';
    END IF;
  END IF;
  IF NEW.correlation_id IS NULL THEN
    NEW.correlation_id := replace(gen_random_uuid()::text, '-', '');
  END IF;

  nothing := pg_advisory_xact_lock(1852074082, chain);
  -- An event may have a member named recorded_at in its data: then the record is parsed.
  SELECT r.seq + 1, r.hash, CASE
      WHEN split_part(r.body, '"recorded_at":"', 3) = '' THEN left(split_part(r.body, '"recorded_at":"', 2), 24)
      ELSE indelible.readable(r.body) ->> 'recorded_at'
    END
  INTO next_seq, prev, head_time
  FROM indelible.records AS r WHERE r.ledger_id = chain ORDER BY r.seq DESC LIMIT 1;
  IF next_seq IS NULL THEN
    RAISE EXCEPTION 'the ledger % has no records yet', ledger_name
    USING ERRCODE = 'ND002', HINT = 'SELECT indelible.create_ledger(name) makes a ledger with its first record.';
  END IF;
  NEW.ledger := ledger_name;
  IF digest IS NOT NULL THEN
    holder := indelible.same_event(chain, NEW.idempotency_key, digest);
    IF holder.seq IS NOT NULL THEN
      NEW.seq := holder.seq;
      NEW.hash := encode(holder.hash, 'hex');
      SELECT m.id, m.recorded_at, m.correlation_id INTO NEW.id, NEW.recorded_at, NEW.correlation_id
      FROM indelible.members_of(holder.body) AS m;
      RETURN NEW;
    END IF;
  END IF;

  NEW.seq := next_seq;
  NEW.recorded_at := greatest(date_trunc('milliseconds', clock_timestamp()), head_time::timestamptz);
  NEW.id := indelible.new_id(NEW.recorded_at);
  written := concat(
    opening, '"correlation_id":"', NEW.correlation_id, '",', cost, data, event_type, '"id":"', NEW.id, '",', idempotency, refs,
    '"ledger":"', ledger_name, '",', texts, '"outcome":"', coalesce(NEW.outcome, 'ok'), '",', ending,
    '"prev_hash":"', encode(prev, 'hex'), '","recorded_at":"',
    to_char(NEW.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'), '",', resources, '"seq":', next_seq, ',', closing, '"v":1}');
  IF octet_length(written) > 65535 THEN
    nothing := indelible.refuse_event(
      'RECORD_TOO_LARGE', 'event', format('makes a record of %s bytes, and 65535 are allowed', octet_length(written)));
  END IF;
  NEW.hash := encode(sha256('\x00'::bytea || convert_to(written, 'UTF8')), 'hex');
  IF current_setting('transaction_isolation') = 'read committed' THEN
    INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
    VALUES (chain, next_seq, prev, decode(NEW.hash, 'hex'), written);
  ELSE
    nothing := indelible.insert_or_give_way(ROW(chain, next_seq, prev, decode(NEW.hash, 'hex'), written));
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER events_insert INSTEAD OF INSERT ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.events_insert();

CREATE TRIGGER events_refuse_change INSTEAD OF UPDATE OR DELETE ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.refuse_change();
`;
