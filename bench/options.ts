/**
 * The flags of `npm run bench`.
 */
import { tmpdir } from 'node:os';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';

export const SUITES = [
  'append',
  'verify',
  'query',
  'memory',
  'postgres',
  's3',
  'jetstream',
  'operations',
] as const;
export type SuiteName = (typeof SUITES)[number];

export interface BenchOptions {
  readonly suites: readonly SuiteName[];
  /** Null: what the suite thinks enough. */
  readonly records: number | null;
  readonly runs: number | null;
  readonly quick: boolean;
  readonly peers: boolean;
  /** Null: all cases. */
  readonly only: readonly string[] | null;
  /** Where the ledgers lie while they are measured: the disk under it is measured too. */
  readonly folder: string;
  readonly out: string;
}

export const USAGE = `usage: npm run bench -- append|verify|query|memory|postgres|s3|jetstream|operations|all [options]

  --records N   records per run (default: append and jetstream 300,000, postgres and s3 100,000, operations 3,000,
                others 1,000,000)
  --runs N      rounds; every case once in each (default: append 5, others 3)
  --quick       a few seconds, to see that it works; its figures mean nothing
  --only A,B    only the cases whose name contains A or B
  --no-peers    leave out what has to be installed first
  --dir DIR     where to keep ledgers while measuring (default: the system's folder for temporary files)
  --out DIR     where to write the results (default: bench/results)`;

const RESULTS = fileURLToPath(new URL('./results', import.meta.url));

/** Throws with a message for the user when the arguments make no sense. */
export function parseOptions(args: readonly string[]): BenchOptions {
  const { values, positionals } = parseArgs({
    args: [...args],
    allowPositionals: true,
    options: {
      records: { type: 'string' },
      runs: { type: 'string' },
      quick: { type: 'boolean', default: false },
      only: { type: 'string' },
      'no-peers': { type: 'boolean', default: false },
      dir: { type: 'string', default: tmpdir() },
      out: { type: 'string', default: RESULTS },
    },
  });
  const [name, ...rest] = positionals;
  const suites = name === 'all' ? SUITES : SUITES.filter((suite) => suite === name);
  if (suites.length === 0 || rest.length > 0)
    throw new Error(
      'say which one: append, verify, query, memory, postgres, s3, jetstream, operations or all',
    );
  const runs = wholeNumber('runs', values.runs, 1);
  if (runs !== null && runs < 3 && !values.quick)
    throw new Error('--runs must be at least 3, for a median; or use --quick');
  return {
    suites,
    records: wholeNumber('records', values.records, 200),
    runs,
    quick: values.quick,
    peers: !values['no-peers'],
    only: values.only?.split(',') ?? null,
    folder: values.dir,
    out: values.out,
  };
}

function wholeNumber(name: string, text: string | undefined, least: number): number | null {
  if (text === undefined) return null;
  const value = Number(text.replaceAll(/[_,]/g, ''));
  if (!Number.isSafeInteger(value) || value < least)
    throw new Error(`--${name} must be a whole number from ${least}`);
  return value;
}
