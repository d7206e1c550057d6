/**
 * The application path: a batch of lines that was sealed upon a head is appended if that is the head, in one statement.
 *
 * The database hashes every record itself, and checks numbers and links: in a keyed ledger links alone, for it does not
 * have the secret. Everything is done in sets, for a loop in PL/pgSQL takes as long for one record as this for ten.
 *
 * A number or link is found in the text of a record by its name. Where a name stands twice, because an event has such
 * a member in its data, the records are parsed.
 */
export const APPEND = String.raw`
-- The way to append for those who are not the owner; head_seq is what is returned.
CREATE VIEW indelible.appends AS SELECT
  NULL::text AS ledger, NULL::bigint AS expected_seq, NULL::text AS expected_hash, NULL::text AS lines,
  NULL::bigint AS epoch, NULL::bigint[] AS positions, NULL::bigint AS head_seq, NULL::name AS said_by
WHERE false;

ALTER VIEW indelible.appends ALTER COLUMN said_by SET DEFAULT current_user;

GRANT INSERT (ledger, expected_seq, expected_hash, lines), SELECT (head_seq) ON indelible.appends
TO indelible_writer, indelible_sealer;

CREATE FUNCTION indelible.refuse_lines(line bigint, problem text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'line % %', line, problem
  USING ERRCODE = 'ND003', DETAIL = json_build_object('line', line, 'problem', problem)::text;
END
$$;

-- Says what is wrong with lines that were refused.
CREATE FUNCTION indelible.explain_lines(lines text, ledger text, first_seq bigint, prev_hash bytea, keyed boolean) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  line text;
  n bigint;
  said json;
  linked text := encode(prev_hash, 'hex');
BEGIN
  IF right(lines, 1) IS DISTINCT FROM chr(10) THEN
    PERFORM indelible.refuse_lines(coalesce(array_length(string_to_array(lines, chr(10)), 1), 0), 'has no end');
  END IF;
  FOR line, n IN SELECT * FROM string_to_table(left(lines, -1), chr(10)) WITH ORDINALITY LOOP
    IF line !~ '^{"hash":"[0-9a-f]{64}","record":{.*}}$' THEN
      PERFORM indelible.refuse_lines(n, 'is not a line');
    END IF;
    said := indelible.readable(substr(line, 85, length(line) - 85));
    IF json_typeof(said) IS DISTINCT FROM 'object' THEN
      PERFORM indelible.refuse_lines(n, 'has a record that is not JSON');
    ELSIF said ->> 'seq' IS DISTINCT FROM (first_seq + n - 1)::text THEN
      PERFORM indelible.refuse_lines(n, format('has the number %s instead of %s', said ->> 'seq', first_seq + n - 1));
    ELSIF said ->> 'prev_hash' IS DISTINCT FROM linked THEN
      PERFORM indelible.refuse_lines(n, 'does not link to the record before');
    ELSIF said ->> 'ledger' IS DISTINCT FROM ledger THEN
      PERFORM indelible.refuse_lines(n, 'is of another ledger');
    ELSIF (said ->> 'key_id' IS NOT NULL) <> keyed THEN
      PERFORM indelible.refuse_lines(n, CASE WHEN keyed THEN 'has no key id' ELSE 'has a key id' END);
    END IF;
    linked := substr(line, 10, 64);
    IF NOT keyed AND linked <> encode(sha256('\x00' || convert_to(substr(line, 85, length(line) - 85), 'UTF8')), 'hex') THEN
      PERFORM indelible.refuse_lines(n, 'has a hash that is not its own');
    END IF;
  END LOOP;
  PERFORM indelible.refuse_lines(0, 'of the batch is not as it should be');
END
$$;

CREATE FUNCTION indelible.append_lines(
  ledger indelible.ledgers, expected_seq bigint, expected_hash text, lines text
) RETURNS bigint
-- A plan that knows the lines would be made anew for each batch, which takes longer than appending a few.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
AS $$
DECLARE
  head indelible.records;
  is_keyed boolean;
  first_line text;
  first_record json;
  first_seq bigint;
  prev bytea;
  hashes bytea[];
  bodies text[];
  framed boolean;
  bytes bigint;
  count bigint;
  appended bigint;
BEGIN
  PERFORM indelible.lock_ledger(ledger.id);
  head := indelible.head_of(ledger.id);
  IF head.seq IS DISTINCT FROM expected_seq OR encode(head.hash, 'hex') IS DISTINCT FROM expected_hash THEN
    RAISE EXCEPTION 'the head of % is another', ledger.name USING ERRCODE = 'ND001', DETAIL = json_build_object('head',
      CASE WHEN head.seq IS NULL THEN NULL ELSE json_build_object('seq', head.seq, 'hash', encode(head.hash, 'hex')) END)::text;
  END IF;

  first_line := split_part(lines, chr(10), 1);
  first_record := indelible.readable(substr(first_line, 85, greatest(length(first_line) - 85, 0)));
  IF head.seq IS NULL THEN
    IF first_record ->> 'seq' ~ '^[0-9]{1,16}$' AND first_record ->> 'prev_hash' ~ '^[0-9a-f]{64}$' THEN
      is_keyed := first_record ->> 'key_id' IS NOT NULL;
      first_seq := (first_record ->> 'seq')::bigint;
      -- A copy of a ledger whose oldest records were dropped begins later than at 0; verification tells whether it may.
      prev := decode(CASE WHEN first_seq = 0 THEN repeat('0', 64) ELSE first_record ->> 'prev_hash' END, 'hex');
      UPDATE indelible.ledgers AS l SET keyed = is_keyed WHERE l.id = ledger.id;
    ELSE
      PERFORM indelible.explain_lines(lines, ledger.name, 0, decode(repeat('0', 64), 'hex'), false);
    END IF;
  ELSE
    SELECT l.keyed INTO is_keyed FROM indelible.ledgers AS l WHERE l.id = ledger.id;
    first_seq := head.seq + 1;
    prev := head.hash;
  END IF;
  IF first_record ->> 'ledger' IS DISTINCT FROM ledger.name THEN
    PERFORM indelible.explain_lines(lines, ledger.name, first_seq, prev, is_keyed);
  ELSIF first_record ->> 'recorded_at' < (indelible.readable(head.body) ->> 'recorded_at') COLLATE "C" THEN
    PERFORM indelible.refuse_lines(1, 'is earlier than the record before');
  END IF;

  -- OFFSET 0 keeps what an inner query computes from being computed again for each place that uses it.
  IF is_keyed THEN
    SELECT array_agg(decode(CASE WHEN hex ~ '^[0-9a-f]{64}$' THEN hex ELSE '' END, 'hex')), array_agg(body),
      sum(octet_length(line) + 1),
      bool_and(line = '{"hash":"' || hex || '","record":' || body || '}' AND strpos(body, '"key_id":"') > 0)
    INTO hashes, bodies, bytes, framed
    FROM (
      SELECT line, substr(line, 10, 64) AS hex, convert_from(substr(raw, 85, greatest(octet_length(raw) - 85, 0)), 'UTF8') AS body
      FROM (
        SELECT line, convert_to(line, 'UTF8') AS raw FROM string_to_table(lines, chr(10)) AS line WHERE line <> '' OFFSET 0
      ) AS cut OFFSET 0
    ) AS parts;
    framed := framed AND (SELECT bool_and(octet_length(h) = 32) FROM unnest(hashes) AS h);
  ELSE
    SELECT array_agg(hash), array_agg(body), sum(octet_length(line) + 1),
      bool_and(line = '{"hash":"' || encode(hash, 'hex') || '","record":' || body || '}')
    INTO hashes, bodies, bytes, framed
    FROM (
      SELECT line, convert_from(raw_body, 'UTF8') AS body, sha256('\x00'::bytea || raw_body) AS hash FROM (
        SELECT line, substr(raw, 85, greatest(octet_length(raw) - 85, 0)) AS raw_body FROM (
          SELECT line, convert_to(line, 'UTF8') AS raw FROM string_to_table(lines, chr(10)) AS line WHERE line <> '' OFFSET 0
        ) AS cut OFFSET 0
      ) AS parts OFFSET 0
    ) AS hashed;
  END IF;
  count := cardinality(hashes);
  IF framed IS NOT TRUE OR bytes <> octet_length(lines) THEN
    PERFORM indelible.explain_lines(lines, ledger.name, first_seq, prev, is_keyed);
  END IF;

  IF octet_length(lines) - octet_length(replace(lines, '"prev_hash":"', '')) = 13 * count THEN
    INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
    SELECT ledger.id, first_seq - 1 + n, prev_hash, hash, body
    FROM unnest(prev || hashes[1:count - 1], hashes, bodies) WITH ORDINALITY AS r(prev_hash, hash, body, n)
    WHERE starts_with(split_part(body, '"prev_hash":"', 2), encode(prev_hash, 'hex') || '","recorded_at":"')
      AND strpos(split_part(body, '"prev_hash":"', 2), ',"seq":' || (first_seq - 1 + n) || ',"') > 0;
  ELSE
    INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
    SELECT ledger.id, first_seq - 1 + n, prev_hash, hash, body
    FROM unnest(prev || hashes[1:count - 1], hashes, bodies) WITH ORDINALITY AS r(prev_hash, hash, body, n),
      LATERAL indelible.readable(body) AS record
    WHERE record ->> 'prev_hash' = encode(prev_hash, 'hex') AND record ->> 'seq' = (first_seq - 1 + n)::text;
  END IF;
  GET DIAGNOSTICS appended = ROW_COUNT;
  IF appended <> count THEN
    PERFORM indelible.explain_lines(lines, ledger.name, first_seq, prev, is_keyed);
  END IF;
  RETURN first_seq - 1 + count;
END
$$;

CREATE FUNCTION indelible.appends_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  IF NEW.expected_seq IS NULL AND indelible.acts_as(NEW.said_by, 'indelible_owner') THEN
    INSERT INTO indelible.ledgers (name) VALUES (NEW.ledger) ON CONFLICT DO NOTHING;
  END IF;
  NEW.head_seq := indelible.append_lines(
    indelible.ledger_for(NEW.ledger, NEW.said_by), NEW.expected_seq, NEW.expected_hash, NEW.lines);
  RETURN NEW;
END
$$;

CREATE TRIGGER appends_insert INSTEAD OF INSERT ON indelible.appends
FOR EACH ROW EXECUTE FUNCTION indelible.appends_insert();

-- Appends lines if the head is the expected one (null: the ledger is empty); the number of the last of them.
CREATE FUNCTION indelible.append(ledger text, expected_seq bigint, expected_hash text, lines text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  head_seq bigint;
BEGIN
  INSERT INTO indelible.appends AS a (ledger, expected_seq, expected_hash, lines)
  VALUES (append.ledger, append.expected_seq, append.expected_hash, append.lines)
  RETURNING a.head_seq INTO head_seq;
  RETURN head_seq;
END
$$;

-- Keeps others from appending until the transaction ends.
CREATE VIEW indelible.reservations AS SELECT NULL::text AS ledger, NULL::name AS said_by WHERE false;

ALTER VIEW indelible.reservations ALTER COLUMN said_by SET DEFAULT current_user;

GRANT INSERT (ledger) ON indelible.reservations TO indelible_writer, indelible_sealer;

CREATE FUNCTION indelible.reservations_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  PERFORM indelible.lock_ledger((indelible.ledger_for(NEW.ledger, NEW.said_by)).id);
  RETURN NEW;
END
$$;

CREATE TRIGGER reservations_insert INSTEAD OF INSERT ON indelible.reservations
FOR EACH ROW EXECUTE FUNCTION indelible.reservations_insert();

CREATE FUNCTION indelible.reserve(ledger text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  INSERT INTO indelible.reservations (ledger) VALUES (reserve.ledger);
END
$$;

GRANT EXECUTE ON FUNCTION indelible.append, indelible.reserve TO indelible_writer, indelible_sealer;
`;
