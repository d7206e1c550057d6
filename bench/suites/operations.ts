/**
 * Governed writes: the whole way of an operation, one after the other, and a decision of policy alone.
 */
import type { Case, Suite } from '../suite.ts';

/** Each operation makes about seven records. */
const RECORDS_PER_OPERATION = 10;
const LIFECYCLE_MS_MAX = 15;
const DECISION_MS_MAX = 1;
const POLICIES = 50;

export function operationsSuite(records: number): Suite {
  const operations = Math.max(20, Math.round(records / RECORDS_PER_OPERATION));
  const lifecycle = (store: string, title: string): Case => ({
    id: `lifecycle/${store}`,
    title,
    subject: 'governed',
    params: () => ({ store, operations }),
  });
  return {
    what: 'operations',
    title: 'Governed writes: plan, dry run, policy, approval, execution, verification, close; one at a time',
    prepare: [],
    cases: [
      lifecycle('sqlite', 'a file is written, SQLite store'),
      lifecycle('file', 'a file is written, file store'),
      lifecycle('memory', 'a file is written, memory store'),
      {
        id: 'policy',
        title: `a decision of policy, ${POLICIES} policies`,
        subject: 'policy',
        params: () => ({ decisions: records, policies: POLICIES }),
      },
    ],
    columns: [
      { measure: 'p50_ms', heading: 'p50', show: 'ms' },
      { measure: 'p99_ms', heading: 'p99', show: 'ms' },
      { measure: 'plan_ms', heading: 'plan', show: 'ms' },
      { measure: 'approve_ms', heading: 'approve', show: 'ms' },
      { measure: 'apply_ms', heading: 'apply', show: 'ms' },
      { measure: 'close_ms', heading: 'close', show: 'ms' },
      { measure: 'sync_ms', heading: 'one fdatasync', show: 'ms' },
      { measure: 'peak_rss_bytes', heading: 'peak RSS', show: 'megabytes' },
    ],
    targets: [
      {
        title: 'SQLite store: the whole way of an operation, p50',
        of: { case: 'lifecycle/sqlite', measure: 'p50_ms' },
        show: 'ms',
        at_most: LIFECYCLE_MS_MAX,
      },
      {
        title: 'a decision of policy, p50',
        of: { case: 'policy', measure: 'p50_ms' },
        show: 'ms',
        at_most: DECISION_MS_MAX,
      },
    ],
  };
}
