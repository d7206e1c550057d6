/**
 * What can be asked of the filesystem connector.
 *
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';
import type { Capabilities, ConnectorAction } from '../contract.ts';

export const FILESYSTEM_LIMITATIONS = {
  hard_links: 'A file that is written gets a new inode: its other names (hard links) keep the old content.',
  open_handles: 'Programs that have the file open go on with the old content until they open it again.',
  foreign_writers:
    'Another program that changes the file in the microseconds between the last check and the change is not noticed.',
  times_and_attributes:
    'Times, access control lists and extended attributes are not restored; content, mode and owner are.',
} as const;

export interface FilesystemLimits {
  readonly max_bytes: number;
  readonly timeout_ms: number;
  readonly rollback_window_ms: number | null;
}

const PATH: JsonObject = {
  type: 'string',
  minLength: 1,
  maxLength: 1024,
  description: 'Below the root of the connector, with / between folders.',
};
const MODE: JsonObject = { type: 'string', pattern: '^0?[0-7]{3}$', description: 'Octal, such as 0644.' };

function paramsOf(required: readonly string[], properties: JsonObject, more: JsonObject = {}): JsonObject {
  return { type: 'object', additionalProperties: false, required, properties, ...more };
}

export function filesystemActions(limits: FilesystemLimits): Readonly<Record<string, ConnectorAction>> {
  const capabilities = filesystemCapabilities(limits);
  const action = (summary: string, params: JsonObject): ConnectorAction => ({
    summary,
    params,
    capabilities,
  });
  return {
    write: action(
      'Makes a file, or replaces its content; its folder must exist.',
      paramsOf(
        ['path'],
        {
          path: PATH,
          content: { type: 'string', description: 'The whole new content, as UTF-8.' },
          content_base64: {
            type: 'string',
            pattern: '^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$',
            description: 'The whole new content, for what is not text.',
          },
          mode: { ...MODE, description: 'Octal; default what the file has, 0644 for a new one.' },
        },
        { oneOf: [{ required: ['content'] }, { required: ['content_base64'] }] },
      ),
    ),
    delete: action('Deletes a file.', paramsOf(['path'], { path: PATH })),
    move: action(
      'Renames a file; nothing may have the new name.',
      paramsOf(['from', 'to'], { from: PATH, to: PATH }),
    ),
    chmod: action('Sets the mode of a file.', paramsOf(['path', 'mode'], { path: PATH, mode: MODE })),
  };
}

export function filesystemCapabilities({
  max_bytes,
  timeout_ms,
  rollback_window_ms,
}: FilesystemLimits): Capabilities {
  return {
    guarantee: 'cas',
    dry_run: 'computed',
    probe: true,
    rollback: {
      can_rollback: true,
      method: 'snapshot-restore',
      window_ms: rollback_window_ms,
      limitations: Object.keys(FILESYSTEM_LIMITATIONS),
    },
    limits: { max_targets: 2, max_bytes, timeout_ms },
  };
}
