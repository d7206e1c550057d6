/**
 * Ledgers and their records. A record's text is stored as it was hashed; what can be computed from it is not stored
 * beside it, but for what the unique keys need.
 */
export const TABLES = String.raw`
CREATE TABLE indelible.ledgers (
  id integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  name text COLLATE "C" NOT NULL UNIQUE CHECK (name ~ '^[A-Za-z0-9][A-Za-z0-9._~:/@-]{0,199}$'),
  -- Null until the first record says so.
  keyed boolean,
  created_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE indelible.records (
  ledger_id integer NOT NULL,
  seq bigint NOT NULL,
  prev_hash bytea NOT NULL,
  hash bytea NOT NULL,
  body text COLLATE "C" NOT NULL,
  -- Not so for those that came in one statement with the record before.
  begins_append boolean NOT NULL DEFAULT true,
  PRIMARY KEY (ledger_id, seq)
);

-- Two appends can never follow the same record, whatever went wrong before. An entry for each record would take a fifth of
-- the time of an append, and more once the index is larger than memory. The hash comes first, so that nobody takes this
-- index for finding the head.
CREATE UNIQUE INDEX records_prev_hash_key ON indelible.records (prev_hash, ledger_id) WHERE begins_append;

-- Where to look for an idempotency key. Derived; a record that is not the key's counts for nothing.
CREATE TABLE indelible.idempotency_keys (
  ledger_id integer NOT NULL,
  key text COLLATE "C" NOT NULL,
  seq bigint NOT NULL,
  PRIMARY KEY (ledger_id, key, seq)
);

-- The chain's lock is taken by ledger; the first number tells these advisory locks from other people's.
CREATE FUNCTION indelible.lock_ledger(ledger_id integer) RETURNS void
LANGUAGE plpgsql
AS $$
BEGIN
  PERFORM pg_catalog.pg_advisory_xact_lock(1852074082, ledger_id);
END
$$;
`;
