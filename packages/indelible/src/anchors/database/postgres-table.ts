/**
 * The table in PostgreSQL. Each step is one statement, which may be repeated when nobody knows whether it was done.
 *
 * Errors:  ANCHOR_UNAVAILABLE, ANCHOR_DAMAGED, DRIVER_MISSING.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';
import type { AnchoredCheckpoint } from '../contract.ts';
import { ANCHOR_LINES, ANCHOR_LIVE, ANCHOR_SQL } from './postgres-schema.ts';
import { type CheckpointTable, checkpointOfRow } from './table.ts';

/** A database; its search_path must be `pg_catalog, pg_temp`. Values come back as text. */
export interface AnchorDatabase {
  ask(statement: { text: string; values?: readonly (string | number | null)[] }): Promise<{
    readonly rows: readonly (readonly (string | null)[])[];
  }>;
  close(): Promise<void>;
}

const PAGE_ROWS = 500;
/** Another writer each time: it never comes to this. */
const TRIES_MAX = 20;
const COLUMNS =
  'SELECT origin, size, root, note, anchored_at FROM indelible_anchors.checkpoints WHERE origin = $1';
const SELECT = {
  at: `${COLUMNS} AND size = $2`,
  newest: `${COLUMNS} ORDER BY size DESC LIMIT 1`,
  page: `${COLUMNS} AND size > $2 ORDER BY size LIMIT ${PAGE_ROWS}`,
} as const;
const ADD = 'SELECT indelible_anchors.add($1, $2, $3, $4, $5, $6)';

/** Connects when it is first needed; the schema is made when something is added and it is not there. */
export function openPostgresTable(database: AnchorDatabase, name: string): CheckpointTable {
  return new PostgresTable(database, name);
}

class PostgresTable implements CheckpointTable {
  readonly #database: AnchorDatabase;
  readonly #name: string;
  #is_checked = false;

  constructor(database: AnchorDatabase, name: string) {
    this.#database = database;
    this.#name = name;
  }

  add(row: AnchoredCheckpoint, allows: (newest: AnchoredCheckpoint | null) => boolean) {
    return this.#try(async () => {
      if (!(await this.#isThere())) await this.#install();
      const { origin, size, root, note } = row.checkpoint;
      for (let tries = 0; tries < TRIES_MAX; tries++) {
        const [newest = null] = await this.#select('newest', origin);
        if (!allows(newest)) return newest as AnchoredCheckpoint;
        const values = [origin, size, root, note, row.anchored_at, newest?.checkpoint.size ?? null];
        const { rows } = await this.#database.ask({ text: ADD, values });
        if (rows[0]?.[0] === 't') return row;
      }
      throw new IndelibleError('ANCHOR_UNAVAILABLE', `${this.#name}: others add to it all the time`);
    });
  }

  async at(origin: string, size: number) {
    return (await this.#read('at', origin, size))[0] ?? null;
  }

  async newest(origin: string) {
    return (await this.#read('newest', origin))[0] ?? null;
  }

  async *all(origin: string): AsyncGenerator<AnchoredCheckpoint> {
    for (let after = -1; ; ) {
      const rows = await this.#read('page', origin, after);
      yield* rows;
      if (rows.length < PAGE_ROWS) return;
      after = (rows.at(-1) as AnchoredCheckpoint).checkpoint.size;
    }
  }

  close(): Promise<void> {
    return this.#database.close();
  }

  #read(which: keyof typeof SELECT, ...values: (string | number)[]): Promise<AnchoredCheckpoint[]> {
    return this.#try(async () => ((await this.#isThere()) ? this.#select(which, ...values) : []));
  }

  async #select(which: keyof typeof SELECT, ...values: (string | number)[]): Promise<AnchoredCheckpoint[]> {
    const { rows } = await this.#database.ask({ text: SELECT[which], values });
    return rows.map((row) => {
      const [origin, size, root, note, anchored_at] = row as string[];
      const checkpoint = checkpointOfRow({ origin: origin!, size: Number(size), root: root!, note: note! });
      return { checkpoint, anchored_at: anchored_at! };
    });
  }

  /** Whether the schema is there; one that is otherwise is refused. */
  async #isThere(): Promise<boolean> {
    if (this.#is_checked) return true;
    const { rows } = await this.#database.ask({ text: ANCHOR_LIVE });
    const lines = rows.map(([line]) => line);
    if (lines.length === 0) return false;
    const odd = [
      ...ANCHOR_LINES.filter((line) => !lines.includes(line)),
      ...lines.filter((line) => !ANCHOR_LINES.includes(line ?? '')),
    ][0];
    if (odd !== undefined) {
      const what = (odd ?? '').slice(0, 100).replaceAll(/\s+/g, ' ');
      throw new IndelibleError('ANCHOR_DAMAGED', `${this.#name}: the table of anchors was altered: ${what}`);
    }
    this.#is_checked = true;
    return true;
  }

  async #install(): Promise<void> {
    await this.#database.ask({ text: ANCHOR_SQL });
    if (!(await this.#isThere()))
      throw new IndelibleError(
        'ANCHOR_UNAVAILABLE',
        `${this.#name} could not make the schema indelible_anchors`,
      );
  }

  async #try<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (!isIndelibleError(error)) throw error;
      if (error.code.startsWith('ANCHOR_') || error.code === 'DRIVER_MISSING') throw error;
      // Another schema may be there the next time.
      this.#is_checked = false;
      throw new IndelibleError('ANCHOR_UNAVAILABLE', `${this.#name}: ${error.message}`, { cause: error });
    }
  }
}
