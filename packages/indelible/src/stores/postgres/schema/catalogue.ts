/**
 * What a database says of our schema: every object in it, whatever belongs to one, and the roles, a line each.
 *
 * Lines are the same in every version of PostgreSQL. What may differ between sound installations is left out: numbers of
 * objects, who granted, who is a member of our roles, settings of storage, and the owner's own rights as far as it has
 * those that owners have by themselves.
 *
 * The session's search_path must be `pg_catalog, pg_temp`: names are shown as it sees them.
 */
import type { Queryable } from './install.ts';

/** From an object, as `table records`, to what it is: parts, separated by ` | `. */
export type Catalogue = ReadonlyMap<string, string>;

export async function readCatalogue(client: Queryable): Promise<Catalogue> {
  const { rows } = await client.query(CATALOGUE);
  return new Map(rows.map(({ subject, state }) => [String(subject), String(state)]));
}

/** A digest is enough to tell that a text is another. */
const digest = (text: string): string => `encode(sha256(convert_to(${text}, 'UTF8')), 'hex')`;

/** An array with a text for each who has rights by this list. */
const granted = (acl: string, owner = 'NULL'): string => `ARRAY(
    SELECT who || ': ' || string_agg(what, ', ' ORDER BY what) FROM (
      SELECT DISTINCT CASE grantee WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(grantee)::text END COLLATE "C" AS who,
        privilege_type || CASE WHEN is_grantable THEN ' (may grant it)' ELSE '' END COLLATE "C" AS what
      FROM aclexplode(${acl}) WHERE grantee IS DISTINCT FROM ${owner}
    ) AS rights GROUP BY who ORDER BY who)`;

/** The same for an object of which the list may be missing, with what its owner lacks. */
const grants = (acl: string, kind: string, owner: string): string => {
  const own = (list: string) => `SELECT privilege_type FROM aclexplode(${list}) WHERE grantee = ${owner}`;
  return `${granted(`coalesce(${acl}, acldefault(${kind}, ${owner}))`, owner)} || ARRAY(
    SELECT 'owner without ' || privilege_type
    FROM (${own(`acldefault(${kind}, ${owner})`)} EXCEPT ${own(acl)}) AS missing
    WHERE ${acl} IS NOT NULL ORDER BY privilege_type COLLATE "C")`;
};

const when = (condition: string, text: string): string => `CASE WHEN ${condition} THEN ${text} END`;

const ENABLED = `WHEN 'O' THEN 'enabled' WHEN 'A' THEN 'always' WHEN 'R' THEN 'for replication alone' ELSE 'disabled'`;

const SCHEMA = `
SELECT 'schema indelible', ARRAY['owner ' || pg_get_userbyid(nspowner)] || ${grants('nspacl', `'n'`, 'nspowner')} FROM ours`;

const ROLES = `
SELECT 'role ' || rolname, array_remove(ARRAY[
    ${when('rolsuper', `'superuser'`)}, ${when('rolcanlogin', `'may sign in'`)}, ${when('rolbypassrls', `'bypasses row security'`)},
    ${when('rolcreaterole', `'makes roles'`)}, ${when('rolcreatedb', `'makes databases'`)}, ${when('rolreplication', `'replicates'`)}
  ], NULL) || ARRAY(
    SELECT 'member of ' || pg_get_userbyid(m.roleid) FROM pg_auth_members AS m WHERE m.member = r.oid
    ORDER BY pg_get_userbyid(m.roleid))
FROM pg_roles AS r WHERE rolname IN ('indelible_owner', 'indelible_writer', 'indelible_reader', 'indelible_sealer')`;

/** What is done to a parent is done to its children, past their own triggers and grants. */
const RELATIONS = `
SELECT kind || ' ' || relname, array_remove(ARRAY[
    'owner ' || pg_get_userbyid(relowner), ${when(`relpersistence <> 'p'`, `'unlogged'`)},
    ${when('relrowsecurity', `'row security'`)}, ${when('relforcerowsecurity', `'row security for its owner'`)},
    ${when(`relkind = 'v'`, `array_to_string(reloptions, ', ')`)},
    ${when(`relkind IN ('v', 'm')`, `'definition ' || ${digest(`regexp_replace(pg_get_viewdef(oid), '\\s+', ' ', 'g')`)}`)}
  ], NULL) || ${grants('relacl', `CASE relkind WHEN 'S' THEN 's'::"char" ELSE 'r'::"char" END`, 'relowner')}
FROM relations
UNION ALL
SELECT 'child ' || inhrelid::regclass || ' of ' || inhparent::regclass, '{}'
FROM pg_inherits WHERE EXISTS (SELECT FROM relations WHERE oid IN (inhrelid, inhparent))`;

const COLUMNS = `
SELECT 'column ' || relname || '.' || attname, array_remove(ARRAY[
    format_type(atttypid, atttypmod), ${when('attcollation <> typcollation', `'collation ' || collname`)}, ${when('attnotnull', `'not null'`)},
    CASE attidentity WHEN 'a' THEN 'identity always' WHEN 'd' THEN 'identity by default' END,
    ${when(`attgenerated <> ''`, `'generated'`)}, 'default ' || pg_get_expr(adbin, adrelid)
  ], NULL) || ${granted('attacl')}
FROM relations
JOIN pg_attribute ON attrelid = relations.oid AND attnum > 0 AND NOT attisdropped AND relkind <> 'S'
JOIN pg_type ON pg_type.oid = atttypid
LEFT JOIN pg_collation ON pg_collation.oid = attcollation
LEFT JOIN pg_attrdef ON adrelid = attrelid AND adnum = attnum`;

/** From version 18 on, "not null" is a constraint, too: one that is not validated is told. */
const CONSTRAINTS = `
SELECT 'constraint ' || conname || ' on ' || relname, ARRAY[pg_get_constraintdef(pg_constraint.oid)]
FROM pg_constraint JOIN relations ON relations.oid = conrelid WHERE contype <> 'n' OR NOT convalidated
UNION ALL
SELECT 'index ' || indexrelid::regclass::text, array_remove(ARRAY[
    regexp_replace(pg_get_indexdef(indexrelid), ' WITH \\([^()]*\\)', ''), ${when('NOT (indisvalid AND indisready AND indislive)', `'invalid'`)},
    ${when('indexprs IS NOT NULL OR indpred IS NOT NULL', `'computed'`)}
  ], NULL)
FROM pg_index JOIN relations ON relations.oid = indrelid`;

/** Those that the database itself makes are told only when they are off: their names are numbers. */
const TRIGGERS = `
SELECT 'trigger ' || tgname || ' on ' || relname, ARRAY[pg_get_triggerdef(pg_trigger.oid), CASE tgenabled ${ENABLED} END]
FROM pg_trigger JOIN relations ON relations.oid = tgrelid WHERE NOT tgisinternal
UNION
SELECT 'checks of ' || conname || ' on ' || relname, ARRAY[CASE tgenabled ${ENABLED} END]
FROM pg_trigger JOIN relations ON relations.oid = tgrelid JOIN pg_constraint ON pg_constraint.oid = tgconstraint
WHERE tgisinternal AND tgenabled <> 'O'
UNION ALL
SELECT 'rule ' || rulename || ' on ' || relname, ARRAY[pg_get_ruledef(pg_rewrite.oid), CASE ev_enabled ${ENABLED} END]
FROM pg_rewrite JOIN relations ON relations.oid = ev_class WHERE rulename <> '_RETURN' OR ev_enabled <> 'O'`;

const POLICIES = `
SELECT 'policy ' || polname || ' on ' || relname, array_remove(ARRAY[
    CASE WHEN polpermissive THEN 'permissive' ELSE 'restrictive' END,
    CASE polcmd WHEN 'r' THEN 'SELECT' WHEN 'a' THEN 'INSERT' WHEN 'w' THEN 'UPDATE' WHEN 'd' THEN 'DELETE' ELSE 'ALL' END,
    'for ' || (SELECT string_agg(who, ', ' ORDER BY who) FROM (
      SELECT CASE role WHEN 0 THEN 'PUBLIC' ELSE pg_get_userbyid(role)::text END COLLATE "C" AS who FROM unnest(polroles) AS role
    ) AS roles),
    'using ' || pg_get_expr(polqual, polrelid), 'check ' || pg_get_expr(polwithcheck, polrelid)
  ], NULL)
FROM pg_policy JOIN relations ON relations.oid = polrelid`;

const FUNCTIONS = `
SELECT 'function ' || proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', array_remove(ARRAY[
    'owner ' || pg_get_userbyid(proowner), CASE prokind WHEN 'f' THEN 'returns ' || pg_get_function_result(p.oid) ELSE 'no function' END,
    ${when('pronargdefaults > 0', `'arguments ' || pg_get_function_arguments(p.oid)`)},
    lanname::text, CASE provolatile WHEN 'i' THEN 'immutable' WHEN 's' THEN 'stable' END, ${when('proisstrict', `'strict'`)},
    ${when('prosecdef', `'security definer'`)}, ${when('proleakproof', `'leakproof'`)}, ${when(`proparallel <> 'u'`, `'parallel'`)},
    ${when('prosupport::oid <> 0::oid', `'support ' || prosupport::text`)}, ${when('prosqlbody IS NOT NULL OR probin IS NOT NULL', `'another body'`)}
  ], NULL) || ARRAY(SELECT 'set ' || config FROM unnest(proconfig) AS config ORDER BY config COLLATE "C")
  || ARRAY['source ' || ${digest('prosrc')}] || ${grants('proacl', `'f'`, 'proowner')}
FROM pg_proc AS p JOIN ours ON pronamespace = ours.oid JOIN pg_language AS l ON l.oid = prolang
UNION ALL
SELECT 'type ' || typname, ARRAY['owner ' || pg_get_userbyid(typowner)]
FROM pg_type JOIN ours ON typnamespace = ours.oid WHERE typtype IN ('b', 'd', 'e', 'r') AND typcategory <> 'A'`;

const CATALOGUE = `
WITH ours AS (SELECT oid, nspowner, nspacl FROM pg_namespace WHERE nspname = 'indelible'),
relations AS (
  SELECT c.oid, relname, relkind, relowner, relacl, relpersistence, relrowsecurity, relforcerowsecurity, reloptions,
    CASE relkind WHEN 'r' THEN 'table' WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' WHEN 'c' THEN 'type'
      WHEN 'm' THEN 'materialized view' WHEN 'p' THEN 'partitioned table' ELSE 'relation' END AS kind
  FROM pg_class AS c JOIN ours ON c.relnamespace = ours.oid WHERE relkind NOT IN ('i', 'I')
)
SELECT subject, regexp_replace(array_to_string(parts, ' | '), '\\s*\\n\\s*', ' ', 'g') AS state FROM (
  ${[SCHEMA, ROLES, RELATIONS, COLUMNS, CONSTRAINTS, TRIGGERS, POLICIES, FUNCTIONS].join('\nUNION ALL')}
) AS lines(subject, parts) ORDER BY subject COLLATE "C"`;
