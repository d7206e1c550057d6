/** What a bucket lists: names with their versions, page by page. Pure. */

/** One version of an object. */
export interface Version {
  readonly version_id: string | null;
  readonly size: number;
  readonly etag: string;
  readonly modified_at: number | null;
}

/** A name, with its versions, the oldest first. */
export interface Named {
  readonly key: string;
  readonly versions: readonly Version[];
  /** Somebody deleted it: in a bucket that keeps versions, a marker hides them and they are there all the same. */
  readonly hidden: boolean;
}

/** Where a listing goes on. */
export type Cursor = { KeyMarker?: string; VersionIdMarker?: string; ContinuationToken?: string };

export interface Page {
  readonly names: readonly Named[];
  readonly next: Cursor | null;
}

export interface ListOptions {
  readonly prefix: string;
  /** Names behind this one; it need not exist. */
  readonly after?: string;
  /** So many entries to a page at most; default 1000. */
  readonly page?: number;
  readonly cursor?: Cursor;
}

interface Listed {
  readonly Key?: string | undefined;
  readonly VersionId?: string | undefined;
  readonly Size?: number | undefined;
  readonly ETag?: string | undefined;
  readonly LastModified?: Date | undefined;
}

/** Of one name a server lists the newest version first. */
export function byName(versions: readonly Listed[], markers: readonly Listed[]): Named[] {
  const hidden = new Set(markers.map(({ Key }) => Key));
  const names = new Map<string, Version[]>();
  for (const { Key = '' } of markers) names.set(Key, []);
  for (const one of versions) {
    const { Key = '' } = one;
    const known = names.get(Key) ?? [];
    known.unshift({
      version_id: one.VersionId ?? null,
      size: one.Size ?? 0,
      etag: one.ETag ?? '',
      modified_at: one.LastModified?.getTime() ?? null,
    });
    names.set(Key, known);
  }
  return [...names]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([key, known]) => ({ key, versions: known, hidden: hidden.has(key) }));
}
