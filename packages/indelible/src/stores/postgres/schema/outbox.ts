/**
 * The outbox: events that are inserted in the business transaction, without the chain's lock, and sealed soon after.
 *
 * Rows with a correlation id get their position anew when their transaction commits, under a lock for that id that is
 * held until the commit is done: so the order of positions is the order of commits within it. All such ids of a
 * transaction are locked at once and in order, so that two transactions never wait for each other there.
 *
 * NOTIFY holds up the commits of the whole database for a moment. It is sent only while a sealer says that it sleeps.
 */
import { PLAUSIBLE } from './event-checks.ts';

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

-- The trigger checks what is inserted: constraints would be prepared anew for each statement.
CREATE TABLE indelible.outbox (
  position bigint GENERATED ALWAYS AS IDENTITY,
  -- Null in an insert means the one that the role is bound to.
  ledger text COLLATE "C" NOT NULL,
  action text NOT NULL,
  actor json,
  resource json,
  related_resources json,
  outcome text,
  data json,
  correlation_id text COLLATE "C",
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
  said_by name NOT NULL DEFAULT current_user,
  inserted_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  -- Its position is final.
  placed boolean NOT NULL DEFAULT true,
  PRIMARY KEY (ledger, position)
);

-- To others a row is never visible before it is placed: these are the rows of the own transaction.
CREATE INDEX outbox_to_place ON indelible.outbox (position) WHERE NOT placed;

-- What could not be sealed, and why.
CREATE TABLE indelible.outbox_refused (
  position bigint NOT NULL,
  ledger text COLLATE "C" NOT NULL,
  event text NOT NULL,
  code text NOT NULL,
  message text NOT NULL,
  inserted_at timestamptz NOT NULL,
  refused_at timestamptz NOT NULL DEFAULT clock_timestamp(),
  PRIMARY KEY (ledger, position)
);

CREATE FUNCTION indelible.outbox_insert() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  idle boolean;
  nothing text;
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
  IF ${PLAUSIBLE} IS NOT TRUE THEN
    nothing := indelible.check_event(ROW(
      NEW.action, NEW.outcome, NEW.correlation_id, NEW.span_id, NEW.occurred_at, NEW.source, NEW.event_type, NEW.message,
      NEW.input_ref, NEW.output_ref, NEW.latency_ms, NEW.cost_usd, NEW.params_hash, NEW.idempotency_key));
  END IF;
  IF NEW.correlation_id IS NOT NULL THEN
    NEW.placed := false;
  END IF;
  IF idle THEN
    nothing := pg_notify('indelible_outbox', NEW.ledger);
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
  waiting indelible.outbox;
BEGIN
  -- The first of a transaction's rows places them all.
  IF NOT EXISTS (SELECT FROM indelible.outbox AS o WHERE o.ledger = NEW.ledger AND o.position = NEW.position AND NOT o.placed) THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(1852074083, lane) FROM (
    SELECT DISTINCT hashtext(o.ledger || ' ' || o.correlation_id) AS lane FROM indelible.outbox AS o
    WHERE NOT o.placed ORDER BY lane
  ) AS lanes;
  FOR waiting IN SELECT * FROM indelible.outbox AS o WHERE NOT o.placed ORDER BY o.position LOOP
    UPDATE indelible.outbox AS o SET position = DEFAULT, placed = true
    WHERE o.ledger = waiting.ledger AND o.position = waiting.position;
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
