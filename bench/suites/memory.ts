/**
 * The memory that the command line needs for large work: import, verify, export.
 */
import { join } from 'node:path';
import { EVENTS_FILE } from '../subjects/command.ts';
import type { Suite } from '../suite.ts';

const PEAK_BYTES_MAX = 300e6;
const COMMANDS = {
  import: 'import jsonl',
  verify: 'verify',
  'export-csv': 'export --format csv',
  'export-jsonl': 'export --format jsonl',
} as const;
const STORES = { file: 'file store', sqlite: 'SQLite store' } as const;

export function memorySuite(records: number): Suite {
  const cases = Object.entries(STORES).flatMap(([store, name]) =>
    Object.entries(COMMANDS).map(([command, shown]) => ({
      id: `${store}/${command}`,
      title: `${name}: ${shown}`,
      subject: 'command' as const,
      params: ({ shared_folder }: { shared_folder: string }) => ({
        store,
        command,
        records,
        events: join(shared_folder, EVENTS_FILE),
      }),
      place: 'round' as const,
    })),
  );
  return {
    what: 'memory',
    title: `Memory: commands on ${records.toLocaleString('en')} records, each in a process of its own`,
    prepare: [{ title: 'writing the file to import', subject: 'write-events', params: { records } }],
    cases,
    columns: [
      { measure: 'peak_rss_bytes', heading: 'peak RSS', show: 'megabytes' },
      { measure: 'records_per_s', heading: 'records/s', show: 'count' },
      { measure: 'total_ms', heading: 'total', show: 'ms' },
    ],
    targets: cases.map(({ id, title }) => ({
      title: `${title}, peak RSS`,
      of: { case: id, measure: 'peak_rss_bytes' },
      show: 'megabytes',
      at_most: PEAK_BYTES_MAX,
    })),
  };
}
