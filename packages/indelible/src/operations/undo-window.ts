/**
 * Until when an operation can be undone: stated before the write by its connector, held to afterwards by the engine.
 */
import type { ConnectorPlan } from '../connectors/contract.ts';
import type { Parts } from './parts.ts';
import type { Operation } from './types.ts';

/** For an execution that ends now; null when none of it can be undone. */
export function undoUntil(parts: Parts, { members }: Operation): string | null {
  const windows = members
    .filter(canBeUndone)
    .map(({ capabilities }) => capabilities.rollback.window_ms ?? parts.rollback_window_ms);
  return windows.length === 0 ? null : parts.after(Math.min(...windows));
}

export function canBeUndone({ capabilities }: ConnectorPlan): boolean {
  return capabilities.rollback.can_rollback && capabilities.rollback.method !== 'none';
}
