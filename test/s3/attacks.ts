/**
 * The table of attacks, on a bucket without Object Lock whose every object somebody may replace. Some of them;
 * INDELIBLE_S3=full runs them all. What the same hands can do where there is Object Lock is in worm.ts: nothing.
 */
import { randomBytes } from 'node:crypto';
import { PutObjectCommand } from '@aws-sdk/client-s3';
import { batchMetadata, digits } from '../../packages/indelible/src/stores/s3/layout.ts';
import { inMemory, type Opened } from '../verify/attacks/places.ts';
import { type Court, testAttacks } from '../verify/attacks/run.ts';
import { ATTACKS } from '../verify/attacks/table.ts';
import { type State, textOf } from '../verify/attacks/world.ts';
import { FULL } from './conformance.ts';
import { type Buckets, newPrefix, openStore, plainUrl } from './support.ts';

/** One attack of so many: each takes a dozen requests for each of five verifiers. */
const SHARE = 20;

export function attacks(buckets: () => Buckets, court: () => Court): void {
  const prefix = newPrefix();
  let begun = false;

  async function place(state: State): Promise<Opened> {
    const { client, plain } = buckets();
    if (!begun) await (await openStore(plainUrl(buckets(), prefix))).close();
    begun = true;
    const [first, last] = [state.lines[0]!, state.lines.at(-1)!];
    const metadata = batchMetadata({
      first_seq: first.seq,
      last_seq: first.seq + state.lines.length - 1,
      hash: last.hash,
      nonce: randomBytes(8).toString('hex'),
      confirmed_seq: -1,
    });
    const key = `${prefix}/log/${digits(0)}`;
    await client.send(
      new PutObjectCommand({ Bucket: plain, Key: key, Body: textOf(state.lines), Metadata: metadata }),
    );
    // What lies beside the log is not this store's business.
    const { stored, close } = await inMemory(state);
    await close();
    const store = await openStore(plainUrl(buckets(), prefix), { read_only: true });
    return { store, stored, close: () => store.close() };
  }

  const some = FULL ? ATTACKS : ATTACKS.filter((_, i) => i % SHARE === 0);
  testAttacks('s3', court, place, false, some);
}
