/** Monitors for tests: of a served log, with a state file of their own, and a clock that the test holds. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach } from 'node:test';
import type { MonitorReport } from '../../../packages/indelible/src/monitor/findings.ts';
import { Monitor, type MonitorOptions } from '../../../packages/indelible/src/monitor/monitor.ts';
import { LOG_VKEY, LogServer } from './served-log.ts';

const START = Date.parse('2026-11-21T09:00:00.000Z');

/** What a test file works with; `folder` and `now` are new for each test. */
export interface Watching {
  server: LogServer;
  folder: string;
  now: number;
  monitorOf(options?: Partial<MonitorOptions>): Monitor;
}

/** Sets everything up for the tests of the file that calls it. */
export function watching(): Watching {
  const watch = {
    now: START,
    folder: '',
    monitorOf: (options: Partial<MonitorOptions> = {}): Monitor =>
      new Monitor({
        prefix: watch.server.prefix,
        keys: [LOG_VKEY],
        state_file: join(watch.folder, 'state.json'),
        clock: () => watch.now,
        wait: async () => {},
        random: () => 0.5,
        timeout_ms: 5000,
        ...options,
      }),
  } as Watching;
  before(async () => {
    watch.server = await LogServer.start();
  });
  after(() => watch.server.close());
  beforeEach(() => {
    watch.now = START;
    watch.folder = mkdtempSync(join(tmpdir(), 'indelible-monitor-'));
    watch.server.asked.length = 0;
  });
  afterEach(() => rmSync(watch.folder, { recursive: true }));
  return watch;
}

export const kinds = (report: MonitorReport): string[] => report.findings.map(({ kind }) => kind);
