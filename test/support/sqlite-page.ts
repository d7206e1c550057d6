/** Damage below the level of rows: what a failing disk, or somebody with a hex editor, leaves behind. */
import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { DatabaseSync } from 'node:sqlite';

/** Overwrites the SQLite page that holds the end of `text`. */
export async function destroyPage(path: string, text: string): Promise<void> {
  const database = new DatabaseSync(path);
  database.exec('PRAGMA journal_mode = DELETE');
  const { page_size } = database.prepare('PRAGMA page_size').get() as { page_size: number };
  database.close();
  const bytes = await readFile(path);
  const at = bytes.lastIndexOf(text);
  assert.ok(at > 0);
  const start = at - (at % page_size);
  await writeFile(path, bytes.fill(0xee, start, start + page_size));
}
