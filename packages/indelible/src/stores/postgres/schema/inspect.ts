/**
 * Looks at the schema and at what is stored beside the records: is everything there, and as it was made?
 *
 * Whoever may alter the schema may also alter what answers here. What was done to the records shows in their chain; this
 * tells of those who did not go that far.
 */
import { isIndelibleError } from '@indelible/core';
import type { StoreFinding } from '../../contract.ts';
import { type Catalogue, readCatalogue } from './catalogue.ts';
import type { Queryable } from './install.ts';
import { SNAPSHOT } from './snapshot.ts';

/** How many rows a statement compares: each must end well before the time that it is given. */
const PAGE_ROWS = 50_000;
const SEQ_MIN = -(2n ** 63n);
const SEQ_MAX = 2n ** 63n - 1n;
const SHOWN_MAX = 300;

/** Without what the comparison asks for. */
const NOT_AS_EXPECTED = ['SCHEMA_MISSING', 'STORE_READ_ONLY', 'INTERNAL'];

/** Compares the schema, and what is stored beside the records of this ledger; null: there is none yet. */
export async function inspectLedger(client: Queryable, ledger_id: string | null): Promise<StoreFinding[]> {
  const findings = await inspectSchema(client);
  if (ledger_id === null) return findings;
  try {
    return [...findings, ...(await inspectColumns(client, ledger_id))];
  } catch (error) {
    // A table or grant that is gone was found already: that must be said.
    if (findings.length > 0 && isIndelibleError(error) && NOT_AS_EXPECTED.includes(error.code))
      return findings;
    throw error;
  }
}

/** Compares the schema with what installing it makes. */
export async function inspectSchema(client: Queryable): Promise<StoreFinding[]> {
  return differences(parseCatalogue(SNAPSHOT), await readCatalogue(client));
}

/** What is stored beside the records, from their text, and what is wrong with it. */
const DERIVED = {
  prev_hash: 'the column prev_hash is not what the text says',
  key: 'its idempotency key is not in the table of keys',
  keyed: 'the column keyed of the ledger is not what the text of its last record says',
} as const;

/** Compares what is stored beside the records of a ledger with their text. */
async function inspectColumns(client: Queryable, ledger_id: string): Promise<StoreFinding[]> {
  const id = BigInt(ledger_id);
  const bad = new Map<keyof typeof DERIVED, { count: number; first: string }>();
  const note = (kind: keyof typeof DERIVED, count: unknown, first: unknown): void => {
    const before = bad.get(kind) ?? { count: 0, first: String(first) };
    if (Number(count) > 0) bad.set(kind, { ...before, count: before.count + Number(count) });
  };
  for (let from = SEQ_MIN, rows = PAGE_ROWS; rows === PAGE_ROWS && from <= SEQ_MAX; ) {
    const page = (await client.query(pageSql(id, from))).rows[0];
    note('prev_hash', page?.unlinked, page?.first_unlinked);
    note('key', page?.lost, page?.first_lost);
    rows = Number(page?.rows);
    from = BigInt(String(page?.last ?? SEQ_MAX)) + 1n;
  }
  for (const { seq } of (await client.query(keyedSql(id))).rows) note('keyed', 1, seq);
  return Array.from(bad, ([kind, { count, first }]) => {
    const detail = `${DERIVED[kind]}${count === 1 ? '' : `, for ${count} records`}`;
    return { code: 'column_altered', detail, damage: true, seq: Number(first) };
  });
}

/** Of a row that is filed behind the one it names, the text need not be read for that. */
const pageSql = (ledger_id: bigint, from: bigint): string => `
SELECT count(*)::text AS rows, max(seq)::text AS last,
  count(*) FILTER (WHERE unlinked)::text AS unlinked, (min(seq) FILTER (WHERE unlinked))::text AS first_unlinked,
  count(*) FILTER (WHERE lost)::text AS lost, (min(seq) FILTER (WHERE lost))::text AS first_lost
FROM (
  SELECT seq,
    prev_hash IS DISTINCT FROM lag(hash) OVER (ORDER BY seq)
      AND coalesce(strpos(body, '"prev_hash":"' || encode(prev_hash, 'hex') || '","recorded_at":"'), 0) = 0 AS unlinked,
    strpos(body, '"idempotency":{"digest":"') > 0 AND indelible.idempotency_key(body) IS NOT NULL AND NOT EXISTS (
      SELECT FROM indelible.idempotency_keys AS k
      WHERE k.ledger_id = ${ledger_id} AND k.key = indelible.idempotency_key(body) AND k.seq = page.seq
    ) AS lost
  FROM (
    SELECT seq, prev_hash, hash, body FROM indelible.records
    WHERE ledger_id = ${ledger_id} AND seq >= ${from} ORDER BY seq LIMIT ${PAGE_ROWS}
  ) AS page
) AS compared`;

/** By `keyed` the database knows whether it can compute the hashes of what is appended. */
const keyedSql = (ledger_id: bigint): string => `
SELECT r.seq::text AS seq FROM indelible.ledgers AS l, LATERAL (
  SELECT seq, body FROM indelible.records WHERE ledger_id = l.id ORDER BY seq DESC LIMIT 1
) AS r
WHERE l.id = ${ledger_id} AND l.keyed IS DISTINCT FROM (indelible.readable(r.body) ->> 'key_id' IS NOT NULL)`;

/** One line each, as `table records: owner indelible_owner | …`. */
export function formatCatalogue(catalogue: Catalogue): string {
  return Array.from(catalogue, ([subject, state]) => `${subject}: ${state}`.trimEnd()).join('\n');
}

function parseCatalogue(text: string): Catalogue {
  return new Map(
    text.split('\n').map((line) => {
      const at = line.indexOf(':');
      return [line.slice(0, at), line.slice(at + 2)];
    }),
  );
}

function differences(expected: Catalogue, live: Catalogue): StoreFinding[] {
  const findings: StoreFinding[] = [];
  const tell = (detail: string, damage = true): void => {
    findings.push({ code: 'schema_altered', detail: shown(detail), damage });
  };
  for (const [subject, state] of expected) {
    const found = live.get(subject);
    if (found === undefined) tell(`${subject} is missing`);
    else if (found !== state) tell(`${subject} is not as it was made: ${difference(state, found)}`);
  }
  for (const [subject, state] of live) {
    if (!expected.has(subject)) tell(`${subject} was added: ${state}`, !isHarmless(state));
  }
  return findings;
}

/** An index of one's own, for one's own queries: it neither refuses a row nor calls anything. */
function isHarmless(state: string): boolean {
  return state.startsWith('CREATE INDEX ') && !state.includes(' | ');
}

function difference(expected: string, found: string): string {
  const [before, now] = [expected, found].map((state) => state.split(' | ').filter((part) => part !== ''));
  const lost = before!.filter((part) => !now!.includes(part));
  const gained = now!.filter((part) => !before!.includes(part));
  if (lost.length === 0) return `has ${gained.join(', ')}`;
  if (gained.length === 0) return `lacks ${lost.join(', ')}`;
  return `${gained.join(', ')} instead of ${lost.join(', ')}`;
}

/** Names are whatever somebody chose; digests need not be whole. */
function shown(detail: string): string {
  return detail
    .replaceAll(/\b([0-9a-f]{12})[0-9a-f]{52}\b/g, '$1…')
    .replaceAll(/\p{Cc}/gu, ' ')
    .slice(0, SHOWN_MAX);
}
