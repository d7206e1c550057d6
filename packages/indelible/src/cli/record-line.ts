/**
 * A record on one line.
 *
 * Pure:    no I/O.
 */
import type { LedgerRecord, Outcome } from '@indelible/core';
import { actorText, resourceText } from '../evidence/run-log.ts';
import { shortened, shortenedInside } from './printable.ts';
import type { Colors } from './terminal.ts';

/** `42  2026-11-21T02:14:00.123Z  ok  user:alice  secret.set  secret:db/password  message`. */
export function recordLine(colors: Colors, record: LedgerRecord): string {
  const { seq, recorded_at, outcome, actor, action, resource, message } = record;
  const parts = [
    colors.dim(String(seq).padStart(6)),
    colors.dim(recorded_at),
    outcomeText(colors, outcome),
    shortenedInside(actorText(actor), 60),
    colors.bold(shortened(action, 80)),
    shortenedInside(resourceText(resource) ?? '', 80),
    colors.dim(shortened(message ?? '', 120)),
  ];
  return parts.join('  ').trimEnd();
}

/** The outcome, padded, in its colour. */
export function outcomeText(colors: Colors, outcome: Outcome): string {
  const color = { ok: colors.green, error: colors.red, denied: colors.red, pending: colors.yellow }[outcome];
  return color(outcome.padEnd(7));
}
