/**
 * Plain SQL, sealed on insert: `INSERT INTO indelible.events (action, …) VALUES (…) RETURNING seq, recorded_at, hash`.
 *
 * The lock is taken before number and previous hash are read, and held until the transaction ends: a transaction that
 * inserts here and then takes its time keeps all others from recording. For that there is the outbox.
 *
 * What the caller said is written before the lock is taken; under it the head is read and the record stored. One long
 * function: PL/pgSQL prepares each expression and each called function anew in each transaction, which is most of what
 * an insert costs.
 */
import { appendOnce } from './append-once.ts';
import { PLAUSIBLE } from './event-checks.ts';
import { ownLedger } from './own-ledger.ts';
import { saidBy } from './said-by.ts';

/** Under the lock. */
const PLACE = `INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body) VALUES (chain, NEW.seq, prev, own, body);`;

export const SEALING = String.raw`
CREATE VIEW indelible.events WITH (security_barrier) AS
SELECT
  l.name AS ledger, r.seq, m.id, m.recorded_at, encode(r.hash, 'hex') AS hash, encode(r.prev_hash, 'hex') AS prev_hash,
  m.action, m.actor, m.resource, m.related_resources, m.outcome, m.data, m.correlation_id, m.span_id, m.occurred_at,
  m.session, m.source, m.event_type, m.message, m.input_ref, m.output_ref, m.latency_ms, m.cost_usd, m.params_hash,
  m.idempotency ->> 'key' AS idempotency_key, m.attachment, m.key_id,
  m.actor ->> 'type' AS actor_type, m.actor ->> 'id' AS actor_id,
  m.resource ->> 'type' AS resource_type, m.resource ->> 'id' AS resource_id,
  r.body, NULL::name AS said_by, NULL::integer AS sealed_for
FROM indelible.records AS r
JOIN indelible.ledgers AS l ON l.id = r.ledger_id,
LATERAL indelible.members_of(r.body) AS m
WHERE r.ledger_id = ANY ((SELECT indelible.visible_ledger_ids())::integer[]);

${saidBy('events')}

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
  ending text;
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
  sees_others boolean;
  -- The head, and the record that follows it.
  prev bytea;
  not_before text;
  at text;
  body text;
  own bytea;
BEGIN
  -- From the outbox, whose rows were compared with the bindings when they were inserted.
  IF NEW.sealed_for IS NOT NULL THEN
    SELECT l.id, l.name, l.keyed INTO chain, ledger_name, is_keyed FROM indelible.ledgers AS l WHERE l.id = NEW.sealed_for;
  ELSE${ownLedger(', l.keyed', ', is_keyed')}
  END IF;
  IF is_keyed THEN
    RAISE EXCEPTION 'the ledger % is keyed: only who has the key can seal records', ledger_name USING ERRCODE = 'ND008';
  END IF;
  -- A role may be called anything, a line break included; an actor may not.
  IF ltrim(NEW.said_by, 'etaoinsrldcumpgbfyvwhkxqjz_0123456789') <> '' THEN
    nothing := indelible.check_line('event.actor.id', NEW.said_by, 1024);
  END IF;

  NEW.ledger := ledger_name;
  middle := gen_random_uuid();
  at := lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0');
  NEW.id := format('%s-%s-7%s', left(at, 8), right(at, 4), substr(middle, 16));
  middle := coalesce(NEW.correlation_id, replace(gen_random_uuid()::text, '-', ''));
  -- The role itself takes one of the eight delegations.
  opening := format('{"action":%s,"actor":{"id":%s%s,"type":"database-role"},', to_json(NEW.action)::text,
    to_json(NEW.said_by::text)::text, ',"on_behalf_of":' || indelible.party_text('event.actor', NEW.actor, 7));
  data := '"data":' || indelible.canonical_json(NEW.data, 1) || ',';
  resource := '"resource":' || indelible.party_text('event.resource', NEW.resource, 0) || ',';
  -- An event that has none but the usual members, and these as they should be, needs no closer look.
  IF ${PLAUSIBLE} AND NEW.related_resources IS NULL AND NEW.session IS NULL THEN
    opening := format('%s"correlation_id":"%s",%s"id":"%s","ledger":"%s","outcome":"%s","prev_hash":"',
      opening, middle, data, NEW.id, ledger_name, coalesce(NEW.outcome, 'ok'));
    NEW.correlation_id := middle;
    middle := format('",%s"seq":', resource);
    ending := ',"v":1}';
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
    opening := concat(opening, '"correlation_id":"', middle, '",', cost, data, event_type, '"id":"', NEW.id, '",', idempotency,
      refs, '"ledger":"', ledger_name, '",', texts, '"outcome":"', coalesce(NEW.outcome, 'ok'), '",', results, '"prev_hash":"');
    NEW.correlation_id := middle;
    middle := concat('",', related, resource, '"seq":');
    ending := concat(',', ending, '"v":1}');
  END IF;
  sees_others := current_setting('transaction_isolation') = 'read committed';

  -- The first round is for nothing but this: PL/pgSQL prepares an expression when a transaction first comes to it, which
  -- takes longer than computing it, and under the lock everybody would wait for that.
  FOR round IN 0..1 LOOP
    IF round = 1 THEN
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
      -- The last such place is the record's own: no member behind it holds what the caller likes.
      SELECT h.seq + 1, h.hash, left(split_part(h.body, '","recorded_at":"', -1), 24) INTO NEW.seq, prev, not_before
      FROM indelible.records AS h WHERE h.ledger_id = chain ORDER BY h.seq DESC LIMIT 1;
    END IF;
    NEW.recorded_at := date_trunc('milliseconds', clock_timestamp());
    at := to_char(NEW.recorded_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
    -- Times of this form sort as text.
    IF at < not_before COLLATE "C" THEN
      at := not_before;
      NEW.recorded_at := not_before;
    END IF;
    body := format('%s%s","recorded_at":"%s%s%s%s', opening, encode(prev, 'hex'), at, middle, NEW.seq::text, ending);
    own := sha256('\x00'::bytea || convert_to(body, 'UTF8'));
    NEW.hash := encode(own, 'hex');
  END LOOP;
  IF prev IS NULL THEN
    RAISE EXCEPTION 'the ledger % has no records yet', ledger_name
    USING ERRCODE = 'ND002', HINT = 'SELECT indelible.create_ledger(name) makes a ledger with its first record.';
  ELSIF octet_length(body) > 65535 THEN
    nothing := indelible.refuse_event(
      'RECORD_TOO_LARGE', 'event', format('makes a record of %s bytes, and 65535 are allowed', octet_length(body)));
  END IF;
  ${appendOnce('sees_others', PLACE)}
  IF digest IS NOT NULL THEN
    nothing := indelible.note_key(chain, NEW.seq, body);
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER events_insert INSTEAD OF INSERT ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.events_insert();

CREATE TRIGGER events_refuse_change INSTEAD OF UPDATE OR DELETE ON indelible.events
FOR EACH ROW EXECUTE FUNCTION indelible.refuse_change();
`;
