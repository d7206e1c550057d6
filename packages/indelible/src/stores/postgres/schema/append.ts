/**
 * The application path: a batch of lines that was sealed upon a head is appended if that is the head, in one statement.
 *
 * The database hashes every record itself, and checks numbers and links: in a keyed ledger links alone, for it does not
 * have the secret. Everything is done in sets, for a loop in PL/pgSQL takes as long for one record as this for ten.
 *
 * A number or link is found in the text of a record by its name. Where a name stands twice, because an event has such
 * a member in its data, the record is parsed.
 *
 * Functions that are only reached from others, which pin their search_path, pin none: each would cost a switch.
 */
import { appendOnce } from './append-once.ts';
import { saidBy } from './said-by.ts';

const READS_COMMITTED = `current_setting('transaction_isolation') = 'read committed'`;
const APPEND_LINES = `NEW.head_seq := indelible.append_lines(
    (indelible.ledger_for(NEW.ledger, NEW.said_by)).id, NEW.ledger, NEW.expected_seq, NEW.expected_hash, NEW.lines, NEW.ends);`;

export const APPEND = String.raw`
-- The way to append for those who are not the owner; head_seq is what is returned.
CREATE VIEW indelible.appends AS SELECT
  NULL::text AS ledger, NULL::bigint AS expected_seq, NULL::text AS expected_hash, NULL::bytea AS lines, NULL::integer[] AS ends,
  NULL::bigint AS head_seq, NULL::name AS said_by
WHERE false;

${saidBy('appends')}

GRANT INSERT (ledger, expected_seq, expected_hash, lines, ends), SELECT (head_seq) ON indelible.appends
TO indelible_writer, indelible_sealer;

CREATE FUNCTION indelible.refuse_lines(line bigint, problem text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION 'line % %', line, problem
  USING ERRCODE = 'ND003', DETAIL = json_build_object('line', line, 'problem', problem)::text;
END
$$;

-- Looks at a line closely: its hash, or an error that says what is wrong with it.
CREATE FUNCTION indelible.checked_hash(line text, n bigint, ledger text, seq bigint, prev_hash bytea, keyed boolean) RETURNS bytea
LANGUAGE plpgsql
AS $$
DECLARE
  body text := substr(line, 85, greatest(length(line) - 86, 0));
  said json := indelible.readable(body);
BEGIN
  IF line IS NULL OR line !~ '^{"hash":"[0-9a-f]{64}","record":{[^\n]*}}\n$' THEN
    PERFORM indelible.refuse_lines(n, 'is not a line');
  ELSIF json_typeof(said) IS DISTINCT FROM 'object' THEN
    PERFORM indelible.refuse_lines(n, 'has a record that is not JSON');
  ELSIF said ->> 'seq' IS DISTINCT FROM seq::text THEN
    PERFORM indelible.refuse_lines(n, format('has the number %s instead of %s', said ->> 'seq', seq));
  ELSIF said ->> 'prev_hash' IS DISTINCT FROM encode(prev_hash, 'hex') THEN
    PERFORM indelible.refuse_lines(n, 'does not link to the record before');
  ELSIF said ->> 'ledger' IS DISTINCT FROM ledger THEN
    PERFORM indelible.refuse_lines(n, 'is of another ledger');
  ELSIF (said ->> 'key_id' IS NOT NULL) <> keyed THEN
    PERFORM indelible.refuse_lines(n, CASE WHEN keyed THEN 'has no key id' ELSE 'has a key id' END);
  ELSIF NOT keyed AND substr(line, 10, 64) <> encode(sha256('\x00' || convert_to(body, 'UTF8')), 'hex') THEN
    PERFORM indelible.refuse_lines(n, 'has a hash that is not its own');
  END IF;
  RETURN decode(substr(line, 10, 64), 'hex');
END
$$;

-- Where lines end, in bytes.
CREATE FUNCTION indelible.ends_of(lines text) RETURNS integer[]
LANGUAGE plpgsql
AS $$
BEGIN
  RETURN ARRAY(
    SELECT sum(octet_length(line) + 1) OVER (ORDER BY n)
    FROM string_to_table(CASE right(lines, 1) WHEN chr(10) THEN left(lines, -1) ELSE lines END, chr(10)) WITH ORDINALITY AS t(line, n));
END
$$;

-- lines are bytes, for these can be cut without being read; ends says where each line ends.
CREATE FUNCTION indelible.append_lines(
  chain integer, ledger_name text, expected_seq bigint, expected_hash text, lines bytea, ends integer[]
) RETURNS bigint
LANGUAGE plpgsql
AS $$
DECLARE
  nothing text;
  head_seq bigint;
  head_hash bytea;
  head_body text;
  is_keyed boolean;
  appended integer := cardinality(ends);
  first_line text := convert_from(substr(lines, 1, greatest(ends[1], 0)), 'UTF8');
  first_record json := indelible.readable(substr(first_line, 85, greatest(length(first_line) - 86, 0)));
  first_time text := first_record ->> 'recorded_at';
  last_time text := first_time;
  first_seq bigint;
  prev bytea;
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
  ELSIF octet_length(lines) IS DISTINCT FROM ends[appended] THEN
    nothing := indelible.refuse_lines(coalesce(appended, 0), 'has no end');
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
    nothing := indelible.checked_hash(first_line, 1, ledger_name, 0, decode(repeat('0', 64), 'hex'), false);
  END IF;
  IF first_record ->> 'ledger' IS DISTINCT FROM ledger_name THEN
    nothing := indelible.checked_hash(first_line, 1, ledger_name, first_seq, prev, is_keyed);
  ELSIF first_time < (indelible.readable(head_body) ->> 'recorded_at') COLLATE "C" THEN
    nothing := indelible.refuse_lines(1, 'is earlier than the record before');
  END IF;
  -- What is recorded next goes on from the last line's time.
  IF appended > 1 THEN
    last_time := indelible.readable(convert_from(
      substr(lines, ends[appended - 1] + 85, greatest(ends[appended] - ends[appended - 1] - 86, 0)), 'UTF8')) ->> 'recorded_at';
  END IF;
  IF (last_time ~ '^[0-9]{4}-[0-9][0-9]-[0-9][0-9]T[0-9][0-9]:[0-9][0-9]:[0-9][0-9][.][0-9]{3}Z$') IS NOT TRUE
    OR last_time::timestamptz IS NULL
  THEN
    nothing := indelible.refuse_lines(appended, 'has no time of recording');
  ELSIF last_time < first_time COLLATE "C" THEN
    nothing := indelible.refuse_lines(appended, 'is earlier than a record before');
  END IF;

  -- OFFSET 0 keeps what an inner query computes from being computed again for each place that uses it. A row is linked to
  -- the hash that the line before it says, which was found to be right, or refused, with that row.
  INSERT INTO indelible.records (ledger_id, seq, prev_hash, begins_append, hash, body)
  SELECT chain, seq, decode(linked, 'hex'), n = 1, CASE
      WHEN encode(substr(lines, begins + 1, 85), 'escape') = '{"hash":"' || encode(hash, 'hex') || '","record":{'
        AND substr(lines, ends[n] - 1, 2) = '\x7d0a'::bytea AND strpos(body, chr(10)) = 0
        AND (NOT is_keyed OR strpos(body, '"key_id":"') > 0)
        -- Cut where the name stands again, this would not end with a brace.
        AND split_part(body, '"prev_hash":"', 2) LIKE linked || '","recorded\_at":"%,"seq":' || seq || ',"%}'
      THEN hash
      ELSE indelible.checked_hash(
        convert_from(substr(lines, begins + 1, greatest(ends[n] - begins, 0)), 'UTF8'),
        n, ledger_name, seq, decode(linked, 'hex'), is_keyed) END, body
  FROM (
    SELECT n, begins, first_seq - 1 + n AS seq, convert_from(raw_body, 'UTF8') AS body, CASE
        WHEN NOT is_keyed THEN sha256('\x00'::bytea || raw_body)
        WHEN octet_length(claimed) = 64 AND btrim(claimed, '0123456789abcdef'::bytea) = ''::bytea
        THEN decode(encode(claimed, 'escape'), 'hex') END AS hash,
      CASE n WHEN 1 THEN encode(prev, 'hex')
        ELSE encode(substr(lines, CASE n WHEN 2 THEN 0 ELSE ends[n - 2] END + 10, 64), 'escape') END AS linked
    FROM (
      SELECT n, begins, substr(lines, begins + 85, greatest(ends[n] - begins - 86, 0)) AS raw_body,
        CASE WHEN is_keyed THEN substr(lines, begins + 10, 64) END AS claimed
      FROM (SELECT n, CASE n WHEN 1 THEN 0 ELSE ends[n - 1] END AS begins FROM generate_series(1, appended) AS n) AS line OFFSET 0
    ) AS cut OFFSET 0
  ) AS hashed
  WHERE strpos(body, '"idempotency":{"digest":"') = 0 OR indelible.note_key(chain, seq, body);
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
  ${appendOnce(READS_COMMITTED, APPEND_LINES)}
  -- Nobody may have them back, and the row that is returned is copied twice.
  NEW.lines := NULL;
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
  INSERT INTO indelible.appends AS a (ledger, expected_seq, expected_hash, lines, ends)
  VALUES (append.ledger, append.expected_seq, append.expected_hash, convert_to(append.lines, 'UTF8'), indelible.ends_of(append.lines))
  RETURNING a.head_seq INTO head_seq;
  RETURN head_seq;
END
$$;

-- Keeps others from appending until the transaction ends.
CREATE VIEW indelible.reservations AS SELECT NULL::text AS ledger, NULL::name AS said_by WHERE false;

${saidBy('reservations')}

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

GRANT EXECUTE ON FUNCTION indelible.append, indelible.reserve, indelible.ends_of TO indelible_writer, indelible_sealer;
`;
