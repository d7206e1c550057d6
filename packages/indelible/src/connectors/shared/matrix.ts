/**
 * The capability matrix: what each action of each connector promises, as data.
 *
 * Pure:    no I/O.
 */
import type { Capabilities, Connector } from '../contract.ts';

/** One action of one connector. */
export interface CapabilityRow {
  readonly connector: string;
  readonly kind: string;
  readonly version: string;
  readonly action: string;
  readonly summary: string;
  readonly guarantee: Capabilities['guarantee'];
  readonly dry_run: Capabilities['dry_run'];
  readonly probe: boolean;
  readonly can_rollback: boolean;
  readonly rollback_method: Capabilities['rollback']['method'];
  readonly rollback_window_ms: number | null;
  readonly max_targets: number;
  readonly max_bytes: number;
  readonly timeout_ms: number;
  readonly limitations: readonly { readonly code: string; readonly meaning: string }[];
}

/** Sorted by connector and action. */
export function capabilityMatrix(connectors: Iterable<Connector>): CapabilityRow[] {
  const rows = [...connectors].flatMap((connector) =>
    Object.entries(connector.actions).map(([action, { summary, capabilities }]): CapabilityRow => {
      const { guarantee, dry_run, probe, rollback, limits } = capabilities;
      return {
        connector: connector.id,
        kind: connector.kind,
        version: connector.version,
        action,
        summary,
        guarantee,
        dry_run,
        probe,
        can_rollback: rollback.can_rollback,
        rollback_method: rollback.method,
        rollback_window_ms: rollback.window_ms,
        ...limits,
        limitations: rollback.limitations.map((code) => ({
          code,
          meaning: connector.limitations[code] ?? code,
        })),
      };
    }),
  );
  const keyOf = ({ connector, action }: CapabilityRow) => `${connector}\n${action}`;
  return rows.sort((one, other) => (keyOf(one) < keyOf(other) ? -1 : 1));
}
