/**
 * What the operating system says about a file, as errors with a code and a remedy.
 *
 * Pure:    no I/O.
 */
import { type ErrorCode, IndelibleError } from '@indelible/core';

const CODES: Readonly<Record<string, ErrorCode>> = {
  ENOSPC: 'STORE_FULL',
  EDQUOT: 'STORE_FULL',
  EACCES: 'STORE_READ_ONLY',
  EPERM: 'STORE_READ_ONLY',
  EROFS: 'STORE_READ_ONLY',
  ENOENT: 'STORE_UNAVAILABLE',
  ENOTDIR: 'STORE_UNAVAILABLE',
  EISDIR: 'STORE_UNAVAILABLE',
  EIO: 'STORE_UNAVAILABLE',
  EEXIST: 'STORE_UNAVAILABLE',
};

/** The error for a file that cannot be written; anything that is no file error comes back as it is. */
export function fileFailure(error: unknown, path: string): unknown {
  const system_code = (error as NodeJS.ErrnoException | null)?.code ?? '';
  const code = CODES[system_code];
  return code === undefined
    ? error
    : new IndelibleError(code, `${path} cannot be written (${system_code})`, {
        cause: error,
        details: { path },
      });
}
