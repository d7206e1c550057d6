/**
 * Canonical JSON (RFC 8785) in PL/pgSQL: byte for byte what core's `canonicalize` writes, and refusing what it refuses.
 *
 * PostgreSQL reads the text as jsonb, which keeps numbers exact, but drops all but the last of equal names and knows no
 * U+0000. So names are counted in the text where it is not plain that none was dropped, and U+0000 is written as two
 * other characters meanwhile, in a way that keeps the order of names.
 *
 * Source:  RFC 8785; docs/format/canonical-json.md.
 */
export const CANONICAL_JSON = String.raw`
-- Names sort by UTF-16 code units. Bytes sort alike but for the characters beyond U+FFFF, whose surrogates lie before
-- U+E000: they are sorted behind U+D7FF instead, the last character below the surrogates.
CREATE FUNCTION indelible.utf16_order(name text) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
BEGIN
  RETURN regexp_replace(
    replace(name, chr(55295), chr(55295) || chr(1)), '([\U00010000-\U0010FFFF])', chr(55295) || '\1', 'g');
END
$$;

-- Every value that a text holds stands inside so many objects and arrays: depth. An ASCII text needs no other order
-- than that of bytes.
CREATE FUNCTION indelible.canonical(value jsonb, depth integer, ascii boolean) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
  kind text := jsonb_typeof(value);
BEGIN
  IF kind = 'object' OR kind = 'array' THEN
    IF depth >= 64 THEN
      PERFORM indelible.refuse_event('JSON_TOO_DEEP', 'event', 'is nested more than 64 deep');
    END IF;
    IF kind = 'array' THEN
      RETURN '[' || coalesce((
        SELECT string_agg(CASE
            WHEN jsonb_typeof(i.value) IN ('object', 'array') THEN indelible.canonical(i.value, depth + 1, ascii)
            WHEN jsonb_typeof(i.value) <> 'number' OR i.value::text ~ '^-?([0-9]{1,15}|[0-9]{1,9}\.[0-9]{0,5}[1-9])$' THEN i.value::text
            ELSE indelible.canonical_number(i.value::numeric)
          END, ',')
        FROM jsonb_array_elements(value) AS i), '') || ']';
    ELSIF ascii THEN
      RETURN '{' || coalesce((
        SELECT string_agg(
          to_json(m.key)::text || ':' || CASE
            WHEN jsonb_typeof(m.value) IN ('object', 'array') THEN indelible.canonical(m.value, depth + 1, ascii)
            WHEN jsonb_typeof(m.value) <> 'number' OR m.value::text ~ '^-?([0-9]{1,15}|[0-9]{1,9}\.[0-9]{0,5}[1-9])$' THEN m.value::text
            ELSE indelible.canonical_number(m.value::numeric)
          END, ',' ORDER BY m.key COLLATE "C")
        FROM jsonb_each(value) AS m), '') || '}';
    END IF;
    RETURN '{' || coalesce((
      SELECT string_agg(
        to_json(m.key)::text || ':' || indelible.canonical(m.value, depth + 1, ascii),
        ',' ORDER BY indelible.utf16_order(m.key) COLLATE "C")
      FROM jsonb_each(value) AS m), '') || '}';
  ELSIF kind = 'number' THEN
    RETURN indelible.canonical_number(value::numeric);
  END IF;
  RETURN value::text;
END
$$;

-- How many colons stand outside of strings: one for each member.
CREATE FUNCTION indelible.count_members(json_text text) RETURNS integer
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
  bare text := regexp_replace(json_text, '"(?:[^"\\]|\\.)*"', '', 'g');
BEGIN
  RETURN octet_length(bare) - octet_length(replace(bare, ':', ''));
END
$$;

CREATE FUNCTION indelible.parsed(json_text text) RETURNS jsonb
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
BEGIN
  RETURN json_text::jsonb;
EXCEPTION
  WHEN numeric_value_out_of_range THEN
    PERFORM indelible.refuse_event('JSON_NUMBER', 'event', 'has a number that does not survive as a double');
  WHEN data_exception THEN
    PERFORM indelible.refuse_event('JSON_INVALID', 'event', 'has a string that is no Unicode text');
  WHEN statement_too_complex OR program_limit_exceeded THEN
    PERFORM indelible.refuse_event('JSON_TOO_DEEP', 'event', 'is nested more than 64 deep');
END
$$;

-- Refuses a text of which jsonb dropped members. Nothing was dropped if the text is jsonb's own, or if nothing in it can
-- be written longer and it is as long as the canonical one.
CREATE FUNCTION indelible.refuse_doubled(json_text text, parsed jsonb, canonical text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF (octet_length(json_text) <> octet_length(canonical) OR strpos(json_text, '\') > 0 OR json_text ~ '[0-9][eE]')
    AND json_text <> parsed::text
    AND indelible.count_members(json_text) <> indelible.count_members(canonical)
  THEN
    PERFORM indelible.refuse_event('JSON_DUPLICATE_KEY', 'event', 'has an object that names a member twice');
  END IF;
END
$$;

-- The canonical text of any value.
CREATE FUNCTION indelible.canonical_value(written text, depth integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
  -- No escape, no power of ten, no great depth: nothing that jsonb would refuse, or write longer or shorter than we do.
  is_plain boolean := strpos(written, '\') = 0 AND octet_length(written) < 4096 AND written !~ '[0-9][eE]';
  has_nul boolean := NOT is_plain AND strpos(written, '\u0000') > 0;
  parsed jsonb;
  canonical text;
BEGIN
  -- U+0000 becomes U+0001 U+0001, and U+0001 becomes U+0001 U+0002.
  IF has_nul THEN
    written := regexp_replace(written, '(?<!\\)((?:\\\\)*)\\u0001', '\1\\u0001\\u0002', 'g');
    written := regexp_replace(written, '(?<!\\)((?:\\\\)*)\\u0000', '\1\\u0001\\u0001', 'g');
  END IF;
  -- Catching an error takes a subtransaction.
  IF is_plain THEN
    parsed := written::jsonb;
  ELSE
    parsed := indelible.parsed(written);
  END IF;
  canonical := indelible.canonical(parsed, depth, octet_length(parsed::text) = length(parsed::text));
  IF NOT is_plain OR octet_length(written) <> octet_length(canonical) THEN
    PERFORM indelible.refuse_doubled(written, parsed, canonical);
  END IF;
  IF has_nul THEN
    canonical := regexp_replace(canonical, '(?<!\\)((?:\\\\)*)\\u0001\\u0001', '\1\\u0000', 'g');
    canonical := regexp_replace(canonical, '(?<!\\)((?:\\\\)*)\\u0001\\u0002', '\1\\u0001', 'g');
  END IF;
  RETURN canonical;
END
$$;

-- The usual value is an object of strings, short numbers, true, false and null, in ASCII without escapes. Its text is cut
-- at the quotes: every other piece is a name or a string, and between them stands what JSON needs. No query is asked: that
-- would take three times as long.
CREATE FUNCTION indelible.canonical_json(value json, depth integer) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT
AS $$
DECLARE
  written text := value::text;
  pieces text[] := string_to_array(written, '"');
  size integer := cardinality(pieces);
  place integer := 2;
  rest text;
  -- U+0001 stands between name and value: the texts sort as their names do.
  members text[];
  names text[];
BEGIN
  IF translate(pieces[1], E' \t\n\r', '') <> '{' OR size < 3 OR octet_length(written) > 2000
    OR octet_length(written) <> length(written) OR strpos(written, '\') > 0
  THEN
    RETURN indelible.canonical_value(written, depth);
  END IF;
  WHILE place < size LOOP
    names := names || (pieces[place] || E'\x01');
    rest := translate(pieces[place + 1], E' \t\n\r', '');
    IF rest = ':' THEN
      members := members || (pieces[place] || E'\x01"' || pieces[place + 2] || '"');
      place := place + 4;
    ELSE
      rest := substr(rest, 2, length(rest) - 2);
      IF length(rest) BETWEEN 1 AND 15 AND (
        ltrim(rest, '0123456789') = '' OR rest IN ('true', 'false', 'null')
        OR translate(rest, '0123456789', '') = '.' AND right(rest, 1) <> '0' AND length(split_part(rest, '.', 2)) <= 6)
      THEN
        members := members || (pieces[place] || E'\x01' || rest);
        place := place + 2;
      ELSE
        RETURN indelible.canonical_value(written, depth);
      END IF;
    END IF;
  END LOOP;
  -- A text search vector keeps its words in the order of their bytes, each once.
  IF length(array_to_tsvector(names)) < cardinality(names) THEN
    RETURN indelible.canonical_value(written, depth);
  END IF;
  RETURN '{"' || replace(array_to_string(tsvector_to_array(array_to_tsvector(members)), ',"'), E'\x01', '":') || '}';
END
$$;
`;
