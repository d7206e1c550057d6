/**
 * Attachments: data that is too large for a record, under the SHA-256 of its bytes. Every server of a ledger finds what any
 * of them put there. A name may have two rows: what two put at the same moment, or what somebody damaged and its repair.
 */
export const ATTACHMENTS = `
CREATE TABLE indelible.attachments (
  ledger_id integer NOT NULL REFERENCES indelible.ledgers,
  digest bytea NOT NULL,
  bytes bytea NOT NULL,
  CONSTRAINT attachments_digest_check CHECK (digest = pg_catalog.sha256(bytes)),
  CONSTRAINT attachments_bytes_check CHECK (pg_catalog.octet_length(bytes) <= 67108864)
);

CREATE INDEX attachments_ledger_id_digest ON indelible.attachments (ledger_id, digest);

-- Removing one is up to the owner: verify then misses it.
CREATE TRIGGER attachments_refuse_change BEFORE UPDATE OR TRUNCATE ON indelible.attachments
FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change();

ALTER TABLE indelible.attachments ENABLE ALWAYS TRIGGER attachments_refuse_change;

ALTER TABLE indelible.attachments ENABLE ROW LEVEL SECURITY;

CREATE POLICY attachments_bound ON indelible.attachments FOR SELECT
USING (ledger_id = ANY ((SELECT indelible.my_ledger_ids())::integer[]));

CREATE POLICY attachments_added ON indelible.attachments FOR INSERT
WITH CHECK (ledger_id = ANY ((SELECT indelible.my_ledger_ids())::integer[]));

GRANT SELECT ON indelible.attachments TO indelible_reader;
GRANT INSERT ON indelible.attachments TO indelible_writer;
`;
