/**
 * A record's members for people who query with SQL: computed from its text when they are read, never stored.
 *
 * A text that somebody damaged must not make the whole table unreadable: its members are null. PostgreSQL cannot hold
 * U+0000 in a text; where a record has one, its members show U+FFFD in its place, and the body stays as it is.
 */
export const READING = String.raw`
-- Parallel unsafe: catching an error takes a subtransaction.
CREATE FUNCTION indelible.readable(body text) RETURNS json
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF strpos(body, '\u0000') > 0 THEN
    RETURN regexp_replace(body, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\ufffd', 'g')::json;
  END IF;
  RETURN body::json;
EXCEPTION WHEN data_exception THEN
  RETURN NULL;
END
$$;

CREATE FUNCTION indelible.idempotency_key(body text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RETURN indelible.readable(body) #>> '{idempotency,key}';
END
$$;

CREATE TYPE indelible.record_members AS (
  id text,
  recorded_at timestamptz,
  action text,
  outcome text,
  actor json,
  resource json,
  related_resources json,
  data json,
  attachment json,
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
  key_id text,
  idempotency json
);

CREATE FUNCTION indelible.members_of(body text) RETURNS indelible.record_members
LANGUAGE plpgsql STABLE STRICT SET search_path = pg_catalog, pg_temp SET datestyle = 'ISO'
AS $$
BEGIN
  RETURN json_populate_record(NULL::indelible.record_members, indelible.readable(body));
EXCEPTION WHEN data_exception OR invalid_parameter_value THEN
  RETURN NULL;
END
$$;

GRANT EXECUTE ON FUNCTION indelible.readable, indelible.idempotency_key, indelible.members_of
TO indelible_writer, indelible_reader, indelible_sealer;

CREATE FUNCTION indelible.head(ledger text) RETURNS TABLE (seq bigint, hash text)
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp
SET enable_seqscan = off SET enable_bitmapscan = off SET enable_sort = off
AS $$
BEGIN
  RETURN QUERY
    SELECT r.seq, encode(r.hash, 'hex') FROM indelible.records AS r
    WHERE r.ledger_id = (SELECT l.id FROM indelible.ledgers AS l WHERE l.name = head.ledger)
    ORDER BY r.seq DESC LIMIT 1;
END
$$;

GRANT EXECUTE ON FUNCTION indelible.head TO indelible_reader;

-- Notes the key of a record that is being appended; true.
CREATE FUNCTION indelible.note_key(chain integer, seq bigint, body text) RETURNS boolean
LANGUAGE plpgsql
AS $$
DECLARE
  noted text := indelible.idempotency_key(body);
BEGIN
  IF noted IS NOT NULL THEN
    INSERT INTO indelible.idempotency_keys (ledger_id, key, seq) VALUES (chain, noted, note_key.seq);
  END IF;
  RETURN true;
END
$$;

-- The first record with this idempotency key.
CREATE FUNCTION indelible.holder_of(chain integer, wanted text) RETURNS indelible.records
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp SET enable_seqscan = off SET enable_bitmapscan = off
AS $$
DECLARE
  holder indelible.records;
BEGIN
  SELECT r.* INTO holder FROM indelible.idempotency_keys AS k
  JOIN indelible.records AS r ON r.ledger_id = k.ledger_id AND r.seq = k.seq
  WHERE k.ledger_id = chain AND k.key = wanted AND indelible.idempotency_key(r.body) = wanted
  ORDER BY k.seq LIMIT 1;
  RETURN holder;
END
$$;
`;
