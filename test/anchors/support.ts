/** Places for the tests of anchors. */
import { readdirSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Anchor, CheckpointToAnchor } from '../../packages/indelible/src/anchors/contract.ts';
import { openDatabaseAnchor } from '../../packages/indelible/src/anchors/database/database-anchor.ts';
import { openSqliteTable } from '../../packages/indelible/src/anchors/database/sqlite-table.ts';
import { openFileAnchor } from '../../packages/indelible/src/anchors/file/file-anchor.ts';

export interface Folder {
  readonly path: string;
  /** Names and bytes of all that lies in it. */
  content(): string;
  remove(): Promise<void>;
}

export async function makeFolder(): Promise<Folder> {
  const path = await mkdtemp(join(tmpdir(), 'indelible-anchors-'));
  return {
    path,
    content: () =>
      readdirSync(path)
        .sort()
        .map((name) => `${name} ${readFileSync(join(path, name), 'latin1')}`)
        .join('\n'),
    remove: () => rm(path, { recursive: true, force: true }),
  };
}

export const CLOCK_START = Date.parse('2026-11-21T02:14:00.000Z');

export function fileAnchorIn(folder: Folder, clock = () => CLOCK_START): { anchor: Anchor; path: string } {
  const path = join(folder.path, 'anchors.jsonl');
  return { anchor: openFileAnchor({ path, name: 'file:elsewhere', clock }), path };
}

export function sqliteAnchorIn(
  folder: Folder,
  options: { busy_ms_max?: number } = {},
): { anchor: Anchor; path: string } {
  const path = join(folder.path, 'anchors.db');
  const name = 'database:elsewhere';
  const table = openSqliteTable({ path, name, ...options });
  return { anchor: openDatabaseAnchor({ name, table, clock: () => CLOCK_START }), path };
}

export function publish(anchor: Anchor, checkpoint: CheckpointToAnchor) {
  return anchor.publish(checkpoint, new AbortController().signal);
}

export async function collect<T>(items: AsyncIterable<T>): Promise<T[]> {
  const all: T[] = [];
  for await (const item of items) all.push(item);
  return all;
}
