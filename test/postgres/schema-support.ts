/** Connections to a database as whichever role, and what it says to them. */
import pg, { type Client } from 'pg';
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
