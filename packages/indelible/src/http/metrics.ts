/**
 * Metrics for Prometheus, one registry per server.
 */
import { Counter, collectDefaultMetrics, Gauge, Histogram, Registry } from 'prom-client';
import type { Ledger } from '../ledger/ledger.ts';
import type { LedgerStats } from '../ledger/types.ts';
import { type App, routeOf } from './app.ts';
import { addFollowingMetrics } from './following-metrics.ts';
import type { Governed } from './governed.ts';
import { addGovernedMetrics } from './governed-metrics.ts';
import type { AnchorsStatus, ArchiveShown, OutboxShown } from './options.ts';
import { addAnchorMetrics, addCheckpointMetrics } from './proof-metrics.ts';
import { addVerificationMetrics } from './verification-metrics.ts';
import type { Verifications } from './verifications.ts';

export interface ServerMetrics {
  readonly content_type: string;
  /** From a request's events to their durability. */
  readonly append: Histogram;
  /** Counts every answer of the server. */
  install(app: App): void;
  text(): Promise<string>;
}

type Reading = readonly [
  name: string,
  help: string,
  kind: 'counter' | 'gauge',
  of: (stats: LedgerStats) => number,
];

const READINGS: readonly Reading[] = [
  ['indelible_records_total', 'Records made durable by this process', 'counter', ({ recorded }) => recorded],
  [
    'indelible_commits_total',
    'Durable appends by this process; records per commit is the mean batch',
    'counter',
    ({ commits }) => commits,
  ],
  ['indelible_lost_total', 'Best-effort records lost by this process', 'counter', ({ lost }) => lost],
  [
    'indelible_waiting_records',
    'Records that wait to be written',
    'gauge',
    ({ waiting_records }) => waiting_records,
  ],
  [
    'indelible_waiting_bytes',
    'Size of what waits to be written',
    'gauge',
    ({ waiting_bytes }) => waiting_bytes,
  ],
  ['indelible_head_seq', 'Sequence number of the last record', 'gauge', ({ head_seq }) => head_seq],
  ['indelible_store_fault', '1 while appends fail', 'gauge', ({ fault }) => (fault === null ? 0 : 1)],
];

/** What is measured. */
export interface Measured {
  readonly ledgers: ReadonlyMap<string, Ledger>;
  readonly anchors: ReadonlyMap<string, AnchorsStatus>;
  readonly archives: ReadonlyMap<string, ArchiveShown>;
  readonly outboxes: ReadonlyMap<string, OutboxShown>;
  readonly verifications: Verifications;
  readonly governed: Governed;
  readonly clock: () => number;
}

/** Metrics over these ledgers. */
export function createMetrics(measured: Measured): ServerMetrics {
  const { ledgers, anchors, archives, outboxes, verifications, governed, clock } = measured;
  const register = new Registry();
  collectDefaultMetrics({ register });
  for (const [name, help, kind, of] of READINGS) {
    const options = { name, help, labelNames: ['ledger'], registers: [register] };
    if (kind === 'gauge') {
      new Gauge({
        ...options,
        collect() {
          for (const [ledger, { stats }] of ledgers) this.set({ ledger }, of(stats));
        },
      });
    } else {
      new Counter({
        ...options,
        collect() {
          this.reset();
          for (const [ledger, { stats }] of ledgers) this.inc({ ledger }, of(stats));
        },
      });
    }
  }
  addCheckpointMetrics(register, ledgers, clock);
  addAnchorMetrics(register, anchors, clock);
  addFollowingMetrics(register, ledgers, archives, outboxes);
  addVerificationMetrics(register, ledgers, verifications);
  addGovernedMetrics(register, governed);
  const append = new Histogram({
    name: 'indelible_append_seconds',
    help: 'From a request with events to their durability',
    buckets: [0.0005, 0.001, 0.002, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5],
    registers: [register],
  });
  const requests = new Counter({
    name: 'indelible_http_requests_total',
    help: 'Answers by route and status',
    labelNames: ['route', 'status'],
    registers: [register],
  });
  return {
    content_type: register.contentType,
    append,
    install(app) {
      app.addHook('onResponse', (request, reply, done) => {
        requests.inc({ route: request.is404 ? '(unknown)' : routeOf(request), status: reply.statusCode });
        done();
      });
    },
    text: () => register.metrics(),
  };
}
