/**
 * Every connector's place, for tests that all connectors must pass. A new connector joins by one entry.
 */
import { commandPlace } from '../../connectors/command-place.ts';
import { filesystemPlace } from '../../connectors/filesystem-place.ts';
import { gitPlace, noGit } from '../../connectors/git-place.ts';
import { httpPlace } from '../../connectors/http-place.ts';
import { startLdapPlaces } from '../../connectors/ldap-place.ts';
import { mcpPlace } from '../../connectors/mcp-place.ts';
import { startPostgresPlaces } from '../../connectors/postgres-place.ts';
import { startS3Places } from '../../connectors/s3-place.ts';
import { sqlitePlace } from '../../connectors/sqlite-place.ts';
import type { ConfiguredPlace } from '../../connectors/support.ts';
import { noPostgres } from '../../support/postgres.ts';
import { noS3Server } from '../../support/s3-server.ts';
import { noSlapd } from '../../support/slapd.ts';

/** Places of one kind; they may share a server. */
export interface Places {
  make(): Promise<ConfiguredPlace>;
  stop(): Promise<void>;
}

export interface PlaceKind {
  readonly name: string;
  /** Why there can be none here. */
  readonly skip: string | false;
  /** How many random sequences a default run takes: fewer where one takes long. */
  readonly runs: number;
  start(): Promise<Places>;
}

function alone(make: () => Promise<ConfiguredPlace>): () => Promise<Places> {
  return async () => ({ make, stop: async () => {} });
}

export const PLACE_KINDS: readonly PlaceKind[] = [
  { name: 'filesystem', skip: false, runs: 8, start: alone(filesystemPlace) },
  { name: 'sqlite', skip: false, runs: 8, start: alone(sqlitePlace) },
  { name: 'postgres', skip: noPostgres(), runs: 2, start: startPostgresPlaces },
  { name: 'http', skip: false, runs: 4, start: alone(httpPlace) },
  { name: 'git', skip: noGit, runs: 1, start: alone(() => gitPlace('commit')) },
  { name: 'command', skip: false, runs: 2, start: alone(commandPlace) },
  { name: 'ldap', skip: noSlapd(), runs: 2, start: startLdapPlaces },
  { name: 's3', skip: noS3Server(), runs: 2, start: startS3Places },
  { name: 'mcp', skip: false, runs: 2, start: alone(mcpPlace) },
];
