/**
 * The rules of an event's members, as core's record/checks.ts has them. Each raises ND007 and names the member.
 *
 * Lengths count UTF-16 code units. The cheap tests stand where they are called: a function for each member of each
 * event would cost more than all the rest.
 */

/**
 * True of the row NEW if it has the usual members alone, and these need no closer look. No regular expressions: theirs are
 * automata that are built anew for each text.
 */
export const PLAUSIBLE = String.raw`(
    octet_length(NEW.action) BETWEEN 1 AND 200 AND NEW.action NOT LIKE 'ledger.%' AND NEW.action NOT LIKE 'access.%'
    AND ltrim(NEW.action, 'etaoinsrldcumpgbfyvwhkxqjz._-ETAOINSRLDCUMPGBFYVWHKXQJZ0123456789:/') = ''
    AND (NEW.outcome IS NULL OR NEW.outcome IN ('ok', 'error', 'denied', 'pending'))
    AND (NEW.correlation_id IS NULL
      OR octet_length(NEW.correlation_id) = 32 AND ltrim(NEW.correlation_id, '0123456789abcdef') = ''
      AND NEW.correlation_id <> '00000000000000000000000000000000')
    AND num_nonnulls(
      NEW.span_id, NEW.occurred_at, NEW.source, NEW.event_type, NEW.message, NEW.input_ref, NEW.output_ref, NEW.latency_ms,
      NEW.cost_usd, NEW.params_hash, NEW.idempotency_key) = 0)`;

export const EVENT_CHECKS = String.raw`
CREATE FUNCTION indelible.utf16_length(value text) RETURNS integer
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE
AS $$
  SELECT length(value) + CASE
    WHEN octet_length(value) = length(value) THEN 0
    ELSE length(regexp_replace(value COLLATE "C", '[^\U00010000-\U0010FFFF]', '', 'g'))
  END
$$;

-- One line of text, 1 to most UTF-16 code units. Null is an absent member.
CREATE FUNCTION indelible.check_line(member text, value text, most integer) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF value IS NULL THEN
    RETURN;
  ELSIF value = '' OR (octet_length(value) > most AND indelible.utf16_length(value) > most) THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, format('must have 1 to %s characters', most));
  ELSIF value ~ '[\x01-\x1f\x7f]' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must not have control characters');
  END IF;
END
$$;

CREATE FUNCTION indelible.check_form(member text, value text, pattern text, words text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF value !~ pattern THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must be ' || words);
  END IF;
END
$$;

CREATE FUNCTION indelible.check_amount(member text, value numeric) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF value < 0 OR value IN ('NaN', 'Infinity') THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must be a number, zero or more');
  END IF;
END
$$;

-- An object with none but these members, each a line of text of at most so many characters; required ones present.
CREATE FUNCTION indelible.check_lines_of(member text, value jsonb, limits jsonb, required text[]) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  name text;
  one jsonb;
BEGIN
  IF jsonb_typeof(value) <> 'object' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must be an object');
  END IF;
  FOR name, one IN SELECT * FROM jsonb_each(value) LOOP
    IF NOT limits ? name THEN
      PERFORM indelible.refuse_event('EVENT_INVALID', member || '.' || left(name, 64), 'is not a member this format knows');
    ELSIF jsonb_typeof(one) <> 'string' THEN
      PERFORM indelible.refuse_event('EVENT_INVALID', member || '.' || name, 'must be a string');
    END IF;
    PERFORM indelible.check_line(member || '.' || name, one #>> '{}', (limits ->> name)::integer);
  END LOOP;
  IF NOT value ?& required THEN
    SELECT missing INTO name FROM unnest(required) AS missing WHERE NOT value ? missing LIMIT 1;
    PERFORM indelible.refuse_event('EVENT_INVALID', member || '.' || name, 'is required');
  END IF;
END
$$;

-- The canonical text of any actor or resource; an actor may stand for another, and that one for another.
CREATE FUNCTION indelible.any_party_text(member text, written text, delegations integer) RETURNS text
LANGUAGE plpgsql
AS $$
DECLARE
  at text := member;
  parsed jsonb;
  party jsonb;
  opening text := '';
  closing text := '';
  depth integer := 0;
BEGIN
  -- PostgreSQL could not say what the member is.
  IF strpos(written, '\u0000') > 0 AND written ~ '(?<!\\)(?:\\\\)*\\u0000' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must not have control characters');
  END IF;
  parsed := indelible.parsed(written);
  party := parsed;
  LOOP
    IF jsonb_typeof(party) = 'object' AND jsonb_typeof(party -> 'id') = 'string' AND jsonb_typeof(party -> 'type') = 'string'
      AND party - '{id,name,type,on_behalf_of}'::text[] = '{}' AND (delegations > 0 OR NOT party ? 'on_behalf_of')
      AND (NOT party ? 'name' OR jsonb_typeof(party -> 'name') = 'string')
      AND octet_length(party ->> 'id') BETWEEN 1 AND 1024 AND octet_length(party ->> 'type') BETWEEN 1 AND 64
      AND octet_length(coalesce(party ->> 'name', ' ')) BETWEEN 1 AND 512
      AND strpos(party::text, '\') = 0 AND strpos(party::text, chr(127)) = 0
    THEN
      -- The usual one.
    ELSE
      PERFORM indelible.check_lines_of(
        at, CASE WHEN delegations > 0 AND jsonb_typeof(party) = 'object' THEN party - 'on_behalf_of' ELSE party END,
        '{"id":1024,"name":512,"type":64}', '{type,id}');
    END IF;
    opening := opening || '{"id":' || (party -> 'id')::text || coalesce(',"name":' || (party -> 'name')::text, '');
    closing := ',"type":' || (party -> 'type')::text || '}' || closing;
    EXIT WHEN NOT party ? 'on_behalf_of';
    at := at || '.on_behalf_of';
    depth := depth + 1;
    IF depth > delegations THEN
      PERFORM indelible.refuse_event('EVENT_INVALID', at, 'delegates more than ' || delegations || ' deep');
    END IF;
    opening := opening || ',"on_behalf_of":';
    party := party -> 'on_behalf_of';
  END LOOP;
  opening := opening || closing;
  PERFORM indelible.refuse_doubled(written, parsed, opening);
  RETURN opening;
END
$$;

-- The canonical text of an actor or a resource. The usual one has type and id alone, without escapes, and stands for one
-- like it at most: its names and values are every other piece between quotes, and the rest is what JSON needs.
CREATE FUNCTION indelible.party_text(member text, value json, delegations integer) RETURNS text
LANGUAGE plpgsql STRICT
AS $$
DECLARE
  written text := value::text;
  p text[] := string_to_array(written, '"');
  size integer := cardinality(p);
  other text;
BEGIN
  IF (size = 9 OR size = 19 AND delegations > 0) AND strpos(written, '\') = 0 AND strpos(written, chr(127)) = 0 THEN
    IF size = 19 AND p[10] = 'on_behalf_of' AND translate(format('%s%s%s%s%s%s', p[9], p[11], p[13], p[15], p[17], p[19]), E' \n', '') = ',:{:,:}}' THEN
      other := CASE
        WHEN octet_length(p[14]) NOT BETWEEN 1 AND 64 OR octet_length(p[18]) NOT BETWEEN 1 AND 64 THEN NULL
        WHEN p[12] = 'type' AND p[16] = 'id' THEN format('","on_behalf_of":{"id":"%s","type":"%s"}', p[18], p[14])
        WHEN p[12] = 'id' AND p[16] = 'type' THEN format('","on_behalf_of":{"id":"%s","type":"%s"}', p[14], p[18])
      END;
    ELSIF size = 9 AND translate(p[9], E' \n', '') = '}' THEN
      other := '"';
    END IF;
    IF other IS NOT NULL AND translate(format('%s%s%s%s', p[1], p[3], p[5], p[7]), E' \n', '') = '{:,:' THEN
      IF p[2] = 'type' AND p[6] = 'id' AND octet_length(p[4]) BETWEEN 1 AND 64 AND octet_length(p[8]) BETWEEN 1 AND 1024 THEN
        RETURN format('{"id":"%s%s,"type":"%s"}', p[8], other, p[4]);
      ELSIF p[2] = 'id' AND p[6] = 'type' AND octet_length(p[4]) BETWEEN 1 AND 1024 AND octet_length(p[8]) BETWEEN 1 AND 64 THEN
        RETURN format('{"id":"%s%s,"type":"%s"}', p[4], other, p[8]);
      END IF;
    END IF;
  END IF;
  RETURN indelible.any_party_text(member, written, delegations);
END
$$;

CREATE FUNCTION indelible.check_list(member text, value jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  IF jsonb_typeof(value) <> 'array' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must be a list');
  ELSIF jsonb_array_length(value) > 32 THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must have at most 32 items');
  END IF;
END
$$;

CREATE FUNCTION indelible.check_session(value jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  parent jsonb;
  place integer;
BEGIN
  PERFORM indelible.check_lines_of(
    'event.session', CASE jsonb_typeof(value) WHEN 'object' THEN value - 'lineage' ELSE value END,
    '{"agent_id":1024,"agent_type":64,"id":1024}', '{}');
  IF value ? 'lineage' THEN
    PERFORM indelible.check_list('event.session.lineage', value -> 'lineage');
    FOR parent, place IN SELECT i.value, i.n - 1 FROM jsonb_array_elements(value -> 'lineage') WITH ORDINALITY AS i(value, n) LOOP
      IF jsonb_typeof(parent) <> 'string' THEN
        PERFORM indelible.refuse_event('EVENT_INVALID', format('event.session.lineage[%s]', place), 'must be a string');
      END IF;
      PERFORM indelible.check_line(format('event.session.lineage[%s]', place), parent #>> '{}', 1024);
    END LOOP;
  END IF;
END
$$;

CREATE FUNCTION indelible.check_resources(value jsonb) RETURNS void
LANGUAGE plpgsql
AS $$
DECLARE
  one jsonb;
  place integer;
BEGIN
  PERFORM indelible.check_list('event.related_resources', value);
  FOR one, place IN SELECT i.value, i.n - 1 FROM jsonb_array_elements(value) WITH ORDINALITY AS i(value, n) LOOP
    PERFORM indelible.check_lines_of(
      format('event.related_resources[%s]', place), one, '{"id":1024,"name":512,"type":64}', '{type,id}');
  END LOOP;
END
$$;

-- The canonical text of a member that is an object or a list. It cannot hold U+0000: PostgreSQL could not say what the
-- member is.
CREATE FUNCTION indelible.structure_text(member text, value json) RETURNS text
LANGUAGE plpgsql
AS $$
BEGIN
  IF strpos(value::text, '\u0000') > 0 AND value::text ~ '(?<!\\)(?:\\\\)*\\u0000' THEN
    PERFORM indelible.refuse_event('EVENT_INVALID', member, 'must not have control characters');
  END IF;
  RETURN indelible.canonical_json(value, 1);
END
$$;
`;
