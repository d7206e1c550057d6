/**
 * A plain connection, for installing the schema and for looking at it.
 *
 * Errors:  LEDGER_URL, DRIVER_MISSING, and as faults.ts maps them.
 */
import { connect } from './connect.ts';
import { storeFault } from './faults.ts';
import { limitsOf } from './limits.ts';
import { parsePostgresUrl } from './url.ts';

export interface PostgresConnection {
  /** Without values, several statements are allowed. All values come back as text or null. */
  query(text: string, values?: readonly unknown[]): Promise<{ rows: Record<string, unknown>[] }>;
  end(): Promise<void>;
}

/** Building an index over a large ledger takes its time. */
const ANSWER_MS_MAX = 60 * 60_000;

export async function connectPostgres(
  url: string,
  purpose: 'write' | 'read' = 'write',
): Promise<PostgresConnection> {
  const place = parsePostgresUrl(url);
  const limits = limitsOf({ answer_ms_max: ANSWER_MS_MAX });
  const fault = (error: unknown): never => {
    throw storeFault(error, place.shown);
  };
  const on_primary = purpose === 'write';
  const { client } = await connect({ place, purpose, on_primary, ...limits }).catch(fault);
  return {
    query: async (text, values) => {
      const result = await client.query(text, values && [...values]).catch(fault);
      // Several statements have several results; the last one's rows are the answer.
      const last: unknown = Array.isArray(result) ? result.at(-1) : result;
      return { rows: (last as { rows: Record<string, unknown>[] }).rows };
    },
    end: () => client.end(),
  };
}
