/**
 * From an event's members to the canonical text of a record, with gaps for what is known only under the lock: number,
 * id, time and previous hash. Everything that takes time is done before the lock is taken.
 *
 * The actor is the database role: it is what PostgreSQL knows about who acts. An actor that the event names is the one
 * on whose behalf the role acted, as with tokens over HTTP.
 */
export const EVENT_TEXT = String.raw`
CREATE TYPE indelible.event AS (
  action text,
  actor json,
  resource json,
  related_resources json,
  outcome text,
  data json,
  correlation_id text,
  span_id text,
  occurred_at timestamptz,
  session json,
  source text,
  event_type text,
  message text,
  input_ref text,
  output_ref text,
  latency_ms numeric,
  cost_usd numeric,
  params_hash text,
  idempotency_key text,
  -- The role that says so.
  said_by name
);

CREATE TYPE indelible.event_text AS (
  before_id text,
  before_links text,
  before_seq text,
  after_seq text,
  correlation_id text,
  idempotency_key text,
  digest text
);

CREATE FUNCTION indelible.check_event(e indelible.event) RETURNS void
LANGUAGE plpgsql
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
  IF e.correlation_id IS NOT NULL THEN
    PERFORM indelible.check_form('event.correlation_id', e.correlation_id, '^(?!0{32}$)[0-9a-f]{32}$', '32 lower-case hex digits, not all zero');
  END IF;
  IF e.span_id IS NOT NULL THEN
    PERFORM indelible.check_form('event.span_id', e.span_id, '^(?!0{16}$)[0-9a-f]{16}$', '16 lower-case hex digits, not all zero');
  END IF;
  IF e.params_hash IS NOT NULL THEN
    PERFORM indelible.check_form('event.params_hash', e.params_hash, '^[0-9a-f]{64}$', '64 lower-case hex digits');
  END IF;
  IF e.occurred_at NOT BETWEEN '0001-01-01 00:00:00Z' AND '9999-12-31 23:59:59.999999Z' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', 'event.occurred_at', 'must be a time in the years 1 to 9999');
  END IF;
  IF octet_length(e.message) > 8192 AND indelible.utf16_length(e.message) > 8192 THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', 'event.message', 'must have at most 8192 characters');
  END IF;
  IF coalesce(e.source, e.event_type, e.input_ref, e.output_ref, e.idempotency_key) IS NOT NULL THEN
    PERFORM indelible.check_line('event.source', e.source, 200);
    PERFORM indelible.check_line('event.event_type', e.event_type, 200);
    PERFORM indelible.check_line('event.input_ref', e.input_ref, 2048);
    PERFORM indelible.check_line('event.output_ref', e.output_ref, 2048);
    PERFORM indelible.check_line('event.idempotency_key', e.idempotency_key, 256);
  END IF;
  IF coalesce(e.latency_ms, e.cost_usd) IS NOT NULL THEN
    PERFORM indelible.check_amount('event.latency_ms', e.latency_ms);
    PERFORM indelible.check_amount('event.cost_usd', e.cost_usd);
  END IF;
END
$$;

-- The canonical text of a member that is an object or a list, whose rules follow in the caller. No member of it may
-- hold U+0000, which jsonb cannot say.
CREATE FUNCTION indelible.structure(member text, value json) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
  IF strpos(value::text, '\u0000') > 0 THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must not have control characters');
  END IF;
  RETURN indelible.canonical_json(value, 1);
END
$$;

CREATE FUNCTION indelible.role_actor(said_by name, actor json) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
  IF actor IS NULL THEN
    RETURN '{"id":' || to_json(said_by::text) || ',"type":"database-role"}';
  END IF;
  -- The role itself takes one of the eight delegations.
  RETURN '{"id":' || to_json(said_by::text) || ',"on_behalf_of":' || indelible.party_text('event.actor', actor, 7)
    || ',"type":"database-role"}';
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

CREATE FUNCTION indelible.text_of(e indelible.event, ledger text) RETURNS indelible.event_text
LANGUAGE plpgsql
AS $$
DECLARE
  t indelible.event_text;
  opening text;
  data text := '';
  latency text := '';
  behind text;
  refs text;
  resources text := '';
  ending text;
  written text;
BEGIN
  PERFORM indelible.check_event(e);
  opening := '{"action":' || to_json(e.action) || ',"actor":' || indelible.role_actor(e.said_by, e.actor) || ',';
  IF e.cost_usd IS NOT NULL THEN
    data := '"cost_usd":' || indelible.canonical_number(e.cost_usd) || ',';
  END IF;
  IF e.data IS NOT NULL THEN
    data := data || '"data":' || indelible.canonical_json(e.data, 1) || ',';
  END IF;
  data := data || coalesce('"event_type":' || to_json(e.event_type) || ',', '');
  IF e.latency_ms IS NOT NULL THEN
    latency := '"latency_ms":' || indelible.canonical_number(e.latency_ms) || ',';
  END IF;
  refs := coalesce('"input_ref":' || to_json(e.input_ref) || ',', '') || latency;
  behind := coalesce('"message":' || to_json(e.message) || ',', '')
    || coalesce('"occurred_at":"' || indelible.utc_text(e.occurred_at) || '",', '');
  ending := coalesce('"output_ref":' || to_json(e.output_ref) || ',', '')
    || coalesce('"params_hash":"' || e.params_hash || '",', '');
  IF e.related_resources IS NOT NULL THEN
    written := indelible.structure('event.related_resources', e.related_resources);
    PERFORM indelible.check_resources(written::jsonb);
    resources := '"related_resources":' || written || ',';
  END IF;
  IF e.resource IS NOT NULL THEN
    resources := resources || '"resource":' || indelible.party_text('event.resource', e.resource, 0) || ',';
  END IF;
  t.after_seq := '';
  IF e.session IS NOT NULL THEN
    written := indelible.structure('event.session', e.session);
    PERFORM indelible.check_session(written::jsonb);
    t.after_seq := '"session":' || written || ',';
  END IF;
  t.after_seq := t.after_seq || coalesce('"source":' || to_json(e.source) || ',', '')
    || coalesce('"span_id":"' || e.span_id || '",', '');
  t.before_seq := resources;
  t.correlation_id := coalesce(e.correlation_id, replace(gen_random_uuid()::text, '-', ''));
  t.before_id := opening || '"correlation_id":"' || t.correlation_id || '",' || data;
  t.before_links := refs || '"ledger":"' || ledger || '",' || behind
    || '"outcome":"' || coalesce(e.outcome, 'ok') || '",' || ending;
  IF e.idempotency_key IS NOT NULL THEN
    t.idempotency_key := e.idempotency_key;
    t.digest := encode(sha256(convert_to(rtrim(
      opening || coalesce('"correlation_id":"' || e.correlation_id || '",', '') || data
      || '"idempotency_key":' || to_json(e.idempotency_key) || ',' || refs || behind
      || coalesce('"outcome":"' || e.outcome || '",', '') || ending || resources || t.after_seq, ',') || '}', 'UTF8')), 'hex');
    t.before_links := '"idempotency":{"digest":"' || t.digest || '","key":' || to_json(e.idempotency_key) || '},'
      || t.before_links;
  END IF;
  t.after_seq := t.after_seq || '"v":1}';
  RETURN t;
END
$$;
`;
