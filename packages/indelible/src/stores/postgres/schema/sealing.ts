/**
 * Plain SQL, sealed on insert: `INSERT INTO indelible.events (action, …) VALUES (…) RETURNING seq, recorded_at, hash`.
 *
 * The lock is taken before number and previous hash are read, and held until the transaction ends: a transaction that
 * inserts here and then takes its time keeps all others from recording. For that there is the outbox.
 *
 * What the caller said is written before the lock is taken, and under it there is one statement alone. One long
 * function: PL/pgSQL prepares each expression and each called function anew in each transaction, which is most of what
 * an insert costs.
 */
import { PLAUSIBLE } from './event-checks.ts';
import { ownLedger } from './own-ledger.ts';

/** The one statement under the lock. Times of this form sort as text; the head's stands right behind its link. */
const PLACE = String.raw`
    INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
    SELECT chain, w.seq, w.prev_hash, sha256('\x00'::bytea || convert_to(w.body, 'UTF8')), w.body
    FROM (
      SELECT h.seq + 1 AS seq, h.hash AS prev_hash, concat(
        opening, encode(h.hash, 'hex'), '","recorded_at":"', greatest(
          to_char(clock_timestamp() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'),
          left(split_part(h.body, concat('"prev_hash":"', encode(h.prev_hash, 'hex'), '","recorded_at":"'), 2), 24) COLLATE "C"),
        middle, h.seq + 1, ending) AS body
      FROM (SELECT * FROM indelible.records AS l WHERE l.ledger_id = chain ORDER BY l.seq DESC LIMIT 1) AS h
      OFFSET 0
    ) AS w
    RETURNING records.seq, encode(records.hash, 'hex'), records.body INTO NEW.seq, NEW.hash, written;`;

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
-- A plan is kept: one that was made while there were a handful of records would read them all to find the last.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off
AS $$
DECLARE
  chain integer;
  ledger_name text;
  is_keyed boolean;
  -- The record up to the previous hash, behind the time, and behind the number.
  opening text;
  middle text;
  ending text := ',"v":1}';
  data text;
  resource text;
  cost text;
  event_type text;
  idempotency text;
  digest text;
  refs text;
  texts text;
  results text;
  related text;
  nothing text;
  holder indelible.records;
  written text;
BEGIN
  ${ownLedger(', l.keyed', ', is_keyed')}
  IF is_keyed THEN
    RAISE EXCEPTION 'the ledger % is keyed: only who has the key can seal records', ledger_name USING ERRCODE = 'ND008';
  END IF;

  NEW.ledger := ledger_name;
  written := gen_random_uuid();
  middle := lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0');
  NEW.id := concat(left(middle, 8), '-', right(middle, 4), '-7', substr(written, 16));
  IF NEW.correlation_id IS NULL THEN
    written := replace(gen_random_uuid()::text, '-', '');
  ELSE
    written := NEW.correlation_id;
  END IF;
  -- The role itself takes one of the eight delegations.
  opening := concat('{"action":', to_json(NEW.action), ',"actor":{"id":', to_json(NEW.said_by::text),
    ',"on_behalf_of":' || indelible.party_text('event.actor', NEW.actor, 7), ',"type":"database-role"},');
  data := '"data":' || indelible.canonical_json(NEW.data, 1) || ',';
  resource := '"resource":' || indelible.party_text('event.resource', NEW.resource, 0) || ',';
  -- An event that has none but the usual members, and these as they should be, needs no closer look.
  IF ${PLAUSIBLE} AND NEW.related_resources IS NULL AND NEW.session IS NULL THEN
    opening := concat(opening, '"correlation_id":"', written, '",', data, '"id":"', NEW.id, '","ledger":"', ledger_name,
      '","outcome":"', coalesce(NEW.outcome, 'ok'), '","prev_hash":"');
    middle := concat('",', resource, '"seq":');
  ELSE
    nothing := indelible.check_event(ROW(
      NEW.action, NEW.outcome, NEW.correlation_id, NEW.span_id, NEW.occurred_at, NEW.source, NEW.event_type, NEW.message,
      NEW.input_ref, NEW.output_ref, NEW.latency_ms, NEW.cost_usd, NEW.params_hash, NEW.idempotency_key));
    cost := '"cost_usd":' || indelible.canonical_number(NEW.cost_usd) || ',';
    event_type := '"event_type":' || to_json(NEW.event_type) || ',';
    refs := concat('"input_ref":' || to_json(NEW.input_ref) || ',', '"latency_ms":' || indelible.canonical_number(NEW.latency_ms) || ',');
    texts := concat(
      '"message":' || to_json(NEW.message) || ',', '"occurred_at":"' || indelible.utc_text(NEW.occurred_at) || '",');
    results := concat('"output_ref":' || to_json(NEW.output_ref) || ',', '"params_hash":"' || NEW.params_hash || '",');
    related := '"related_resources":' || indelible.parties_text('event.related_resources', NEW.related_resources) || ',';
    ending := concat(
      '"session":' || indelible.session_text(NEW.session) || ',', '"source":' || to_json(NEW.source) || ',',
      '"span_id":"' || NEW.span_id || '",');
    IF NEW.idempotency_key IS NOT NULL THEN
      digest := encode(sha256(convert_to(rtrim(concat(
        opening, '"correlation_id":"' || NEW.correlation_id || '",', cost, data, event_type,
        '"idempotency_key":' || to_json(NEW.idempotency_key) || ',', refs, texts, '"outcome":"' || NEW.outcome || '",', results,
        related, resource, ending), ',') || '}', 'UTF8')), 'hex');
      idempotency := '"idempotency":{"digest":"' || digest || '","key":' || to_json(NEW.idempotency_key) || '},';
    END IF;
    opening := concat(opening, '"correlation_id":"', written, '",', cost, data, event_type, '"id":"', NEW.id, '",', idempotency,
      refs, '"ledger":"', ledger_name, '",', texts, '"outcome":"', coalesce(NEW.outcome, 'ok'), '",', results, '"prev_hash":"');
    middle := concat('",', related, resource, '"seq":');
    ending := concat(',', ending, '"v":1}');
  END IF;
  NEW.correlation_id := written;

  nothing := pg_advisory_xact_lock(1852074082, chain);
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
  IF current_setting('transaction_isolation') = 'read committed' THEN
    ${PLACE}
  ELSE
    -- It sees the log as it was when it began: whoever came later has to try again.
    BEGIN
      ${PLACE}
    EXCEPTION WHEN unique_violation THEN
      RAISE EXCEPTION 'another transaction appended first' USING ERRCODE = 'serialization_failure';
    END;
  END IF;
  IF written IS NULL THEN
    RAISE EXCEPTION 'the ledger % has no records yet', ledger_name
    USING ERRCODE = 'ND002', HINT = 'SELECT indelible.create_ledger(name) makes a ledger with its first record.';
  ELSIF octet_length(written) > 65535 THEN
    nothing := indelible.refuse_event(
      'RECORD_TOO_LARGE', 'event', format('makes a record of %s bytes, and 65535 are allowed', octet_length(written)));
  END IF;
  NEW.recorded_at := substr(written, length(opening) + 82, 24);
  IF digest IS NOT NULL THEN
    nothing := indelible.note_keys(chain, NEW.seq, NEW.seq);
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER events_insert INSTEAD OF INSERT ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.events_insert();

CREATE TRIGGER events_refuse_change INSTEAD OF UPDATE OR DELETE ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.refuse_change();
`;
