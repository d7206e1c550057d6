/**
 * The connectors that a configuration names, each opened from the module of its kind.
 *
 *     { "etc": { "kind": "filesystem", "root": "/srv/app" }, "shop": { "kind": "postgres", "url": "…", "tables": ["prices"] } }
 *
 * Errors:  CONNECTOR_CONFIG, DRIVER_MISSING. When one cannot be opened, none stays open.
 */
import { IndelibleError } from '@indelible/core';
import type { Connector } from '../connectors/contract.ts';

/** Finds the value of a secret by its name. */
export type FindSecret = (name: string) => Promise<string>;

type OpenConnector = (id: string, config: unknown, secret: FindSecret) => Promise<Connector>;

/** Loaded when used: every command starts without them. */
const KINDS: Readonly<Record<string, () => Promise<OpenConnector>>> = {
  command: async () => (await import('../connectors/command/connector.ts')).openCommandConnector,
  filesystem: async () => (await import('../connectors/filesystem/connector.ts')).openFilesystemConnector,
  git: async () => (await import('../connectors/git/connector.ts')).openGitConnector,
  http: async () => (await import('../connectors/http/connector.ts')).openHttpConnector,
  ldap: async () => (await import('../connectors/ldap/connector.ts')).openLdapConnector,
  mcp: async () => (await import('../connectors/mcp/connector.ts')).openMcpConnector,
  postgres: async () => (await import('../connectors/postgres/connector.ts')).openPostgresConnector,
  s3: async () => (await import('../connectors/s3/connector.ts')).openS3Connector,
  sqlite: async () => (await import('../connectors/sqlite/connector.ts')).openSqliteConnector,
};

/** By id, in the order of the configuration. */
export async function openConnectors(
  configuration: unknown,
  secret: FindSecret,
): Promise<ReadonlyMap<string, Connector>> {
  const opened = new Map<string, Connector>();
  try {
    for (const [id, given] of Object.entries(objectOf(configuration, 'the configuration of connectors'))) {
      const { kind, ...config } = objectOf(given, `the configuration of ${id.slice(0, 80)}`);
      const load = typeof kind === 'string' && Object.hasOwn(KINDS, kind) ? KINDS[kind] : undefined;
      if (load === undefined) {
        const kinds = Object.keys(KINDS).join(', ');
        throw new IndelibleError('CONNECTOR_CONFIG', `the kind of ${id.slice(0, 80)} is one of ${kinds}`);
      }
      opened.set(id, await (await load())(id, config, secret));
    }
    return opened;
  } catch (error) {
    for (const connector of opened.values()) await connector.close();
    throw error;
  }
}

function objectOf(value: unknown, what: string): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw new IndelibleError('CONNECTOR_CONFIG', `${what} is an object`);
}
