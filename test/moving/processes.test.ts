/** `copy` and `archive` as processes of their own: told to stop, and killed. */
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { openStore } from '../../packages/indelible/src/compose.ts';
import { jsonLines, makePlace, said } from '../cli/run-cli.ts';
import { until } from '../transparency/support.ts';
import { assertSameBytes, fill, makeAt, openAt } from './support.ts';

test('archive --once, again, and continuously until it is told to stop', async (t) => {
  const { folder, start, json } = await makePlace(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `file:${join(folder, 'to')}`];
  await makeAt(from, 10);
  const first = await json(['archive', from, to, '--once']);
  assert.deepEqual([first.size, first.error, first.failing_since], [12, null, null]);
  assert.equal((await json(['archive', from, to, '--once'])).size, 12, 'begun is said once');
  await assertSameBytes(from, to);

  const child = start(['archive', from, to]);
  await said(child, 'Archiving file:');
  const writer = await openAt(from);
  await fill(writer, 10);
  const store = await openStore(to, { read_only: true });
  await until('it is archived', async () => (await store.head())?.seq === 21);
  await store.close();
  await writer.close();
  const done = said(child, '22 records in the archive');
  child.kill('SIGTERM');
  await done;
  await assertSameBytes(from, to);
});

test('a copy that was killed goes on where it stopped', async (t) => {
  const { folder, start, json } = await makePlace(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  await makeAt(from, 15_000);
  const child = start(['copy', from, to]);
  const ended = new Promise((resolve) => child.on('close', resolve));
  const copied = async (): Promise<number> => {
    const store = await openStore(to, { read_only: true }).catch(() => null);
    const head = await store?.head().catch(() => null);
    await store?.close();
    return (head?.seq ?? -1) + 1;
  };
  await until('something is copied', async () => (await copied()) > 0);
  child.kill('SIGKILL');
  await ended;
  const before = await copied();
  const { resumed_at, records } = await json(['copy', from, to, '--no-record']);
  assert.deepEqual([resumed_at, records], [before, 15_002]);
  await assertSameBytes(from, to);
});

test('copy --follow goes on with every new record', async (t) => {
  const { folder, start } = await makePlace(t);
  const [from, to] = [`file:${join(folder, 'from')}`, `sqlite:${join(folder, 'to.db')}`];
  await makeAt(from, 5);
  const child = start(['copy', from, to, '--follow', '--json']);
  const summary = await said(child, '\n');
  const [{ records }] = jsonLines(summary);
  assert.equal(records, 7);
  await makeAt(from, 5);
  const store = await openStore(to, { read_only: true });
  await until('it follows', async () => (await store.head())?.seq === 11);
  await store.close();
  const ended = new Promise((resolve) => child.on('close', resolve));
  child.kill('SIGINT');
  assert.equal(await ended, 0);
});
