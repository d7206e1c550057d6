/** A database as hosting services hand it out: nobody who uses it is a superuser. */
import { connectPostgres } from '../../packages/indelible/src/stores/postgres/connection.ts';
import type { PostgresServer } from '../support/postgres.ts';

/** Its role; it may make roles, as Supabase's `postgres` may. */
export const DASHBOARD = 'dashboard';
let made = 0;

/** Makes one, with what Supabase has in it besides; its name. */
export async function hostedDatabase(server: PostgresServer): Promise<string> {
  const name = `hosted_${++made}`;
  const host = await connectPostgres(server.url());
  try {
    await host.query(`DO $$ BEGIN
      CREATE ROLE ${DASHBOARD} LOGIN CREATEROLE CREATEDB BYPASSRLS;
      CREATE ROLE anon; CREATE ROLE authenticated; CREATE ROLE service_role BYPASSRLS;
    EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
    await host.query(`CREATE DATABASE ${name}`);
    await host.query(`GRANT CREATE, TEMPORARY ON DATABASE ${name} TO ${DASHBOARD}`);
  } finally {
    await host.end();
  }
  const inside = await connectPostgres(server.url(name));
  try {
    await inside.query(`GRANT CREATE ON SCHEMA public TO ${DASHBOARD}`);
  } finally {
    await inside.end();
  }
  return name;
}
