/**
 * What a token may do.
 *
 * Pure:    no I/O.
 */

/** Every scope that can be granted today. Records may hold others, written by a newer version: they grant nothing here. */
export const SCOPES = [
  'audit:read',
  'audit:write',
  // Governed writes, apart from one another: who asks, who votes and who executes are not to be the same.
  'operations:read',
  'operations:plan',
  'operations:approve',
  'operations:execute',
  'admin',
] as const;
export type Scope = (typeof SCOPES)[number];

/** True when the text names a scope that can be granted. */
export function isScope(text: string): text is Scope {
  return (SCOPES as readonly string[]).includes(text);
}

/** True when the granted scopes include the one needed. `admin` includes every other. */
export function allows(granted: readonly string[], needed: Scope): boolean {
  return granted.includes(needed) || granted.includes('admin');
}

/** True when a binding (names of ledgers, or `*` for all) includes this ledger. */
export function binds(ledgers: readonly string[], ledger: string): boolean {
  return ledgers.includes(ledger) || ledgers.includes('*');
}
