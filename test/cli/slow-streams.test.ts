/** Whoever writes to a command, or reads from it, may take their time. */
import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { test } from 'node:test';
import { writeTo } from '../../packages/indelible/src/cli/streams.ts';
import { until } from '../transparency/support.ts';
import { makePlace, outcome } from './run-cli.ts';

for (const command of [
  ['record', '--stdin'],
  ['import', 'jsonl', '-'],
]) {
  test(`${command.join(' ')} ends on a signal also while nothing comes`, async (t) => {
    const place = await makePlace(t);
    await place.json(['init', '--no-signing']);
    const child = place.start(command);
    const ended = outcome(child);
    child.stdin.write('{"action":"order.paid"}\n');
    await until('it is recorded', async () => (await place.json(['verify'])).head.seq === 1);
    child.kill('SIGTERM');
    const { code, stderr } = await ended;
    assert.deepEqual([code, stderr], [130, 'interrupted\n']);
    assert.equal((await place.json(['verify'])).verdict, 'consistent');
  });
}

test('however many wait for a slow reader, they wait together: no warning of a leak', async (t) => {
  const warned: Error[] = [];
  const note = (warning: Error) => void warned.push(warning);
  process.on('warning', note);
  t.after(() => process.off('warning', note));
  const stream = new PassThrough({ highWaterMark: 1 });
  const writes = Array.from({ length: 50 }, (_, i) => writeTo(stream, `${i}\n`));
  assert.ok(stream.listenerCount('drain') < 10, `${stream.listenerCount('drain')} listeners`);
  let read = '';
  stream.setEncoding('utf8').on('data', (text: string) => (read += text));
  await Promise.all(writes);
  await writeTo(stream, 'end\n');
  assert.equal(read.split('\n').length, 52);
  assert.deepEqual(warned, []);
});
