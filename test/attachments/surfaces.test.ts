/** Attachments at the command line and over HTTP. */
import assert from 'node:assert/strict';
import { unlink } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { canonicalize } from '@indelible/core';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import { makePlace } from '../cli/run-cli.ts';
import { attachmentFiles, digestOf, large } from './support.ts';

const TEXT = canonicalize(large());

test('cli: record, show --attachment, verify; a lost attachment is exit code 1, with the record', async (t) => {
  const place = await makePlace(t);
  await place.fill(`{"action":"small"}\n${JSON.stringify({ action: 'large', data: large() })}`);
  const [shown, { attachment, data }, verified] = await Promise.all([
    place.run(['show', '2', '--attachment']),
    place.json(['show', '2', '--attachment']),
    place.run(['verify']),
  ]);
  assert.deepEqual([shown.code, shown.stdout], [0, `${TEXT}\n`]);
  assert.deepEqual([attachment.digest, data], [digestOf(TEXT), large()]);
  assert.match(verified.stdout, /attached +1 attachment compared/);

  const folder = join(place.folder, 'indelible-data/ledger.db.attachments');
  await unlink((await attachmentFiles(folder))[0]!);
  const [damaged, lost, none] = await Promise.all([
    place.run(['verify', '--json']),
    place.run(['show', '2', '--attachment']),
    place.run(['show', '1', '--attachment']),
  ]);
  const report = JSON.parse(damaged.stdout);
  assert.deepEqual([damaged.code, report.damage, report.first_bad_seq], [1, 'attachment_missing', 2]);
  assert.deepEqual([lost.code, none.code], [1, 3]);
});

test('http: an attachment is read with the scope of reading, as bytes that no browser runs, and the read is recorded', async (t) => {
  const printed: string[] = [];
  const running = await serve({
    ledger_urls: ['memory:'],
    port: 0,
    log_level: 'silent',
    signals: false,
    print: (line) => printed.push(line),
  });
  t.after(() => running.close());
  const secret = /ind_\S+/.exec(printed.join())![0];
  const call = (path: string, init: RequestInit = {}) =>
    fetch(running.url + path, {
      ...init,
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
    });
  const made = await call('/v1/records', {
    method: 'POST',
    body: JSON.stringify({ action: 'large', data: large() }),
  });
  assert.equal(made.status, 201);
  const { seq, id } = (await made.json()) as { seq: number; id: string };
  for (const name of [seq, id]) {
    const response = await call(`/v1/records/${name}/attachment`);
    assert.equal(response.status, 200);
    assert.deepEqual(
      ['content-type', 'x-content-type-options', 'content-disposition'].map((header) =>
        response.headers.get(header),
      ),
      ['application/json', 'nosniff', 'attachment'],
    );
    assert.equal(await response.text(), TEXT);
  }
  assert.equal((await call('/v1/records/0/attachment')).status, 404);
  assert.equal((await fetch(`${running.url}/v1/records/${seq}/attachment`)).status, 401);
  const reads = (await (await call('/v1/records?action=access.read&limit=10')).json()) as {
    records: { record: { data: { route: string } } }[];
  };
  const routes = reads.records.map(({ record }) => record.data.route);
  assert.equal(routes.filter((route) => route === 'GET /v1/records/{seq_or_id}/attachment').length, 3);
  assert.equal((await call('/v1/verify')).status, 200);
});
