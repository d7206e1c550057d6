/**
 * What can be asked of a connector that changes rows.
 *
 * Pure:    no I/O.
 */
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import type { Capabilities, ConnectorAction } from '../../contract.ts';
import type { Comparison, Condition } from './contract.ts';

export interface RowLimits {
  readonly max_rows: number;
  readonly max_bytes: number;
  readonly timeout_ms: number;
  readonly rollback_window_ms: number | null;
}

export function rowCapabilities(
  limits: RowLimits,
  limitations: Readonly<Record<string, string>>,
): Capabilities {
  return {
    guarantee: 'atomic-marker',
    dry_run: 'transactional',
    probe: true,
    rollback: {
      can_rollback: true,
      method: 'inverse',
      window_ms: limits.rollback_window_ms,
      limitations: Object.keys(limitations),
    },
    limits: { max_targets: limits.max_rows, max_bytes: limits.max_bytes, timeout_ms: limits.timeout_ms },
  };
}

const NAME: JsonObject = { type: 'string', minLength: 1, maxLength: 128 };

/** `value` is the JSON Schema of what a column can be given. */
export function rowActions(
  capabilities: Capabilities,
  tables: readonly string[],
  value: JsonObject,
): Readonly<Record<string, ConnectorAction>> {
  const table: JsonObject = { type: 'string', enum: tables };
  const values: JsonObject = {
    type: 'object',
    minProperties: 1,
    propertyNames: NAME,
    additionalProperties: value,
  };
  const comparison: JsonObject = {
    type: 'object',
    minProperties: 1,
    additionalProperties: false,
    properties: {
      ...Object.fromEntries(['eq', 'ne', 'lt', 'lte', 'gt', 'gte'].map((name) => [name, value])),
      in: { type: 'array', minItems: 1, maxItems: 1000, items: value },
    },
  };
  const where: JsonObject = {
    type: 'object',
    minProperties: 1,
    propertyNames: NAME,
    additionalProperties: { anyOf: [value, comparison] },
    description: 'Columns and what they are: a value, or one of eq, ne, lt, lte, gt, gte, in. All must hold.',
  };
  const params = (properties: JsonObject): JsonObject => ({
    type: 'object',
    additionalProperties: false,
    required: Object.keys(properties),
    properties,
  });
  const rows: JsonObject = { type: 'array', minItems: 1, maxItems: 10_000, items: values };
  return {
    insert: {
      summary: 'Inserts rows, with their whole primary keys.',
      params: params({ table, rows }),
      capabilities,
    },
    update: {
      summary: 'Sets columns of the rows that a predicate selects.',
      params: params({ table, where, set: values }),
      capabilities,
    },
    delete: {
      summary: 'Deletes the rows that a predicate selects.',
      params: params({ table, where }),
      capabilities,
    },
  };
}

const COMPARISONS: readonly string[] = ['eq', 'ne', 'lt', 'lte', 'gt', 'gte', 'in'];

/** The conditions of a checked `where`. */
export function conditionsOf(where: JsonObject): Condition[] {
  return Object.entries(where).flatMap(([column, given]): Condition[] => {
    if (!isComparison(given)) return [{ column, is: 'eq', value: given }];
    return Object.entries(given).map(([is, value]) => ({ column, is: is as Comparison, value }));
  });
}

function isComparison(given: Json): given is JsonObject {
  return (
    typeof given === 'object' &&
    given !== null &&
    !Array.isArray(given) &&
    Object.keys(given).every((name) => COMPARISONS.includes(name))
  );
}

/** Raises CONNECTOR_PARAMS for a column that the table has not. */
export function assertColumns(
  table: { readonly name: string; readonly columns: readonly string[] },
  named: string[],
) {
  const odd = named.find((column) => !table.columns.includes(column));
  if (odd === undefined) return;
  throw new IndelibleError('CONNECTOR_PARAMS', `${table.name} has no column "${odd.slice(0, 128)}"`);
}
