/**
 * What operations promise whose reads, writes and undos are declared in the configuration: of HTTP and of MCP servers.
 *
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';
import type { Capabilities, StateDiff, TargetState } from '../contract.ts';
import { jsonDiff } from './diff.ts';
import { secretParams } from './secrets.ts';

/** What is declared of one operation, as far as a promise follows from it. */
export interface DeclaredPromise {
  readonly params: JsonObject;
  readonly can_rollback: boolean;
  /** The state afterwards is known beforehand. */
  readonly foretold: boolean;
  /** The server compares the version that was read. */
  readonly compares: boolean;
  /** The server takes the effect key, and does nothing twice. */
  readonly keyed: boolean;
}

/** The limits and window of the configuration. */
export interface DeclaredPlace {
  readonly max_bytes: number;
  readonly timeout_ms: number;
  readonly config: { readonly rollback_window_ms?: number };
}

/** The limitations are names that each connector puts into words. */
export function declaredCapabilities(
  { params, can_rollback, foretold, compares, keyed }: DeclaredPromise,
  { max_bytes, timeout_ms, config }: DeclaredPlace,
): Capabilities {
  const limitations = ['server_honours', 'other_effects', 'judged_by_state'];
  if (!foretold) limitations.push('not_foretold');
  if (!compares) limitations.push('blind_write');
  if (secretParams(params).size > 0) limitations.push('secrets');
  return {
    guarantee: compares ? 'cas' : keyed ? 'idempotency-key' : 'none',
    dry_run: foretold ? 'computed' : 'none',
    probe: true,
    rollback: {
      can_rollback,
      method: can_rollback ? 'inverse' : 'none',
      window_ms: config.rollback_window_ms ?? null,
      limitations,
    },
    limits: { max_targets: 1, max_bytes, timeout_ms },
  };
}

/** The change of one member of the facts; `after` undefined: not foretold. */
export function declaredDiff(
  member: string,
  before: TargetState | null,
  after: TargetState | null | undefined,
): StateDiff {
  if (after === undefined) return { format: 'none', reason: 'what it will be is not known beforehand' };
  return jsonDiff(before?.facts[member], after?.facts[member]);
}
