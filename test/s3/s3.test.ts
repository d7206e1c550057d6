/** Everything about S3, against one real server: starting it takes longer than most tests. */
import { after, before, suite } from 'node:test';
import { noS3Server, type S3TestServer, startS3Server } from '../support/s3-server.ts';
import { Court } from '../verify/attacks/run.ts';
import { anchors } from './anchors.ts';
import { archives } from './archives.ts';
import { attacks } from './attacks.ts';
import { conformance } from './conformance.ts';
import { connector } from './connector.ts';
import { kills } from './kills.ts';
import { markers } from './markers.ts';
import { publishing } from './publishing.ts';
import { races } from './races.ts';
import { type Buckets, makeBuckets } from './support.ts';
import { unlocked } from './unlocked.ts';
import { worm } from './worm.ts';

const missing = noS3Server();
/** The server works on several requests at once; the tests wait for it most of the time. */
const AT_ONCE = 6;

suite('S3', { skip: missing, concurrency: AT_ONCE }, () => {
  let server: S3TestServer;
  let buckets: Buckets;
  let court: Court;
  before(async () => {
    server = await startS3Server();
    buckets = await makeBuckets(server);
    court = await Court.open();
  });
  after(() => {
    court?.close();
    buckets?.client.destroy();
    server?.stop();
  });
  conformance(() => buckets);
  worm(() => buckets);
  unlocked(() => buckets);
  races(() => buckets);
  markers(() => buckets);
  // They share a place.
  suite('attacks', { concurrency: 1 }, () =>
    attacks(
      () => buckets,
      () => court,
    ),
  );
  kills(() => buckets);
  publishing(() => buckets);
  archives(() => buckets);
  anchors(() => buckets);
  connector(() => server);
});
