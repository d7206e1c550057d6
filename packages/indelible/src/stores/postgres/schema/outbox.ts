/**
 * The outbox: events that are inserted in the business transaction, without the chain's lock, and sealed soon after.
 *
 * Rows with a correlation id get their position anew when their transaction commits, under a lock for that id that is
 * held until the commit is done: so the order of positions is the order of commits within it. All such ids of a
 * transaction are locked at once and in order, so that two transactions never wait for each other there.
 *
 * NOTIFY holds up the commits of the whole database for a moment. It is sent only while a sealer says that it sleeps.
 */
export const OUTBOX = String.raw`
-- Which sealer leads. The epoch grows whenever another one takes over.
CREATE TABLE indelible.sealers (
  ledger_id integer PRIMARY KEY REFERENCES indelible.ledgers,
  epoch bigint NOT NULL DEFAULT 1,
  holder text NOT NULL,
  expires_at timestamptz NOT NULL,
  -- Until then it wants to be woken.
  idle_until timestamptz
);

CREATE TABLE indelible.outbox (
  position bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  -- Null in an insert means the one that the role is bound to.
  ledger text COLLATE "C" NOT NULL,
  action text NOT NULL CHECK (length(action) BETWEEN 1 AND 200 AND action !~ '^(ledger|access)\.'),
  actor json CHECK (json_typeof(actor) = 'object'),
  resource json CHECK (json_typeof(resource) = 'object'),
  related_resources json CHECK (json_typeof(related_resources) = 'array'),
  outcome text CHECK (outcome IN ('ok', 'error', 'denied', 'pending')),
  data json,
  correlation_id text COLLATE "C" CHECK (correlation_id ~ '^(?!0{32}$)[0-9a-f]{32}$'),
  span_id text CHECK (span_id ~ '^(?!0{16}$)[0-9a-f]{16}$'),
  occurred_at timestamptz CHECK (occurred_at BETWEEN '0001-01-01 00:00:00Z' AND '9999-12-31 23:59:59.999999Z'),
  session json CHECK (json_typeof(session) = 'object'),
  source text CHECK (length(source) BETWEEN 1 AND 200),
  event_type text CHECK (length(event_type) BETWEEN 1 AND 200),
  message text CHECK (length(message) <= 8192),
  input_ref text CHECK (length(input_ref) BETWEEN 1 AND 2048),
  output_ref text CHECK (length(output_ref) BETWEEN 1 AND 2048),
  latency_ms numeric CHECK (latency_ms >= 0 AND latency_ms < 'Infinity'),
  cost_usd numeric CHECK (cost_usd >= 0 AND cost_usd < 'Infinity'),
  params_hash text CHECK (params_hash ~ '^[0-9a-f]{64}$'),
  idempotency_key text CHECK (length(idempotency_key) BETWEEN 1 AND 256),
  said_by name NOT NULL DEFAULT current_user,
  inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Its position is final.
  placed boolean NOT NULL DEFAULT true
);

-- To others a row is never visible before it is placed: these are the rows of the own transaction.
CREATE INDEX outbox_to_place ON indelible.outbox (position) WHERE NOT placed;

-- What could not be sealed, and why.
CREATE TABLE indelible.outbox_refused (
  position bigint PRIMARY KEY,
  ledger text COLLATE "C" NOT NULL,
  event text NOT NULL,
  code text NOT NULL,
  message text NOT NULL,
  inserted_at timestamptz NOT NULL,
  refused_at timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE FUNCTION indelible.outbox_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  idle boolean;
BEGIN
  IF NEW.ledger IS NULL THEN
    NEW.ledger := indelible.only_ledger_of(NEW.said_by);
  END IF;
  SELECT s.idle_until > clock_timestamp() INTO idle
  FROM indelible.ledgers AS l LEFT JOIN indelible.sealers AS s ON s.ledger_id = l.id
  WHERE l.name = NEW.ledger AND (
    EXISTS (SELECT FROM indelible.members AS m WHERE m.ledger_id = l.id AND indelible.acts_as(NEW.said_by, m.role))
    OR indelible.acts_as(NEW.said_by, 'indelible_owner'));
  IF NOT FOUND THEN
    PERFORM indelible.ledger_for(NEW.ledger, NEW.said_by);
  END IF;
  NEW.placed := NEW.correlation_id IS NULL;
  IF idle THEN
    PERFORM pg_notify('indelible_outbox', NEW.ledger);
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER outbox_insert BEFORE INSERT ON indelible.outbox
FOR EACH ROW EXECUTE FUNCTION indelible.outbox_insert();

CREATE FUNCTION indelible.outbox_place() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  waiting bigint;
BEGIN
  -- The first of a transaction's rows places them all.
  IF NOT EXISTS (SELECT FROM indelible.outbox AS o WHERE o.position = NEW.position AND NOT o.placed) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(1852074083, lane) FROM (
    SELECT DISTINCT hashtext(o.ledger || ' ' || o.correlation_id) AS lane FROM indelible.outbox AS o
    WHERE NOT o.placed ORDER BY lane
  ) AS lanes;
  FOR waiting IN SELECT o.position FROM indelible.outbox AS o WHERE NOT o.placed ORDER BY o.position LOOP
    UPDATE indelible.outbox AS o SET position = DEFAULT, placed = true WHERE o.position = waiting;
  END LOOP;
  RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER outbox_place AFTER INSERT ON indelible.outbox DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NOT NEW.placed) EXECUTE FUNCTION indelible.outbox_place();

ALTER TABLE indelible.outbox ENABLE ROW LEVEL SECURITY;
ALTER TABLE indelible.outbox_refused ENABLE ROW LEVEL SECURITY;

-- The trigger compares the ledger with the role's bindings.
CREATE POLICY outbox_insert ON indelible.outbox FOR INSERT WITH CHECK (true);

CREATE POLICY outbox_bound ON indelible.outbox FOR SELECT
USING (ledger = ANY (ARRAY(SELECT l.name FROM indelible.ledgers AS l)));

CREATE POLICY outbox_refused_bound ON indelible.outbox_refused FOR SELECT
USING (ledger = ANY (ARRAY(SELECT l.name FROM indelible.ledgers AS l)));

GRANT INSERT (
  ledger, action, actor, resource, related_resources, outcome, data, correlation_id, span_id, occurred_at, session, source,
  event_type, message, input_ref, output_ref, latency_ms, cost_usd, params_hash, idempotency_key
) ON indelible.outbox TO indelible_writer;
GRANT SELECT ON indelible.outbox TO indelible_sealer;
GRANT SELECT ON indelible.outbox_refused TO indelible_sealer, indelible_reader;

CREATE VIEW indelible.outbox_lag WITH (security_barrier) AS
SELECT l.name AS ledger, w.waiting, w.oldest_at,
  coalesce(extract(epoch FROM clock_timestamp() - w.oldest_at), 0)::float8 AS oldest_seconds, f.refused
FROM indelible.ledgers AS l,
LATERAL (SELECT count(*) AS waiting, min(o.inserted_at) AS oldest_at FROM indelible.outbox AS o WHERE o.ledger = l.name) AS w,
LATERAL (SELECT count(*) AS refused FROM indelible.outbox_refused AS r WHERE r.ledger = l.name) AS f
WHERE l.id = ANY ((SELECT indelible.visible_ledger_ids())::integer[]);

GRANT SELECT ON indelible.outbox_lag TO indelible_sealer, indelible_reader, indelible_writer;
`;
