/**
 * The rules of an event as a whole, and the canonical text of its members.
 *
 * The actor is the database role: it is what PostgreSQL knows about who acts. An actor that the event names is the one
 * on whose behalf the role acted, as with tokens over HTTP.
 */
export const EVENT_TEXT = String.raw`
CREATE TYPE indelible.event AS (
  action text,
  outcome text,
  correlation_id text,
  span_id text,
  occurred_at timestamptz,
  source text,
  event_type text,
  message text,
  input_ref text,
  output_ref text,
  latency_ms numeric,
  cost_usd numeric,
  params_hash text,
  idempotency_key text
);

CREATE FUNCTION indelible.check_event(e indelible.event) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF e.action IS NULL THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', 'event.action', 'is required');
  ELSIF e.action ~ '^(ledger|access)\.' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', 'event.action', 'is one of the ledger''s own: it begins with "ledger." or "access."');
  END IF;
  PERFORM indelible.check_line('event.action', e.action, 200);
  IF e.outcome NOT IN ('ok', 'error', 'denied', 'pending') THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', 'event.outcome', 'must be one of ok, error, denied, pending');
  END IF;
  PERFORM indelible.check_form('event.correlation_id', e.correlation_id, '^(?!0{32}$)[0-9a-f]{32}$', '32 lower-case hex digits, not all zero');
  PERFORM indelible.check_form('event.span_id', e.span_id, '^(?!0{16}$)[0-9a-f]{16}$', '16 lower-case hex digits, not all zero');
  PERFORM indelible.check_form('event.params_hash', e.params_hash, '^[0-9a-f]{64}$', '64 lower-case hex digits');
  IF e.occurred_at NOT BETWEEN '0001-01-01 00:00:00Z' AND '9999-12-31 23:59:59.999999Z' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', 'event.occurred_at', 'must be a time in the years 1 to 9999');
  END IF;
  IF octet_length(e.message) > 8192 AND indelible.utf16_length(e.message) > 8192 THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', 'event.message', 'must have at most 8192 characters');
  END IF;
  PERFORM indelible.check_line('event.source', e.source, 200);
  PERFORM indelible.check_line('event.event_type', e.event_type, 200);
  PERFORM indelible.check_line('event.input_ref', e.input_ref, 2048);
  PERFORM indelible.check_line('event.output_ref', e.output_ref, 2048);
  PERFORM indelible.check_line('event.idempotency_key', e.idempotency_key, 256);
  PERFORM indelible.check_amount('event.latency_ms', e.latency_ms);
  PERFORM indelible.check_amount('event.cost_usd', e.cost_usd);
END
$$;

CREATE FUNCTION indelible.parties_text(member text, value json) RETURNS text
LANGUAGE plpgsql STRICT
AS $$
DECLARE
  written text := indelible.structure_text(member, value);
BEGIN
  PERFORM indelible.check_resources(written::jsonb);
  RETURN written;
END
$$;

CREATE FUNCTION indelible.session_text(value json) RETURNS text
LANGUAGE plpgsql STRICT
AS $$
DECLARE
  written text := indelible.structure_text('event.session', value);
BEGIN
  PERFORM indelible.check_session(written::jsonb);
  RETURN written;
END
$$;

CREATE FUNCTION indelible.utc_text(at timestamptz) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  written text := to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US');
BEGIN
  RETURN CASE WHEN right(written, 3) = '000' THEN left(written, -3) ELSE written END || 'Z';
END
$$;

-- A UUID of version 7.
CREATE FUNCTION indelible.new_id(at timestamptz) RETURNS text
LANGUAGE sql VOLATILE
AS $$
  SELECT overlay(overlay(overlay(pg_catalog.gen_random_uuid()::text
    PLACING pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.div(extract(epoch FROM at) * 1000, 65536)::bigint), 8, '0') FROM 1)
    PLACING pg_catalog.lpad(pg_catalog.to_hex(pg_catalog.mod(extract(epoch FROM at) * 1000, 65536)::bigint), 4, '0') FROM 10)
    PLACING '7' FROM 15)
$$;
`;
