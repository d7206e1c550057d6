/**
 * Compares the batches that are there with those that manifests speak of.
 *
 * A manifest is worth what its signature is: it is verified under the keys that the verifier believes. One that knows of
 * none takes those that are published beside it, which show no more than that the place agrees with itself.
 */
import { isIndelibleError } from '@indelible/core';
import { BatchDigest } from './batches-held.ts';
import type { Findings } from './findings.ts';
import { isManifestPath } from './layout.ts';
import { isSignedByOne, type Manifest, parseManifest } from './manifest.ts';
import type { OpenedLog } from './open-log.ts';

type Range = Pick<Manifest, 'from' | 'size' | 'batches'> & {
  readonly key: string;
  readonly digest: BatchDigest;
};

export class ManifestCheck {
  readonly #ranges: readonly Range[];
  readonly #prefix: string;

  private constructor(ranges: readonly Range[], prefix: string) {
    this.#ranges = ranges;
    this.#prefix = prefix;
  }

  static async begin(
    log: OpenedLog,
    findings: Findings,
    believed: readonly string[],
  ): Promise<ManifestCheck> {
    const { bucket, prefix } = log;
    const keys = believed.length > 0 ? believed : await publishedKeys(log);
    const whose = believed.length > 0 ? 'a key that is believed' : `a key of ${prefix}log.vkey`;
    const ranges: Range[] = [];
    for await (const names of bucket.names({ prefix: `${prefix}manifests/` })) {
      for (const { key, versions } of names) {
        if (!isManifestPath(key.slice(prefix.length))) {
          findings.add('unexpected_file', `${key} is no manifest`);
          continue;
        }
        const object = versions[0] === undefined ? null : await bucket.get(key, versions[0].version_id);
        if (object === null) continue;
        const manifest = read(object.bytes);
        if (manifest === null) findings.add('unexpected_file', `${key} is no manifest`);
        else if (!isSignedByOne(object.bytes, keys))
          findings.add('unexpected_file', `${key} is not signed with ${whose}; it does not count`);
        else ranges.push({ ...manifest, key, digest: new BatchDigest() });
      }
    }
    return new ManifestCheck(ranges, prefix);
  }

  /** A batch that counts. They must come in order. */
  add(slot: number, key: string, version_id: string | null): void {
    for (const { from, size, digest } of this.#ranges)
      if (slot >= from && slot < size) digest.add(key.slice(this.#prefix.length), version_id);
  }

  end(findings: Findings): void {
    for (const { key, from, size, batches, digest } of this.#ranges) {
      if (batches === null) continue;
      const held = digest.held();
      if (held.count === batches.count && held.sha256 === batches.sha256) continue;
      const detail = `${key} states ${batches.count} objects for the records from ${from} to ${size - 1}; there are ${held.count}, or others`;
      findings.add('segment_missing', detail, { damage: true, seq: from });
    }
  }
}

async function publishedKeys({ bucket, prefix }: OpenedLog): Promise<readonly string[]> {
  const key = `${prefix}log.vkey`;
  const vkeys = new Set<string>();
  for await (const [named] of bucket.names({ prefix: key })) {
    if (named?.key !== key) break;
    for (const { version_id } of named.versions) {
      const object = await bucket.get(key, version_id);
      for (const line of new TextDecoder().decode(object?.bytes).split('\n'))
        if (line !== '') vkeys.add(line);
    }
  }
  return [...vkeys];
}

function read(bytes: Uint8Array): Pick<Manifest, 'from' | 'size' | 'batches'> | null {
  try {
    return parseManifest(bytes);
  } catch (error) {
    if (isIndelibleError(error)) return null;
    throw error;
  }
}
