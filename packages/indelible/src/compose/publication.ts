/**
 * From a URL to where a log is published as static files: `s3://bucket/prefix?…`, as of a ledger, or `file:DIR`.
 *
 * Errors:  LEDGER_URL; those of the place.
 */
import { IndelibleError } from '@indelible/core';
import { openFolderPublication } from '../transparency/folder-publication.ts';
import type { Publication } from '../transparency/publication.ts';
import { openPublishedProofs } from '../transparency/published-proofs.ts';
import type { StoredProofs } from '../verification/types.ts';
import { parseLedgerUrl } from './ledger-url.ts';

/** Where logs are published to. */
export async function openPublication(url: string): Promise<Publication> {
  const place = parseLedgerUrl(url);
  if (place.scheme === 's3') {
    const { openS3Publication } = await import('../stores/s3/publication.ts');
    return openS3Publication({ url: place.url });
  }
  if (place.scheme === 'file' && place.options.size === 0) return openFolderPublication(place.path);
  throw new IndelibleError('LEDGER_URL', `a log is published to s3://bucket/prefix or file:DIR`);
}

/** Tree and checkpoints as they were published into a bucket; null where nothing was. */
export async function openProofsInBucket(url: string): Promise<StoredProofs | null> {
  const { openS3Publication } = await import('../stores/s3/publication.ts');
  const files = await openS3Publication({ url, read_only: true });
  try {
    const proofs = await openPublishedProofs(files);
    if (proofs === null) await files.close();
    return proofs === null ? null : { ...proofs, close: () => files.close() };
  } catch (error) {
    await files.close();
    throw error;
  }
}
