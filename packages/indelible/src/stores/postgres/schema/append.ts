/**
 * The application path: a batch of lines that was sealed upon a head is appended if that is the head, in one statement.
 *
 * The database hashes every record itself, and checks numbers and links: in a keyed ledger links alone, for it does not
 * have the secret. Everything is done in sets, for a loop in PL/pgSQL takes as long for one record as this for ten.
 *
 * A number or link is found in the text of a record by its name. Where a name stands twice, because an event has such
 * a member in its data, the records are parsed.
 *
 * Functions that are only reached from others, which pin their search_path, pin none: each would cost a switch.
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

-- Looks at each line by itself, and says what is wrong with the first that is not as it should be.
CREATE FUNCTION indelible.check_lines(lines text, ledger text, first_seq bigint, prev_hash bytea, keyed boolean) RETURNS void
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
END
$$;

-- For a line that was found wrong: says what is wrong with it.
CREATE FUNCTION indelible.refused_hash(lines text, ledger text, first_seq bigint, prev_hash bytea, keyed boolean) RETURNS bytea
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM indelible.check_lines(lines, ledger, first_seq, prev_hash, keyed);
  PERFORM indelible.refuse_lines(0, 'of the batch is not as it should be');
END
$$;

CREATE FUNCTION indelible.append_lines(
  chain integer, ledger_name text, expected_seq bigint, expected_hash text, lines text
) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  nothing text;
  head_seq bigint;
  head_hash bytea;
  head_body text;
  is_keyed boolean;
  first_line text := split_part(lines, chr(10), 1);
  first_record json := indelible.readable(substr(first_line, 85, greatest(length(first_line) - 85, 0)));
  first_seq bigint;
  prev bytea;
  appended bigint;
BEGIN
  nothing := pg_advisory_xact_lock(1852074082, chain);
  SELECT l.keyed, h.seq, h.hash, h.body INTO is_keyed, head_seq, head_hash, head_body
  FROM indelible.ledgers AS l LEFT JOIN LATERAL (
    SELECT r.seq, r.hash, r.body FROM indelible.records AS r WHERE r.ledger_id = chain ORDER BY r.seq DESC LIMIT 1
  ) AS h ON true
  WHERE l.id = chain;
  IF head_seq IS DISTINCT FROM expected_seq OR encode(head_hash, 'hex') IS DISTINCT FROM expected_hash THEN
    RAISE EXCEPTION 'the head of % is another', ledger_name USING ERRCODE = 'ND001', DETAIL = json_build_object('head',
      CASE WHEN head_seq IS NULL THEN NULL ELSE json_build_object('seq', head_seq, 'hash', encode(head_hash, 'hex')) END)::text;
  END IF;

  IF head_seq IS NOT NULL THEN
    first_seq := head_seq + 1;
    prev := head_hash;
  ELSIF first_record ->> 'seq' ~ '^[0-9]{1,16}$' AND first_record ->> 'prev_hash' ~ '^[0-9a-f]{64}$' THEN
    is_keyed := first_record ->> 'key_id' IS NOT NULL;
    first_seq := (first_record ->> 'seq')::bigint;
    -- A copy of a ledger whose oldest records were dropped begins later than at 0; verification tells whether it may.
    prev := decode(CASE WHEN first_seq = 0 THEN repeat('0', 64) ELSE first_record ->> 'prev_hash' END, 'hex');
    UPDATE indelible.ledgers AS l SET keyed = is_keyed WHERE l.id = chain;
  ELSE
    nothing := indelible.refused_hash(lines, ledger_name, 0, decode(repeat('0', 64), 'hex'), false);
  END IF;
  -- The last line ends, and none is behind it.
  IF first_record ->> 'ledger' IS DISTINCT FROM ledger_name
    OR substr(convert_to(lines, 'UTF8'), octet_length(lines) - 1) <> '\x7d0a'::bytea
  THEN
    nothing := indelible.refused_hash(lines, ledger_name, first_seq, prev, is_keyed);
  ELSIF first_record ->> 'recorded_at' < (indelible.readable(head_body) ->> 'recorded_at') COLLATE "C" THEN
    nothing := indelible.refuse_lines(1, 'is earlier than the record before');
  END IF;

  -- OFFSET 0 keeps what an inner query computes from being computed again for each place that uses it. Places are
  -- looked for in bytes: in text, characters would be counted. What the window holds it copies: not the line.
  INSERT INTO indelible.records (ledger_id, seq, prev_hash, hash, body)
  SELECT chain, seq, linked, CASE
      WHEN is_line
        AND position(convert_to('"prev_hash":"' || encode(linked, 'hex') || '","recorded_at":"', 'UTF8') IN raw_body) > 0
        AND (
          -- Most records end with their number.
          substr(raw_body, octet_length(raw_body) - length(seq::text) - 13) = convert_to(',"seq":' || seq::text || ',"v":1}', 'UTF8')
          OR strpos(split_part(convert_from(raw_body, 'UTF8'), '"prev_hash":"', 2), concat(',"seq":', seq, ',"')) > 0)
      THEN hash ELSE indelible.refused_hash(lines, ledger_name, first_seq, prev, is_keyed) END, convert_from(raw_body, 'UTF8')
  FROM (
    SELECT seq, raw_body, hash, lag(hash, 1, prev) OVER () AS linked, is_line
    FROM (
      SELECT seq, raw_body, hash,
        substr(raw, 1, 85) = convert_to('{"hash":"' || encode(hash, 'hex') || '","record":{', 'UTF8')
          AND get_byte(raw, octet_length(raw) - 1) = 125
          AND (NOT is_keyed OR position('\x226b65795f6964223a22'::bytea IN raw_body) > 0) AS is_line
      FROM (
        SELECT seq, raw, raw_body, CASE
            WHEN NOT is_keyed THEN sha256('\x00'::bytea || raw_body)
            WHEN octet_length(raw) > 85 AND translate(encode(substr(raw, 10, 64), 'escape'), '0123456789abcdef', '') = ''
            THEN decode(encode(substr(raw, 10, 64), 'escape'), 'hex') END AS hash
        FROM (
          SELECT seq, raw, substr(raw, 85, greatest(octet_length(raw) - 85, 0)) AS raw_body
          FROM (
            SELECT first_seq - 1 + n AS seq, convert_to(line, 'UTF8') AS raw
            FROM string_to_table(lines, chr(10)) WITH ORDINALITY AS t(line, n)
            -- Behind the last newline there is nothing. An empty line elsewhere shows in the numbers.
            WHERE line <> '' OFFSET 0
          ) AS encoded OFFSET 0
        ) AS cut OFFSET 0
      ) AS hashed OFFSET 0
    ) AS compared
  ) AS chained;
  GET DIAGNOSTICS appended = ROW_COUNT;
  -- Where a name stands twice, because an event has such a member in its data, one of them may have passed for the other.
  IF octet_length(lines) - octet_length(replace(lines, '"prev_hash":"', '')) <> 13 * appended THEN
    nothing := indelible.check_lines(lines, ledger_name, first_seq, prev, is_keyed);
  END IF;
  IF strpos(lines, '"idempotency":{"digest":"') > 0 THEN
    nothing := indelible.note_keys(chain, first_seq, first_seq - 1 + appended);
  END IF;
  RETURN first_seq - 1 + appended;
END
$$;

CREATE FUNCTION indelible.appends_insert() RETURNS trigger
-- A plan that knows the lines would be made anew for each batch, which takes longer than appending a few. One that was made
-- while there were a handful of records would read them all to find the last.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
AS $$
BEGIN
  IF NEW.expected_seq IS NULL AND indelible.acts_as(NEW.said_by, 'indelible_owner') THEN
    INSERT INTO indelible.ledgers (name) VALUES (NEW.ledger) ON CONFLICT DO NOTHING;
  END IF;
  NEW.head_seq := indelible.append_lines(
    (indelible.ledger_for(NEW.ledger, NEW.said_by)).id, NEW.ledger, NEW.expected_seq, NEW.expected_hash, NEW.lines);
  RETURN NEW;
END
$$;

CREATE TRIGGER appends_insert INSTEAD OF INSERT ON indelible.appends
FOR EACH ROW EXECUTE FUNCTION indelible.appends_insert();

-- Appends lines if the head is the expected one (null: the ledger is empty); the number of the last of them.
CREATE FUNCTION indelible.append(ledger text, expected_seq bigint, expected_hash text, lines text) RETURNS bigint
LANGUAGE plpgsql
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
LANGUAGE plpgsql
AS $$
BEGIN
  INSERT INTO indelible.reservations (ledger) VALUES (reserve.ledger);
END
$$;

GRANT EXECUTE ON FUNCTION indelible.append, indelible.reserve TO indelible_writer, indelible_sealer;
`;
