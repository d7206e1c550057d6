/** The one suite that every store satisfies, on one server: the cluster has tests of its own. */
import { after, test } from 'node:test';
import { runStoreConformance } from '../../packages/indelible/src/stores/conformance.ts';
import { openJetStreamStore } from '../../packages/indelible/src/stores/jetstream/jetstream-store.ts';
import { noNats, startNats } from '../support/nats-cluster.ts';

const missing = noNats();
if (missing !== false) test('jetstream', { skip: missing }, () => {});
else {
  // Messages of at most this size, so that every case with many records also has batches of several messages.
  const server = await startNats({ settings: 'max_payload: 96KB' });
  after(() => server.stop());
  let streams = 0;

  runStoreConformance(test, 'jetstream', async () => {
    const url = server.url(`CASE-${++streams}`);
    return { open: (options) => openJetStreamStore({ url, ...options }), remove: async () => {} };
  });
}
