/**
 * The outbox: events that are inserted in the business transaction, without the chain's lock, and sealed soon after.
 *
 * Within a correlation id, the order of positions is the order of commits: an event whose commit was acknowledged before
 * the other's COMMIT began comes first. Nobody waits for anybody. An event has its position from its insert, which is as
 * good as one of its commit while no other transaction is at the same correlation id; else it gets a new one as the last
 * thing before its commit.
 *
 * Whether one has company is told by advisory locks that are only ever tried: each transaction that inserts shares the
 * lock of the correlation id's lane until it ends. Who commits and cannot have the lock alone has company, takes a
 * new position, and counts that in outbox_company: whoever finds at its commit that this count has moved since its
 * insert may have been overtaken by company that is gone again, and takes a new position, too. Each count is read before
 * the position is drawn, and moved after one was drawn.
 *
 * Who makes constraints immediate, or prepares a transaction in two phases, has the order of that moment.
 *
 * NOTIFY holds up the commits of the whole database for a moment. It is sent only while a sealer says that it sleeps.
 */
import { PLAUSIBLE } from './event-checks.ts';
import { ownLedger } from './own-ledger.ts';

const ROW_BYTES_MAX = 1 << 20;

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

-- Not cached: positions must grow over all sessions.
CREATE SEQUENCE indelible.outbox_positions;
CREATE SEQUENCE indelible.outbox_company;
-- Until when any sealer wants to be woken, in seconds since 1970.
CREATE SEQUENCE indelible.outbox_idle;

-- The trigger checks what is inserted: constraints would be prepared anew for each statement.
CREATE TABLE indelible.outbox (
  position bigint NOT NULL,
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
  -- Whose it is: a sweep over the outbox takes what was committed when it began.
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  -- What outbox_company said at the insert; null when others kept the lane.
  company bigint,
  PRIMARY KEY (ledger, position)
);

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
  chain integer;
  ledger_name text;
  nothing text;
BEGIN
  ${ownLedger()}
  NEW.ledger := ledger_name;
  IF ${PLAUSIBLE} IS NOT TRUE THEN
    nothing := indelible.check_event(ROW(
      NEW.action, NEW.outcome, NEW.correlation_id, NEW.span_id, NEW.occurred_at, NEW.source, NEW.event_type, NEW.message,
      NEW.input_ref, NEW.output_ref, NEW.latency_ms, NEW.cost_usd, NEW.params_hash, NEW.idempotency_key));
  END IF;
  -- Sealers read many rows at a time. What is smaller, and too large for a record, they set aside.
  IF pg_column_size(NEW) > ${ROW_BYTES_MAX} THEN
    nothing := indelible.refuse_event('RECORD_TOO_LARGE', 'event', 'has more than ${ROW_BYTES_MAX} bytes');
  END IF;
  -- 1024 lanes: a transaction can hold the locks of all. Without a correlation id no lock is tried.
  NEW.company := CASE WHEN pg_try_advisory_xact_lock_shared(1852074083, hashtext(NEW.correlation_id) & 1023)
    THEN coalesce(pg_sequence_last_value('indelible.outbox_company'), 0) END;
  NEW.position := nextval('indelible.outbox_positions');
  -- A sequence can be read without a query. Who has notified cannot commit in two phases: where that is possible, sealers
  -- look by themselves.
  IF pg_sequence_last_value('indelible.outbox_idle') > date_part('epoch', clock_timestamp())
    AND current_setting('max_prepared_transactions') = '0'
  THEN
    IF EXISTS (SELECT FROM indelible.sealers AS s WHERE s.ledger_id = chain AND s.idle_until > clock_timestamp()) THEN
      nothing := pg_notify('indelible_outbox', NEW.ledger);
    END IF;
  END IF;
  RETURN NEW;
END
$$;

CREATE TRIGGER outbox_insert BEFORE INSERT ON indelible.outbox
FOR EACH ROW EXECUTE FUNCTION indelible.outbox_insert();

-- Also when the changes of another server are applied.
ALTER TABLE indelible.outbox ENABLE ALWAYS TRIGGER outbox_insert;

CREATE FUNCTION indelible.new_position(place indelible.outbox) RETURNS void
LANGUAGE plpgsql SET enable_seqscan = off
AS $$
BEGIN
  UPDATE indelible.outbox AS o SET position = nextval('indelible.outbox_positions')
  WHERE o.ledger = place.ledger AND o.position = place.position;
  PERFORM nextval('indelible.outbox_company');
END
$$;

CREATE FUNCTION indelible.outbox_place() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp
AS $$
DECLARE
  nothing text;
BEGIN
  IF pg_try_advisory_xact_lock(1852074083, hashtext(NEW.correlation_id) & 1023)
    AND coalesce(pg_sequence_last_value('indelible.outbox_company'), 0) = NEW.company
  THEN
    RETURN NULL;
  END IF;
  nothing := indelible.new_position(NEW);
  RETURN NULL;
END
$$;

CREATE CONSTRAINT TRIGGER outbox_place AFTER INSERT ON indelible.outbox DEFERRABLE INITIALLY DEFERRED
FOR EACH ROW WHEN (NEW.correlation_id IS NOT NULL) EXECUTE FUNCTION indelible.outbox_place();

ALTER TABLE indelible.outbox ENABLE ALWAYS TRIGGER outbox_place;

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
