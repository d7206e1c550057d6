/**
 * Asking a bucket for names: with their versions where it keeps them, else its objects.
 *
 * Errors:  those of faults.ts.
 */
import type { Server } from './client.ts';
import { s3Fault } from './faults.ts';
import { byName, type Cursor, type ListOptions, type Named, type Page } from './listing.ts';

type ListPage = (options: ListOptions) => Promise<Page>;

/** Every name below a prefix, in order, page by page, with all its versions. */
export async function* allNames(
  list: ListPage,
  options: Omit<ListOptions, 'cursor'>,
): AsyncGenerator<Named[]> {
  let last: Named | null = null;
  let cursor: Cursor | undefined;
  do {
    const page: Page = await list({ ...options, ...(cursor === undefined ? {} : { cursor }) });
    const names: Named[] = [];
    for (const named of page.names) {
      if (last !== null && last.key === named.key) {
        last = {
          key: named.key,
          versions: [...named.versions, ...last.versions],
          hidden: last.hidden || named.hidden,
        };
        continue;
      }
      if (last !== null) names.push(last);
      last = named;
    }
    cursor = page.next ?? undefined;
    // Whether there are more versions of the last name is for the next page to say.
    if (cursor === undefined && last !== null) names.push(last);
    yield names;
  } while (cursor !== undefined);
}

export async function listVersions(server: Server, bucket: string, options: ListOptions): Promise<Page> {
  const { prefix, after, page, cursor } = options;
  const marker = cursor ?? (after === undefined ? {} : { KeyMarker: after });
  const command = new server.sdk.ListObjectVersionsCommand({
    Bucket: bucket,
    Prefix: prefix,
    ...marker,
    ...(page === undefined ? {} : { MaxKeys: page }),
  });
  try {
    const answer = await server.run((client, how) => client.send(command, how));
    const { NextKeyMarker: KeyMarker, NextVersionIdMarker: VersionIdMarker } = answer;
    const more = answer.IsTruncated === true && KeyMarker !== undefined;
    return {
      names: byName(answer.Versions ?? [], answer.DeleteMarkers ?? []),
      next: more ? { KeyMarker, ...(VersionIdMarker === undefined ? {} : { VersionIdMarker }) } : null,
    };
  } catch (error) {
    throw s3Fault(error, `s3://${bucket}`, `listing ${prefix}`);
  }
}

export async function listObjects(server: Server, bucket: string, options: ListOptions): Promise<Page> {
  const { prefix, after, page, cursor } = options;
  const command = new server.sdk.ListObjectsV2Command({
    Bucket: bucket,
    Prefix: prefix,
    ...(cursor ?? (after === undefined ? {} : { StartAfter: after })),
    ...(page === undefined ? {} : { MaxKeys: page }),
  });
  try {
    const answer = await server.run((client, how) => client.send(command, how));
    const { NextContinuationToken: ContinuationToken } = answer;
    const more = answer.IsTruncated === true && ContinuationToken !== undefined;
    return { names: byName(answer.Contents ?? [], []), next: more ? { ContinuationToken } : null };
  } catch (error) {
    throw s3Fault(error, `s3://${bucket}`, `listing ${prefix}`);
  }
}
