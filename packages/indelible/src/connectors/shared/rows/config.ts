/**
 * What the configurations of connectors that change rows have in common.
 *
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';
import { TIMES } from '../schemas.ts';
import type { RowLimits } from './actions.ts';

export interface RowConfig {
  /** The only tables that are touched. */
  readonly tables: readonly string[];
  /** Of one operation. Default 100. */
  readonly max_rows?: number;
  /** Of the rows before and after together, as JSON. Default 1 MiB. */
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

/** Members of the configuration's JSON Schema. */
export const ROW_CONFIG: JsonObject = {
  tables: {
    type: 'array',
    minItems: 1,
    uniqueItems: true,
    items: { type: 'string', minLength: 1, maxLength: 128 },
  },
  max_rows: { type: 'integer', minimum: 1, maximum: 10_000 },
  max_bytes: { type: 'integer', minimum: 1, maximum: 15 * 1024 * 1024 },
  ...TIMES,
};

export function rowLimits(config: RowConfig): RowLimits {
  const { max_rows = 100, max_bytes = 1024 * 1024, timeout_ms = 30_000, rollback_window_ms = null } = config;
  return { max_rows, max_bytes, timeout_ms, rollback_window_ms };
}
