/**
 * Asking a filled ledger, and how fast its index follows.
 */
import type { Case, Suite, Target } from '../suite.ts';
import { fillBoth } from './ledgers.ts';

const STORES = { file: 'file store', sqlite: 'SQLite store' } as const;
const KINDS = {
  'what-happened': 'what happened in a run of 20 to 100 events',
  actor: 'newest 50 of an actor',
  text: 'newest 50 with two or three words',
  audit: 'audit list, newest 50',
} as const;
const BULK_CALLERS = 2000;
const P99_MS_MAX = 20;
const PROOFS = ['inclusion', 'consistency'] as const;
const PROOF_P99_MS_MAX = 5;

export function querySuite(records: number, quick: boolean): Suite {
  const questions = quick ? 20 : 500;
  const burst = Math.max(200, Math.round(records / 5));
  const stores = Object.entries(STORES);
  const cases = stores.flatMap(([store, name]): Case[] => [
    {
      id: `index/${store}/catch-up`,
      title: `${name}: appending ${burst.toLocaleString('en')} in bulk, until searchable`,
      subject: 'catch-up',
      params: () => ({ store, records: burst, callers: BULK_CALLERS }),
    },
    {
      id: `index/${store}/rebuild`,
      title: `${name}: index built from nothing`,
      subject: 'reindex',
      params: () => ({ store, records }),
      place: 'shared',
    },
    ...Object.entries(KINDS).map(
      ([kind, question]): Case => ({
        id: `${kind}/${store}`,
        title: `${name}: ${question}`,
        subject: 'query',
        params: ({ round }) => ({ store, kind, records, questions, round }),
        place: 'shared',
      }),
    ),
  ]);
  for (const kind of PROOFS) {
    cases.push({
      id: `proof/${kind}`,
      title: `file store: a proof of ${kind}`,
      subject: 'proofs',
      params: ({ round }) => ({ store: 'file', kind, records, questions, round }),
    });
  }
  return {
    what: 'query',
    title: `Asking a ledger of ${records.toLocaleString('en')} records`,
    prepare: fillBoth(records),
    cases,
    columns: [
      { measure: 'p50_ms', heading: 'p50', show: 'ms' },
      { measure: 'p99_ms', heading: 'p99', show: 'ms' },
      { measure: 'first_ms', heading: 'first, cold', show: 'ms' },
      { measure: 'records_per_s', heading: 'indexed/s', show: 'count' },
      { measure: 'lag_records', heading: 'behind at the end', show: 'count' },
      { measure: 'catch_up_ms', heading: 'caught up after', show: 'ms' },
      { measure: 'peak_rss_bytes', heading: 'peak RSS', show: 'megabytes' },
    ],
    targets: [
      ...stores.map(
        ([store, name]): Target => ({
          title: `${name}: what-happened, p99`,
          of: { case: `what-happened/${store}`, measure: 'p99_ms' },
          show: 'ms',
          at_most: P99_MS_MAX,
        }),
      ),
      ...PROOFS.map(
        (kind): Target => ({
          title: `proof of ${kind}, p99`,
          of: { case: `proof/${kind}`, measure: 'p99_ms' },
          show: 'ms',
          at_most: PROOF_P99_MS_MAX,
        }),
      ),
    ],
  };
}
