import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  contextFromTraceparent,
  currentContext,
  onBehalfOf,
  traceparent,
  withContext,
} from '../../packages/indelible/src/ledger/context.ts';
import { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import { openMemoryStore } from '../../packages/indelible/src/stores/memory.ts';

const TRACE = '4bf92f3577b34da6a3ce929d0e0e4736';
const HEADER = `00-${TRACE}-00f067aa0ba902b7-01`;

test('concurrent requests never see each other’s actor or correlation id', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  await Promise.all(
    Array.from({ length: 50 }, (_, i) =>
      withContext({ actor: { type: 'user', id: `u${i}` } }, async () => {
        const { correlation_id } = currentContext();
        for (let step = 0; step < 4; step++) {
          await new Promise((resolve) => setImmediate(resolve));
          const { seq } = await ledger.record({
            action: 'test.step',
            data: { i, correlation_id: correlation_id! },
          });
          const [stored] = await ledger.get([seq]);
          assert.deepEqual(stored!.record.actor, { id: `u${i}`, type: 'user' });
          assert.equal(stored!.record.correlation_id, correlation_id);
        }
      }),
    ),
  );
  await ledger.close();
});

test('an inner context inherits what it does not replace', () => {
  withContext({ actor: { type: 'user', id: 'ann' }, session: { id: 's1' } }, () => {
    const outer = currentContext();
    withContext({ actor: onBehalfOf({ type: 'agent', id: 'bot' }, outer.actor!) }, () => {
      assert.deepEqual(currentContext().actor, {
        type: 'agent',
        id: 'bot',
        on_behalf_of: { type: 'user', id: 'ann' },
      });
      assert.deepEqual(currentContext().session, { id: 's1' });
      assert.equal(currentContext().correlation_id, outer.correlation_id);
    });
  });
});

test('an actor changed after the fact does not change what is recorded', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  const delegator = { type: 'user', id: 'ann' };
  const actor = { type: 'agent', id: 'bot', on_behalf_of: delegator };
  await withContext({ actor }, async () => {
    delegator.id = 'mallory';
    actor.id = 'other';
    const { seq } = await ledger.record({ action: 'a' });
    const [stored] = await ledger.get([seq]);
    assert.deepEqual(stored!.record.actor, {
      id: 'bot',
      on_behalf_of: { id: 'ann', type: 'user' },
      type: 'agent',
    });
  });
  await ledger.close();
});

test('traceparent in: its trace id is the correlation id', async () => {
  const ledger = await Ledger.open({ store: await openMemoryStore() });
  await withContext(contextFromTraceparent(HEADER), async () => {
    const { seq, correlation_id } = await ledger.record({ action: 'a' });
    assert.equal(correlation_id, TRACE);
    const [stored] = await ledger.get([seq]);
    assert.equal(stored!.record.span_id, '00f067aa0ba902b7');
    assert.match(traceparent(), new RegExp(`^00-${TRACE}-(?!00f067aa0ba902b7)[0-9a-f]{16}-01$`));
  });
  await ledger.close();
});

for (const header of [
  undefined,
  '',
  'garbage',
  HEADER.toUpperCase(),
  HEADER.replace(TRACE, '0'.repeat(32)),
  HEADER.replace('00f067aa0ba902b7', '0'.repeat(16)),
  HEADER.replace(/^00/, 'ff'),
  `${HEADER}-extra`,
]) {
  test(`a malformed traceparent is ignored: ${header}`, () => {
    assert.deepEqual(contextFromTraceparent(header), {});
  });
}

test('a later version of traceparent is read as far as it is known', () => {
  assert.equal(contextFromTraceparent(`${HEADER.replace(/^00/, '01')}-more`).correlation_id, TRACE);
});
