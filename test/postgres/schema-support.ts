/** A database with the schema, and connections to it as whichever role. */
import pg, { type Client } from 'pg';
import { installSchema } from '../../packages/indelible/src/stores/postgres/schema/index.ts';
import type { PostgresServer } from '../support/postgres.ts';

/** Connects to a database. */
export async function connected(
  server: PostgresServer,
  database: string,
  user = 'postgres',
): Promise<Client> {
  const client = new pg.Client({ connectionString: server.url(database, user) });
  await client.connect();
  return client;
}

let databases = 0;

/** Makes an empty database; its name. */
export async function createDatabase(server: PostgresServer): Promise<string> {
  const name = `made_${++databases}`;
  const client = await connected(server, 'postgres');
  await client.query(`CREATE DATABASE ${name}`);
  await client.end();
  return name;
}

/** Makes a database with the schema in it; its name. */
export async function installed(server: PostgresServer): Promise<string> {
  const database = await createDatabase(server);
  const client = await connected(server, database);
  try {
    await installSchema(client);
  } finally {
    await client.end();
  }
  return database;
}

/** What the server says when it refuses. */
export async function refusal(
  query: Promise<unknown>,
): Promise<{ code: string; message: string; detail?: string }> {
  try {
    await query;
  } catch (error) {
    const { code, message, detail } = error as { code?: string; message: string; detail?: string };
    if (code === undefined) throw error;
    return { code, message, ...(detail !== undefined && { detail }) };
  }
  throw new Error('it was not refused');
}
