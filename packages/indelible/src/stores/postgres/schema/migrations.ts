/**
 * All that was ever done to the schema, in order. What has been released is never changed: a change is a new migration
 * at the end.
 */
import { APPEND } from './append.ts';
import { ATTACHMENTS } from './attachments.ts';
import { BINDING } from './binding.ts';
import { CANONICAL_JSON } from './canonical-json.ts';
import { CANONICAL_NUMBERS } from './canonical-numbers.ts';
import { EVENT_CHECKS } from './event-checks.ts';
import { EVENT_TEXT } from './event-text.ts';
import { GUARDS } from './guards.ts';
import { LEDGERS } from './ledgers.ts';
import { OUTBOX } from './outbox.ts';
import { READING } from './reading.ts';
import { ROLES } from './roles.ts';
import { REFUSE_REPLICA } from './said-by.ts';
import { SEALERS } from './sealers.ts';
import { SEALING } from './sealing.ts';
import { TABLES } from './tables.ts';

export interface Migration {
  readonly number: number;
  readonly name: string;
  readonly sql: string;
}

export const MIGRATIONS: readonly Migration[] = [
  ['roles and schema', ROLES],
  ['ledgers and records', TABLES + GUARDS + REFUSE_REPLICA + BINDING + READING],
  ['append', APPEND],
  ['canonical JSON', CANONICAL_NUMBERS + CANONICAL_JSON],
  ['sealed on insert', EVENT_CHECKS + EVENT_TEXT + SEALING + LEDGERS],
  ['outbox', OUTBOX + SEALERS],
  ['attachments', ATTACHMENTS],
].map(([name, sql], i) => ({ number: i + 1, name: name!, sql: sql! }));
