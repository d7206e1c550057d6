/**
 * Which folder, and how much of it at a time.
 *
 * Errors:  CONNECTOR_CONFIG.
 * Pure:    no I/O.
 */
import { schemaCheck } from '../shared/checks.ts';
import { closedObject, TIMES } from '../shared/schemas.ts';

export const MIB = 1024 * 1024;

export interface FilesystemConfig {
  /** The folder that nothing outside of is touched. */
  readonly root: string;
  /** A folder for the connector's own journal. Default: `.indelible` in the root. */
  readonly journal?: string;
  /** Before and after together, of one operation. Default 8 MiB. */
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

export const checkFilesystemConfig = schemaCheck<FilesystemConfig>(
  closedObject(['root'], {
    root: { type: 'string', minLength: 1 },
    journal: { type: 'string', minLength: 1 },
    max_bytes: { type: 'integer', minimum: 1, maximum: 15 * MIB },
    ...TIMES,
  }),
  'CONNECTOR_CONFIG',
  'filesystem',
);
