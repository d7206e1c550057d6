/**
 * From a ledger URL to the sealer of its outbox.
 *
 * Errors:  DRIVER_MISSING, LEDGER_URL; those of opening.
 */
import { DEFAULT_LEDGER_NAME } from '../ledger/opening.ts';
import { OutboxSealer, type SealerOptions } from '../outbox/sealer.ts';
import { parseLedgerUrl } from './ledger-url.ts';

/** Not started yet; null for a ledger whose store has no outbox. */
export async function openOutboxSealer(
  url: string,
  options: Omit<SealerOptions, 'outbox'> = {},
): Promise<OutboxSealer | null> {
  const place = parseLedgerUrl(url);
  if (place.scheme !== 'postgres') return null;
  const { openPostgresOutbox } = await import('../stores/postgres/postgres-outbox.ts');
  const outbox = await openPostgresOutbox({ url: place.url, default_ledger: DEFAULT_LEDGER_NAME });
  return new OutboxSealer({ ...options, outbox });
}
