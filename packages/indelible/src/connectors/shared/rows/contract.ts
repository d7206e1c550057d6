/** What a database does for connectors that change rows: meaning only, no SQL. */
import type { Json, JsonObject } from '@indelible/core';

/** A row: each column's value in a form that can be given back without loss. */
export type Row = JsonObject;

export interface Table {
  readonly name: string;
  readonly columns: readonly string[];
  /** The primary key's columns; never empty. */
  readonly key: readonly string[];
  /** Columns that the database computes and that cannot be written. */
  readonly generated: readonly string[];
}

export interface FoundRow {
  readonly row: Row;
  readonly version: string;
}

export type Comparison = 'eq' | 'ne' | 'lt' | 'lte' | 'gt' | 'gte' | 'in';

/** All must hold. */
export interface Condition {
  readonly column: string;
  readonly is: Comparison;
  /** A list for `in`. null compares as a value. */
  readonly value: Json;
}

export interface EffectRow {
  /** null: fenced, or under way in this very transaction. */
  readonly execution: string | null;
  readonly epoch: number;
}

/** One transaction. What it reads stays as it is until the end; rows that it selects are locked. */
export interface RowSession {
  /** Raises TARGET_NOT_FOUND, or TARGET_REFUSED for a table without a primary key. */
  describe(table: string): Promise<Table>;
  /** The form that values given by a caller have in rows. */
  given(row: Row): Row;
  /** At most `limit` rows. */
  select(table: Table, where: readonly Condition[], limit: number): Promise<FoundRow[]>;
  insert(table: Table, row: Row): Promise<void>;
  update(table: Table, where: readonly Condition[], set: Row): Promise<void>;
  delete(table: Table, where: readonly Condition[]): Promise<void>;
  /** How many rows this transaction has changed so far, those that triggers and cascades changed included. */
  changes(): Promise<number>;

  /** The marker of this effect key, if there is one. */
  effect(effect_key: string): Promise<EffectRow | null>;
  /** Makes or replaces it. */
  mark(effect_key: string, effect: EffectRow & { readonly operation_id: string }): Promise<void>;
  /** What names this transaction, where something does. */
  evidence(): Promise<JsonObject>;
}

export interface RowDatabase {
  /**
   * Runs in one transaction and commits if told to, durably. Runs again when the database asks for that. Refusals of
   * the database are TARGET_REFUSED, anything else that fails is CONNECTOR_UNAVAILABLE.
   */
  transaction<T>(
    kind: 'write' | 'read',
    signal: AbortSignal,
    run: (session: RowSession) => Promise<{ readonly commit: boolean; readonly result: T }>,
  ): Promise<T>;
  close(): Promise<void>;
}
