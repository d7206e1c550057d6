/** How many servers must keep each message is said by a ledger's URL alone: a URL that says another number is no damage. */
import assert from 'node:assert/strict';
import { after, test } from 'node:test';
import { makePlace } from '../cli/run-cli.ts';
import { noNats, startNats } from '../support/nats-cluster.ts';

const skip = noNats();
const server = skip === false ? await startNats() : null;
after(() => server?.stop());

test('a new ledger is named with its options, and without them it is refused, not called damaged', {
  skip,
}, async (t) => {
  const { folder, json, run } = await makePlace(t);
  const given = `${server!.url('ONE')}&local=${folder}/derived`;
  const { url } = await json(['init', '--ledger', given]);
  assert.equal(url, given);
  const verified = await json(['verify', '--ledger', url]);
  assert.equal(verified.verdict, 'consistent');

  const without = `nats://${server!.hosts}/ONE`;
  const refusal = /num_replicas is 1, not 3: .*\(if no more are meant: \?replicas=1\)/;
  for (const command of [['verify'], ['log'], ['record', 'user.login']]) {
    const { code, stdout, stderr } = await run([...command, '--ledger', without]);
    assert.deepEqual([code, stdout], [3, ''], stderr);
    assert.match(stderr, /^error STORE_UNSUITABLE: /);
    assert.match(stderr, refusal);
  }
  const doctor = await run(['doctor', '--ledger', without]);
  assert.equal(doctor.code, 3, doctor.stdout);
  assert.match(doctor.stdout, refusal);
});
