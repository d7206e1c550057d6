/**
 * The server's own log: JSON lines on standard error, never a secret.
 */
import { type DestinationStream, type Logger, pino } from 'pino';

/** Where a request's headers could get into a log line. */
const SECRETS = ['authorization', 'headers.authorization', '*.headers.authorization'];

/** A logger; `destination` is standard error unless given. */
export function createLogger(
  level: string,
  destination: DestinationStream = pino.destination({ dest: 2, sync: true }),
): Logger {
  return pino({ level, redact: SECRETS }, destination);
}
