import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { test } from 'node:test';
import { openLedger, openStore } from '../../packages/indelible/src/compose.ts';
import { makePlace, outcome, type Place } from './run-cli.ts';

const EVENTS = Array.from({ length: 50 }, (_, i) =>
  JSON.stringify({ action: 'step.done', message: `step ${i}` }),
).join('\n');

async function lines(place: Place, name: string): Promise<string[]> {
  return (await readFile(join(place.folder, name), 'utf8')).trimEnd().split('\n');
}

/** The first lines of a ledger, as its store has them. */
async function stored(place: Place, url: string, count: number): Promise<string[]> {
  const [scheme, path] = url.split(':') as [string, string];
  const store = await openStore(`${scheme}:${join(place.folder, path)}`, { read_only: true });
  try {
    const lines = await store.get(Array.from({ length: count }, (_, seq) => seq));
    return lines.map(({ line }) => Buffer.from(line).toString().trimEnd());
  } finally {
    await store.close();
  }
}

for (const [from, to] of [
  ['sqlite:a.db', 'file:b'],
  ['file:a', 'sqlite:b.db'],
] as const) {
  test(`backup of ${from}, restored to ${to}: byte for byte, verified, recorded on both sides`, async (t) => {
    const place = await makePlace(t);
    await place.fill(EVENTS, { INDELIBLE_LEDGER: from });
    const made = await place.json(['backup', 'copy', '--ledger', from]);
    assert.deepEqual([made.records, made.recorded, made.head.seq], [51, true, 50]);

    const [header, ...rest] = await lines(place, 'copy');
    const trailer = rest.pop()!;
    assert.deepEqual([JSON.parse(header!).indelible_backup, JSON.parse(header!).last_seq], [1, 50]);
    const body = `${[header, ...rest].join('\n')}\n`;
    assert.equal(createHash('sha256').update(body).digest('hex'), JSON.parse(trailer).sha256);
    assert.equal(rest.length, 51);
    assert.deepEqual(rest, await stored(place, from, 51), 'the lines exactly as stored');

    const restored = await place.json(['restore', 'copy', '--to', to]);
    assert.deepEqual(
      [restored.records, restored.verdict, restored.head.hash],
      [51, 'consistent', made.head.hash],
    );
    assert.deepEqual(await stored(place, to, 51), rest);
    const [there, here, verified, backup] = await Promise.all([
      place.json(['show', '51', '--ledger', to]),
      place.json(['show', '51', '--ledger', from]),
      place.json(['verify', '--ledger', to]),
      place.json(['verify', '--backup', 'copy']),
    ]);
    const { record } = there;
    assert.deepEqual([record.action, record.data.sha256], ['ledger.restored', made.sha256]);
    assert.equal(here.record.action, 'ledger.backed_up');
    assert.equal(verified.ok, true);
    assert.equal(backup.records_checked, 51);
  });
}

for (const url of ['sqlite:live.db', 'file:live']) {
  test(`backup while another process appends to ${url} is a consistent prefix`, async (t) => {
    const place = await makePlace(t);
    await place.run(['init', '--ledger', url]);
    const writer = place.start(['record', '--stdin', '--json', '--ledger', url]);
    const done = outcome(writer);
    const running = (): boolean => writer.exitCode === null && writer.signalCode === null;
    let stop = false;
    let acknowledged = -1;
    const ended = once(writer, 'close');
    const receipts = createInterface({ input: writer.stdout });
    receipts.on('line', (line) => (acknowledged = JSON.parse(line).seq));
    const receiptBehind = async (seq: number): Promise<void> => {
      while (acknowledged <= seq && running()) await Promise.race([once(receipts, 'line'), ended]);
    };
    // The next events as soon as receipts of the ones before arrive, until both backups are there.
    const feeding = (async () => {
      for (let i = 0; !stop && running(); i++) {
        writer.stdin.write(`${JSON.stringify({ action: 'live.event', message: `event ${i}` })}\n`.repeat(5));
        await receiptBehind(acknowledged);
      }
      writer.stdin.end();
    })();
    await receiptBehind(0);
    const one = await place.run(['backup', 'one', '--json', '--ledger', url]);
    assert.equal(one.code, 0, one.stderr);
    // What follows shows that the writer went on, however slow the machine is.
    await receiptBehind(JSON.parse(one.stdout).head.seq);
    const two = await place.run(['backup', 'two', '--json', '--ledger', url]);
    stop = true;
    await feeding;
    const written = await done;
    assert.equal(written.code, 0, written.stderr);
    assert.equal(two.code, 0, two.stderr);
    const heads = [one, two].map(({ stdout }) => JSON.parse(stdout).head.seq as number);
    assert.ok(heads[1]! > heads[0]!, 'what was written meanwhile is in the second');
    if (url.startsWith('file:')) assert.match(one.stderr, /not recorded/);
    const reports = await Promise.all(['one', 'two'].map((name) => place.json(['verify', '--backup', name])));
    for (const { verdict } of reports) assert.equal(verdict, 'consistent');
    const [first, second] = [await lines(place, 'one'), await lines(place, 'two')];
    assert.deepEqual(
      second.slice(1, first.length - 1),
      first.slice(1, -1),
      'the earlier is the beginning of the later',
    );
    assert.equal((await place.json(['restore', 'two', '--to', 'sqlite:restored.db'])).verdict, 'consistent');
  });
}

test('pitfall 10: a bounded ledger that has dropped its oldest segments is backed up and restored as it is', async (t) => {
  const place = await makePlace(t);
  const url = 'file:bounded?segments_max=2&segment_bytes_max=8192';
  const ledger = await openLedger(url.replace('file:', `file:${place.folder}/`));
  for (let i = 0; i < 10_000 && (await ledger.store.firstSeq()) === 0; i++) {
    await ledger.record({ action: 'step.done', message: `step ${i}` });
  }
  await ledger.close();
  const made = await place.json(['backup', 'copy', '--ledger', url]);
  assert.ok(made.first_seq > 0, 'segments were dropped');
  for (const to of ['sqlite:b.db', 'file:b']) {
    assert.equal((await place.json(['restore', 'copy', '--to', to])).verdict, 'consistent');
    assert.equal((await place.json(['verify', '--ledger', to])).first_seq, made.first_seq);
  }
});
