/**
 * Triggers that refuse to change or remove what was recorded, for everyone, superusers and replication among them.
 * Whoever owns the tables can drop the triggers: the chain shows what was done, and `verify` that they are gone.
 */
export const GUARDS = String.raw`
CREATE FUNCTION indelible.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
  RAISE EXCEPTION 'indelible: % is append-only, % is refused', TG_TABLE_NAME, TG_OP USING ERRCODE = 'ND004';
END
$$;

CREATE TRIGGER records_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON indelible.records
FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change();

ALTER TABLE indelible.records ENABLE ALWAYS TRIGGER records_refuse_change;

CREATE TRIGGER idempotency_keys_refuse_change BEFORE UPDATE OR DELETE OR TRUNCATE ON indelible.idempotency_keys
FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change();

ALTER TABLE indelible.idempotency_keys ENABLE ALWAYS TRIGGER idempotency_keys_refuse_change;

CREATE TRIGGER ledgers_refuse_removal BEFORE DELETE OR TRUNCATE ON indelible.ledgers
FOR EACH STATEMENT EXECUTE FUNCTION indelible.refuse_change();

ALTER TABLE indelible.ledgers ENABLE ALWAYS TRIGGER ledgers_refuse_removal;

-- What a ledger is called and how it is hashed never changes; that is settled by its first record.
CREATE TRIGGER ledgers_refuse_change BEFORE UPDATE ON indelible.ledgers FOR EACH ROW
WHEN (OLD.keyed IS NOT NULL OR NEW.id <> OLD.id OR NEW.name <> OLD.name)
EXECUTE FUNCTION indelible.refuse_change();

ALTER TABLE indelible.ledgers ENABLE ALWAYS TRIGGER ledgers_refuse_change;
`;
