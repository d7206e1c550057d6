import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { openLedger } from '../../packages/indelible/src/compose.ts';
import { makePlace, outcome, type Place } from './run-cli.ts';

const EVENTS = Array.from({ length: 50 }, (_, i) =>
  JSON.stringify({ action: 'step.done', message: `step ${i}` }),
).join('\n');

async function lines(place: Place, name: string): Promise<string[]> {
  return (await readFile(join(place.folder, name), 'utf8')).trimEnd().split('\n');
}

for (const [from, to] of [
  ['sqlite:a.db', 'file:b'],
  ['file:a', 'sqlite:b.db'],
] as const) {
  test(`backup of ${from}, restored to ${to}: byte for byte, verified, recorded on both sides`, async (t) => {
    const place = await makePlace(t);
    await place.run(['record', '--stdin', '--ledger', from], { input: EVENTS });
    const made = await place.json(['backup', 'copy', '--ledger', from]);
    assert.deepEqual([made.records, made.recorded, made.head.seq], [51, true, 50]);

    const [header, ...rest] = await lines(place, 'copy');
    const trailer = rest.pop()!;
    assert.deepEqual([JSON.parse(header!).indelible_backup, JSON.parse(header!).last_seq], [1, 50]);
    const body = `${[header, ...rest].join('\n')}\n`;
    assert.equal(createHash('sha256').update(body).digest('hex'), JSON.parse(trailer).sha256);
    const exported = await place.run(['export', '--format', 'jsonl', '--limit', '51', '--ledger', from]);
    assert.deepEqual(rest, exported.stdout.trimEnd().split('\n').slice(0, -1), 'the lines exactly as stored');

    const restored = await place.json(['restore', 'copy', '--to', to]);
    assert.deepEqual(
      [restored.records, restored.verdict, restored.head.hash],
      [51, 'consistent', made.head.hash],
    );
    const copy = await place.run(['export', '--format', 'jsonl', '--limit', '51', '--ledger', to]);
    assert.deepEqual(copy.stdout.trimEnd().split('\n').slice(0, -1), rest);
    const { record } = await place.json(['show', '51', '--ledger', to]);
    assert.deepEqual([record.action, record.data.sha256], ['ledger.restored', made.sha256]);
    assert.equal((await place.json(['show', '51', '--ledger', from])).record.action, 'ledger.backed_up');
    assert.equal((await place.json(['verify', '--ledger', to])).ok, true);
    assert.equal((await place.json(['verify', '--backup', 'copy'])).records_checked, 51);
  });
}

for (const url of ['sqlite:live.db', 'file:live']) {
  test(`backup while another process appends to ${url} is a consistent prefix`, async (t) => {
    const place = await makePlace(t);
    await place.run(['init', '--ledger', url]);
    const writer = place.start(['record', '--stdin', '--json', '--ledger', url]);
    const done = outcome(writer);
    let stop = false;
    const ended = new Promise((resolve) => writer.once('close', resolve));
    const first_receipt = new Promise((resolve) => writer.stdout.once('data', resolve));
    // The next events as soon as receipts of the ones before arrive, until both backups are there.
    const feeding = (async () => {
      for (let i = 0; !stop && writer.exitCode === null && writer.signalCode === null; i++) {
        const receipts = new Promise((resolve) => writer.stdout.once('data', resolve));
        writer.stdin.write(`${JSON.stringify({ action: 'live.event', message: `event ${i}` })}\n`.repeat(5));
        await Promise.race([receipts, ended]);
      }
      writer.stdin.end();
    })();
    await Promise.race([first_receipt, ended]);
    const one = await place.run(['backup', 'one', '--json', '--ledger', url]);
    const two = await place.run(['backup', 'two', '--json', '--ledger', url]);
    stop = true;
    await feeding;
    const written = await done;
    assert.equal(written.code, 0, written.stderr);
    assert.deepEqual([one.code, two.code], [0, 0], one.stderr + two.stderr);
    const heads = [one, two].map(({ stdout }) => JSON.parse(stdout).head.seq as number);
    assert.ok(heads[1]! > heads[0]!, 'the writer went on meanwhile');
    if (url.startsWith('file:')) assert.match(one.stderr, /not recorded/);
    for (const name of ['one', 'two'])
      assert.equal((await place.json(['verify', '--backup', name])).verdict, 'consistent');
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
