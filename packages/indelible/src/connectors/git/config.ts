/**
 * Which repository, and which of its branches.
 *
 * Errors:  CONNECTOR_CONFIG.
 * Pure:    no I/O.
 */
import { schemaCheck } from '../shared/checks.ts';
import { closedObject, TIMES } from '../shared/schemas.ts';

export const MIB = 1024 * 1024;

export interface GitConfig {
  /** A bare repository, or one where the branches are not checked out. */
  readonly repository: string;
  /** The only branches that are touched. */
  readonly branches: readonly string[];
  readonly author: { readonly name: string; readonly email: string };
  /** How an undo is made: by a further commit (the default), or by moving the branch back. */
  readonly undo?: 'commit' | 'ref';
  readonly max_bytes?: number;
  readonly timeout_ms?: number;
  readonly rollback_window_ms?: number;
}

/** Without what would end a header of a commit. */
const NAME = { type: 'string', pattern: '^[^\\x00-\\x1f\\x7f<>]+$' };

export const checkGitConfig = schemaCheck<GitConfig>(
  closedObject(['repository', 'branches', 'author'], {
    repository: { type: 'string', minLength: 1 },
    branches: {
      type: 'array',
      minItems: 1,
      uniqueItems: true,
      items: {
        type: 'string',
        pattern: '^(?!.*(?:\\.\\.|//|\\.lock$|/$|@\\{))[A-Za-z0-9][A-Za-z0-9._/@-]*$',
        maxLength: 200,
      },
    },
    author: closedObject(['name', 'email'], { name: NAME, email: NAME }),
    undo: { enum: ['commit', 'ref'] },
    max_bytes: { type: 'integer', minimum: 1, maximum: 15 * MIB },
    ...TIMES,
  }),
  'CONNECTOR_CONFIG',
  'git',
);
