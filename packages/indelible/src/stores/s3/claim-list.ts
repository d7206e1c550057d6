/** The claims in the head bucket, beside the batches that they are for: both are read in order, once. */
import { createHash } from 'node:crypto';
import type { Named } from '../../s3/listing.ts';
import { type Commit, digits, formatClaim } from './layout.ts';
import type { Heads } from './open-log.ts';

export class ClaimList {
  readonly #heads: Heads;
  readonly #names: AsyncIterator<Named>;
  #current: Named | null = null;
  #ended = false;

  constructor(heads: Heads) {
    this.#heads = heads;
    this.#names = claims(heads);
  }

  /** Whether the claim of a batch says one of these. Batches must come in order. */
  async compare(commits: readonly Commit[]): Promise<'same' | 'missing' | 'another'> {
    const key = `${this.#heads.prefix}head/${digits(commits[0]!.slot)}`;
    while (!this.#ended && (this.#current === null || this.#current.key < key)) {
      const { value, done } = await this.#names.next();
      this.#ended = done === true;
      this.#current = done === true ? null : value;
    }
    const wanted = commits.map(formatClaim);
    const etag = this.#current?.key === key ? this.#current.versions[0]?.etag : undefined;
    if (wanted.some((bytes) => etag === `"${createHash('md5').update(bytes).digest('hex')}"`)) return 'same';
    // Not every server makes ETags of MD5, and a claim may have come since the page was listed.
    const claim = await this.#heads.bucket.get(key);
    if (claim === null) return 'missing';
    return wanted.some((bytes) => Buffer.compare(claim.bytes, bytes) === 0) ? 'same' : 'another';
  }
}

async function* claims({ bucket, prefix }: Heads): AsyncGenerator<Named> {
  for await (const names of bucket.names({ prefix: `${prefix}head/` })) yield* names;
}
