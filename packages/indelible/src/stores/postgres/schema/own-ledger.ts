/**
 * In a trigger function: which ledger the row NEW is for, or ND002. Nearly always the role is bound to it itself.
 *
 * Written into each of them: calling a function for it would cost as much as the query; so would the join that OFFSET 0
 * prevents. Expects the variables chain and ledger_name, and whatever `into` names.
 */
export function ownLedger(columns = '', into = ''): string {
  const wanted = `l.id, l.name${columns} INTO chain, ledger_name${into}`;
  return `
  IF NEW.ledger IS NULL THEN
    SELECT ${wanted} FROM indelible.members AS m JOIN indelible.ledgers AS l ON l.id = m.ledger_id
    WHERE m.role = NEW.said_by
      AND NOT EXISTS (SELECT FROM indelible.members AS o WHERE o.role = NEW.said_by AND o.ledger_id <> m.ledger_id OFFSET 0);
  ELSE
    SELECT ${wanted} FROM indelible.ledgers AS l JOIN indelible.members AS m ON m.ledger_id = l.id
    WHERE l.name = NEW.ledger AND m.role = NEW.said_by;
  END IF;
  IF chain IS NULL THEN
    SELECT ${wanted}
    FROM indelible.ledger_for(coalesce(NEW.ledger, indelible.only_ledger_of(NEW.said_by)), NEW.said_by) AS l;
  END IF;`;
}
