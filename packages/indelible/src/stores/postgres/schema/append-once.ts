/**
 * In a trigger function: a statement that appends. `seesOthers` is SQL that is true when it sees what was committed
 * before it had the lock; a transaction that does not is asked to be tried again (40001) when another one came first.
 */
export function appendOnce(seesOthers: string, statement: string): string {
  return `IF ${seesOthers} THEN
    ${statement}
  ELSE
    -- It sees the log as it was when it began: whoever came later has to try again.
    BEGIN
      ${statement}
    EXCEPTION WHEN unique_violation THEN
      RAISE EXCEPTION 'another transaction appended first' USING ERRCODE = 'serialization_failure';
    END;
  END IF;`;
}
