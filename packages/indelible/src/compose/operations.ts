/**
 * The engine of governed writes with its connectors, its policies and where its before-images lie.
 *
 * Errors:  CONNECTOR_CONFIG, DRIVER_MISSING for connectors; POLICY_SET_INVALID shows with the first operation.
 */
import { IndelibleError } from '@indelible/core';
import type { Connector } from '../connectors/contract.ts';
import { capabilityMatrix } from '../connectors/shared/matrix.ts';
import type { LedgerWriter } from '../ledger/types.ts';
import { OperationEngine } from '../operations/engine.ts';
import type { EngineOptions } from '../operations/parts.ts';
import { openPolicies, type Policies } from '../operations/policy/folder.ts';
import type { PolicyFiles } from '../operations/policy/policy-set.ts';
import { cedarGate } from '../operations/policy-gate.ts';
import { openSnapshots } from './beside.ts';
import { openConnectors } from './connectors.ts';

export interface OperationsOptions extends Partial<Omit<EngineOptions, 'ledger' | 'policy' | 'connectors'>> {
  /** Connectors by id, as docs/reference/operations.md has them; or connectors that are open, which stay so. */
  readonly connectors: unknown;
  /** The folder of policies, or the texts of its files by name; null denies everything. */
  readonly policies: string | PolicyFiles | null;
  /** The URL that the ledger was opened by, when it says more than the ledger's own; before-images lie beside it. */
  readonly url?: string;
}

export interface OpenedOperations {
  readonly engine: OperationEngine;
  readonly policies: Policies;
  /** What each action of each connector promises. */
  readonly matrix: ReturnType<typeof capabilityMatrix>;
  /** The limitation that a connector gives a code for, in a sentence. */
  limitation(connector: string, code: string): string;
  /** Closes what was opened here; the ledger stays open. */
  close(): Promise<void>;
}

/** Opens the engine on a ledger that is open for writing. */
export async function openOperations(
  ledger: LedgerWriter,
  { connectors: given, policies, url = ledger.url, ...options }: OperationsOptions,
): Promise<OpenedOperations> {
  const secret = options.secret ?? ((name) => secretFromEnvironment(name, process.env));
  const own = !(given instanceof Map);
  const connectors: ReadonlyMap<string, Connector> = own ? await openConnectors(given, secret) : given;
  const snapshots = options.blobs === undefined ? openSnapshots(url) : null;
  const blobs = options.blobs ?? snapshots!;
  const opened = openPolicies(policies);
  const policy = cedarGate(opened);
  return {
    engine: new OperationEngine({ ...options, ledger, connectors, policy, secret, blobs }),
    policies: opened,
    matrix: capabilityMatrix(connectors.values()),
    limitation: (connector, code) => connectors.get(connector)?.limitations[code] ?? code,
    close: async () => {
      if (own) for (const connector of connectors.values()) await connector.close();
      await snapshots?.close();
    },
  };
}

/** A secret `db/password` is the environment's INDELIBLE_SECRET_DB_PASSWORD. */
async function secretFromEnvironment(name: string, env: NodeJS.ProcessEnv): Promise<string> {
  const variable = `INDELIBLE_SECRET_${name.replace(/[^A-Za-z0-9]/g, '_').toUpperCase()}`;
  const value = env[variable];
  if (value !== undefined && value !== '') return value;
  throw new IndelibleError('SECRET_MISSING', `the secret ${name.slice(0, 64)} is not there: set ${variable}`);
}

/** What the connectors of a configuration promise. */
export async function readMatrix(configuration: unknown): Promise<OpenedOperations['matrix']> {
  const connectors = await openConnectors(configuration, (name) => secretFromEnvironment(name, process.env));
  try {
    return capabilityMatrix(connectors.values());
  } finally {
    for (const connector of connectors.values()) await connector.close();
  }
}
