/**
 * The action that commits files: its parameters, and the changes that they mean.
 *
 * Errors:  CONNECTOR_PARAMS.
 * Pure:    no I/O.
 */
import { IndelibleError, type JsonObject } from '@indelible/core';
import type { Capabilities, ConnectorAction } from '../contract.ts';
import { closedObject } from '../shared/schemas.ts';
import type { FileChange } from './repository.ts';

interface GivenFile {
  readonly path: string;
  readonly content?: string;
  readonly content_base64?: string;
  readonly delete?: true;
  readonly executable?: boolean;
}

/** Files of the branches that are named. */
export function commitAction(branches: readonly string[], capabilities: Capabilities): ConnectorAction {
  const file: JsonObject = {
    ...closedObject(['path'], {
      path: {
        type: 'string',
        maxLength: 1024,
        pattern: '^(?!.*(?:^|/)(?:\\.{0,2}|\\.[gG][iI][tT])(?:/|$))[^\\x00-\\x1f\\x7f]+$',
      },
      content: { type: 'string' },
      content_base64: { type: 'string', pattern: '^[A-Za-z0-9+/]*={0,2}$' },
      delete: { const: true },
      executable: { type: 'boolean' },
    }),
    oneOf: [{ required: ['content'] }, { required: ['content_base64'] }, { required: ['delete'] }],
  };
  return {
    summary: 'Commits files to a branch.',
    params: closedObject(['branch', 'message', 'files'], {
      branch: { enum: branches },
      message: { type: 'string', pattern: '\\S', maxLength: 10_000 },
      files: { type: 'array', minItems: 1, maxItems: 1000, items: file },
    }),
    capabilities,
  };
}

/** What the parameters say to do. Raises CONNECTOR_PARAMS for a path that is named twice. */
export function changesOf(params: JsonObject): FileChange[] {
  const files = params.files as unknown as readonly GivenFile[];
  const paths = new Set(files.map(({ path }) => path));
  if (paths.size < files.length) throw new IndelibleError('CONNECTOR_PARAMS', 'a path is named twice');
  return files.map(({ path, content, content_base64, executable = null }) => ({
    path,
    content:
      content !== undefined
        ? new TextEncoder().encode(content)
        : content_base64 !== undefined
          ? Uint8Array.from(Buffer.from(content_base64, 'base64'))
          : null,
    executable,
  }));
}
