/**
 * In a trigger function: which ledger the row NEW is for, or ND002. Nearly always the role is bound to it itself.
 *
 * Written into each of them: calling a function for it would cost as much as the query; so would a join. Expects the
 * variables chain and ledger_name, and whatever `into` names.
 */
export function ownLedger(columns = '', into = ''): string {
  const wanted = `l.id, l.name${columns} INTO chain, ledger_name${into}`;
  return `
  IF NEW.ledger IS NULL THEN
    SELECT ${wanted} FROM indelible.ledgers AS l
    WHERE l.id = (SELECT min(m.ledger_id) FROM indelible.members AS m WHERE m.role = NEW.said_by HAVING count(*) = 1);
  ELSE
    SELECT ${wanted} FROM indelible.ledgers AS l JOIN indelible.members AS m ON m.ledger_id = l.id
    WHERE l.name = NEW.ledger AND m.role = NEW.said_by;
  END IF;
  IF chain IS NULL THEN
    SELECT ${wanted}
    FROM indelible.ledger_for(coalesce(NEW.ledger, indelible.only_ledger_of(NEW.said_by)), NEW.said_by) AS l;
  END IF;`;
}
