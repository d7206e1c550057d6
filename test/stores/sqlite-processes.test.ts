/** Several processes on one SQLite file, and processes that die. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { sampleBatch, sampleLines } from '../../packages/indelible/src/stores/conformance.ts';
import { FULL } from '../support/runs.ts';
import { startWriter } from './support/processes.ts';
import { chainRows, ledgerPath, openAt, type Row } from './support/sqlite-ledger.ts';

/** What a writer said, against what is stored: every acknowledged record is where it said. */
function assertKept(said: readonly string[], rows: readonly Row[]): void {
  for (const line of said) {
    const [seq, hash] = line.split(' ');
    assert.equal(rows[Number(seq)]?.hash, hash, `acknowledged record ${seq} is stored: ${line}`);
  }
}

test('pitfall 1: processes that append at once make no fork', async (t) => {
  const path = ledgerPath(t);
  // They also race to create the file.
  const writers = ['left', 'right', 'third'].map((note) => startWriter(t, path, note, 0));
  // None stops before all have appended beside the others.
  await Promise.all(writers.map(({ until }) => until(150)));
  for (const { child } of writers) child.kill('SIGTERM');
  const said = await Promise.all(writers.map(({ ended }) => ended));
  const rows = chainRows(path);
  for (const [i, lines] of said.entries()) {
    assert.ok(lines.length >= 150, `writer ${i} said: ${lines.at(-1)}`);
    assertKept(lines, rows);
  }
  assert.equal(rows.length, said.flat().length, 'nothing is stored that nobody appended');
  const notes = rows.map(({ body }) => JSON.parse(body).data.note);
  const turns = notes.filter((note, i) => note !== notes[i - 1]).length;
  assert.ok(turns >= writers.length, 'they took turns');
});

test('pitfall 3: an append that lost the race is raised, never dropped', async (t) => {
  const path = ledgerPath(t);
  const stores = await Promise.all([openAt(t, path), openAt(t, path), openAt(t, path)]);
  const start = sampleLines(1);
  await stores[0].append(sampleBatch(start), null);
  let head = { seq: 0, hash: start[0]!.hash };
  const stored: string[] = [start[0]!.hash];
  for (let round = 0; round < 10; round++) {
    const after = { ...head, bytes: new Uint8Array(), text: '' };
    const rivals = stores.map((_, i) => sampleLines(2, { after, note: `round ${round} store ${i}` }));
    const answers = await Promise.allSettled(
      stores.map((store, i) => store.append(sampleBatch(rivals[i]!), head)),
    );
    const won = answers.flatMap(({ status }, i) => (status === 'fulfilled' ? [i] : []));
    assert.equal(won.length, 1);
    const lines = rivals[won[0]!]!;
    stored.push(...lines.map(({ hash }) => hash));
    head = { seq: lines[1]!.seq, hash: lines[1]!.hash };
    for (const answer of answers) {
      if (answer.status === 'fulfilled') continue;
      assert.equal(answer.reason.code, 'HEAD_MOVED');
      assert.deepEqual(answer.reason.details, { head }, 'it says where the head is now');
    }
    for (const store of stores)
      assert.deepEqual(await store.head(), head, 'every process sees the same head');
  }
  assert.deepEqual(
    chainRows(path).map(({ hash }) => hash),
    stored,
  );
});

test('kill -9 in the middle of appends loses nothing that was acknowledged, and the next append works', async (t) => {
  const path = ledgerPath(t);
  const acknowledged: string[] = [];
  for (const count of FULL ? [1, 4, 19, 80] : [1, 19]) {
    const writer = startWriter(t, path, `killed after ${count}`, 0);
    const beside = startWriter(t, path, 'beside it', 0);
    await Promise.all([writer.until(count), beside.until(count)]);
    writer.child.kill('SIGKILL');
    acknowledged.push(...(await writer.ended));
    const before = beside.said.length;
    await beside.until(before + 20);
    beside.child.kill('SIGKILL');
    acknowledged.push(...(await beside.ended));
    const rows = chainRows(path);
    assert.ok(acknowledged.length > before + 20, 'the other writer went on');
    assertKept(acknowledged, rows);
  }
  const store = await openAt(t, path);
  const head = await store.head();
  assert.ok(head !== null);
  const next = sampleLines(3, { after: { ...head, bytes: new Uint8Array(), text: '' } });
  await store.append(sampleBatch(next), head);
  assert.deepEqual(await store.inspect(), []);
  await store.close();
  assertKept(
    next.map(({ seq, hash }) => `${seq} ${hash}`),
    chainRows(path),
  );
});

test('an append of another process wakes those who wait', async (t) => {
  const path = ledgerPath(t);
  const store = await openAt(t, path);
  const waiting = store.waitForAppend(2, new AbortController().signal);
  const writer = startWriter(t, path, 'elsewhere', 3);
  assert.equal((await writer.ended).length, 1 + 2 + 3);
  await waiting;
  assert.ok((await store.head())!.seq >= 2);
});
