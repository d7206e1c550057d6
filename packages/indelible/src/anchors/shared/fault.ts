/**
 * What the operating system raised, as one of our errors.
 *
 * Errors:  ANCHOR_UNAVAILABLE.
 * Pure:    no I/O.
 */
import { IndelibleError, isIndelibleError } from '@indelible/core';

const MEANINGS: Readonly<Record<string, string>> = {
  ENOENT: 'is not there; is the disk mounted?',
  ENOTDIR: 'is not in a folder',
  EACCES: 'may not be used by this user',
  EPERM: 'may not be used by this user',
  EROFS: 'is on a disk that cannot be written',
  ENOSPC: 'is on a disk that is full',
  EDQUOT: 'is on a disk that is full for this user',
  ELOOP: 'is a symbolic link',
  EISDIR: 'is a folder',
};

/** Our own errors as they are, everything else as ANCHOR_UNAVAILABLE with the place and the reason. */
export function placeFault(error: unknown, anchor: string): IndelibleError {
  if (isIndelibleError(error)) return error;
  const code = String((error as { code?: unknown } | null)?.code ?? 'unknown');
  const meaning = MEANINGS[code] ?? `could not be used (${code}: ${(error as Error)?.message})`;
  return new IndelibleError('ANCHOR_UNAVAILABLE', `${anchor} ${meaning}`, { cause: error });
}
