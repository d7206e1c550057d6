/**
 * Numbers as ECMAScript prints them, from the exact decimal that a JSON text says. What a double cannot hold as
 * written is refused, as core does.
 *
 * Up to 15 digits always survive a double. PostgreSQL prints the shortest digits that read back as the same double, but
 * never those exactly between two doubles, which ECMAScript takes: fewer digits may do where PostgreSQL prints 16 or 17.
 *
 * Source:  RFC 8785 §3.2.2.3; ECMA-262, Number::toString.
 */
export const CANONICAL_NUMBERS = String.raw`
CREATE FUNCTION indelible.refuse_event(code text, member text, rule text) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  RAISE EXCEPTION '% %', member, rule
  USING ERRCODE = 'ND007', DETAIL = json_build_object('code', code, 'member', member)::text;
END
$$;

-- Whether ECMAScript prints exactly this decimal, of 16 or 17 digits or near the ends of the range, for its double.
CREATE FUNCTION indelible.survives_double(value numeric, point integer) RETURNS boolean
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp SET extra_float_digits = 1
AS $$
DECLARE
  double float8;
  shortest numeric;
  -- One in the 16th digit.
  unit numeric;
  rounded numeric;
BEGIN
  IF abs(value) > 1.7976931348623157e308 OR abs(value) < 4.9e-324 THEN
    RETURN false;
  END IF;
  double := value::float8;
  shortest := double::text::numeric;
  -- A decimal of so few digits lies exactly between two doubles only if a power of five below 2^54 divides it.
  IF point BETWEEN 16 AND 40 THEN
    unit := ('1e' || (point - 16))::numeric;
    -- This cast keeps 15 digits.
    IF double::numeric::float8 = double THEN
      shortest := double::numeric;
    ELSIF mod(shortest, unit) <> 0 THEN
      rounded := shortest - mod(shortest, unit);
      IF rounded::float8 = double THEN
        shortest := rounded;
      ELSIF (rounded + sign(shortest) * unit)::float8 = double THEN
        shortest := rounded + sign(shortest) * unit;
      END IF;
    END IF;
  END IF;
  RETURN value = shortest;
END
$$;

CREATE FUNCTION indelible.canonical_number(value numeric) RETURNS text
LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE
AS $$
DECLARE
  written text := trim_scale(abs(value))::text;
  whole text := split_part(written, '.', 1);
  fraction text := split_part(written, '.', 2);
  minus text := CASE WHEN value < 0 THEN '-' ELSE '' END;
  digits text;
  point integer;
BEGIN
  IF value = 0 THEN
    RETURN '0';
  END IF;
  -- The value is 0.digits times ten to the power of point.
  IF whole = '0' THEN
    digits := ltrim(fraction, '0');
    point := length(digits) - length(fraction);
  ELSE
    digits := rtrim(whole || fraction, '0');
    point := length(whole);
  END IF;
  IF length(digits) > 17
    OR ((length(digits) > 15 OR abs(point) > 300) AND NOT indelible.survives_double(value, point))
  THEN
    PERFORM indelible.refuse_event(
      'JSON_NUMBER', 'event', 'has the number ' || left(written, 40) || ', which does not survive as a double');
  END IF;
  IF point > 21 OR point < -5 THEN
    RETURN minus || left(digits, 1) || CASE WHEN length(digits) > 1 THEN '.' || substr(digits, 2) ELSE '' END
      || CASE WHEN point > 0 THEN 'e+' ELSE 'e-' END || abs(point - 1);
  ELSIF point <= 0 THEN
    RETURN minus || '0.' || repeat('0', -point) || digits;
  ELSIF length(digits) <= point THEN
    RETURN minus || rpad(digits, point, '0');
  END IF;
  RETURN minus || left(digits, point) || '.' || substr(digits, point + 1);
END
$$;
`;
