/**
 * The logs that a witness cosigns: a text file with one verifier key a line, and behind it the origin where that is not
 * the name of the key. Several lines for one origin are several keys of that log.
 *
 *     # comment
 *     example.com/log+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k
 *
 * Errors:  WITNESS_CONFIG, with the line.
 * Pure:    no I/O.
 */
import { createHash } from 'node:crypto';
import { IndelibleError, parseVerifierKey, type VerifierKey } from '@indelible/core';

export interface KnownLog {
  readonly origin: string;
  readonly keys: readonly VerifierKey[];
}

const LOGS_MAX = 10_000;

/** The known logs by origin. */
export function parseKnownLogs(text: string): Map<string, KnownLog> {
  const logs = new Map<string, KnownLog>();
  text.split('\n').forEach((line, i) => {
    const entry = line.trim();
    if (entry === '' || entry.startsWith('#')) return;
    const space = entry.search(/[ \t]/);
    const vkey = space < 0 ? entry : entry.slice(0, space);
    const key = parseKey(vkey, i + 1);
    const origin = space < 0 ? key.name : entry.slice(space).trim();
    const keys = logs.get(origin)?.keys ?? [];
    if (keys.some(({ key_id, name }) => key_id === key.key_id && name === key.name)) {
      throw new IndelibleError('WITNESS_CONFIG', `line ${i + 1} of the list of logs repeats a key`);
    }
    logs.set(origin, { origin, keys: [...keys, key] });
    if (logs.size > LOGS_MAX)
      throw new IndelibleError('WITNESS_CONFIG', `at most ${LOGS_MAX} logs are known`);
  });
  return logs;
}

/** What stands for an origin in an address. */
export function originHash(origin: string): string {
  return createHash('sha256').update(origin).digest('hex');
}

function parseKey(text: string, line: number): VerifierKey {
  try {
    return parseVerifierKey(text);
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new IndelibleError('WITNESS_CONFIG', `line ${line} of the list of logs: ${reason}`);
  }
}
