import assert from 'node:assert/strict';
import { userInfo } from 'node:os';
import { test } from 'node:test';
import { jsonLines, makePlace } from './run-cli.ts';

const RUN = '4bf92f3577b34da6a3ce929d0e0e4736';

test('init makes a ledger once, with its name', async (t) => {
  const place = await makePlace(t);
  const made = await place.json(['init', '--name', 'acme.example/prod']);
  assert.equal(made.ledger, 'acme.example/prod');
  assert.equal(made.keyed, false);
  assert.equal(made.head.seq, 1);
  const again = await place.run(['init', '--json']);
  assert.equal(again.code, 2);
  assert.equal(JSON.parse(again.stderr).code, 'LEDGER_EXISTS');
  const [announced, first] = jsonLines((await place.run(['log', '--json'])).stdout);
  assert.equal(announced.record.action, 'ledger.signing_key_announced');
  assert.equal(first.record.action, 'ledger.created');
  assert.equal(first.record.ledger, 'acme.example/prod');
});

test('reading a ledger that is not there fails with 3 and makes nothing', async (t) => {
  const place = await makePlace(t);
  const commands = [
    ['log'],
    ['show', '0'],
    ['what-happened', RUN],
    ['verify'],
    ['export', '--format', 'csv'],
    ['reindex'],
    ['backup', 'b'],
    ['token', 'list'],
  ];
  const all = await Promise.all(commands.map((args) => place.run([...args, '--json'])));
  for (const [i, { code, stderr }] of all.entries()) {
    assert.equal(code, 3, commands[i]!.join(' '));
    assert.equal(JSON.parse(stderr).code, 'LEDGER_NOT_FOUND', commands[i]!.join(' '));
  }
  assert.equal((await place.run(['log'])).code, 3, 'and there is still none');
});

test('a ledger that was made is named as it is to be opened again: with its options', async (t) => {
  const place = await makePlace(t);
  const [one, two] = ['file:one?segments_max=3', 'file:two?segments_max=3'];
  assert.equal((await place.json(['init', '--ledger', one])).url, one);
  const { code, stderr } = await place.run(['record', 'user.login', '--ledger', two]);
  assert.equal(code, 0, stderr);
  assert.ok(stderr.includes(`made local/ledger in ${two}\n`), stderr);
});

test('record takes every member of an event; show gives it back whole', async (t) => {
  const place = await makePlace(t);
  const options = [
    ['--actor', 'agent:deploy-bot'],
    ['--on-behalf-of', 'user:alice'],
    ['--resource', 'secret:db/password:v2'],
    ['--outcome', 'denied'],
    ['--data', '{"n":[1,2]}'],
    ['--message', 'no \u001b[31mway'],
    ['--correlation-id', RUN.toUpperCase()],
    ['--idempotency-key', 'k-1'],
    ['--occurred-at', '2026-01-02T03:04:05Z'],
    ['--source', 'ci'],
    ['--event-type', 'set'],
    ['--session', 's-1'],
    ['--input-ref', 'in'],
    ['--output-ref', 'out'],
    ['--latency-ms', '12.5'],
    ['--cost-usd', '0.25'],
  ].flat();
  const first = await place.run(['record', 'secret.set', ...options, '--json']);
  assert.equal(first.code, 0, first.stderr);
  assert.match(JSON.parse(first.stderr).notice, /there was no ledger: made/);
  const receipt = JSON.parse(first.stdout);
  assert.equal(receipt.seq, 1);
  assert.equal(receipt.correlation_id, RUN);

  const retry = await place.json(['record', 'secret.set', ...options]);
  assert.deepEqual(retry, { ...receipt, duplicate: true });
  const conflict = await place.run(['record', 'other', '--idempotency-key', 'k-1', '--json']);
  assert.equal(conflict.code, 2);
  assert.equal(JSON.parse(conflict.stderr).code, 'IDEMPOTENCY_CONFLICT');

  const [bySeq, byId, plain] = await Promise.all([
    place.json(['show', '1']),
    place.json(['show', receipt.id.toUpperCase().replaceAll('-', '')]),
    place.run(['show', '1']),
  ]);
  assert.deepEqual(byId, bySeq);
  assert.equal(bySeq.hash, receipt.hash);
  assert.equal(bySeq.hash_verifies, true);
  const { record } = bySeq;
  assert.deepEqual(record.actor, {
    type: 'agent',
    id: 'deploy-bot',
    on_behalf_of: { type: 'user', id: 'alice' },
  });
  assert.deepEqual(record.resource, { type: 'secret', id: 'db/password:v2' });
  assert.deepEqual(record.data, { n: [1, 2] });
  assert.deepEqual(record.session, { id: 's-1' });
  assert.equal(record.message, 'no \u001b[31mway');
  assert.deepEqual([record.outcome, record.latency_ms, record.cost_usd], ['denied', 12.5, 0.25]);
  assert.ok(!plain.stdout.includes('\u001b'), 'a message cannot colour what an investigator reads');
  assert.match(plain.stdout, /verifies/);
  assert.equal((await place.run(['show', '99', '--json'])).code, 3);
});

test("a command line acts as local:<user>; the ledger's own actions are not for it", async (t) => {
  const place = await makePlace(t);
  await place.json(['record', 'user.login']);
  const { record } = await place.json(['show', '1']);
  assert.deepEqual(record.actor, { type: 'local', id: userInfo().username });
  const reserved = await place.run(['record', 'ledger.restored', '--json']);
  assert.equal(reserved.code, 2);
  assert.equal(JSON.parse(reserved.stderr).code, 'EVENT_INVALID');
});

test('record --stdin: a receipt a line, bad lines named, the rest recorded, equal lines kept apart', async (t) => {
  const place = await makePlace(t);
  const lines = ['{"action":"a"}', '', '{"action":"a"}', '{"action":', '{"no":"action"}', '{"action":"b"}'];
  const { code, stdout, stderr } = await place.run(['record', '--stdin', '--json'], {
    input: lines.join('\n'),
  });
  assert.equal(code, 3);
  assert.deepEqual(
    jsonLines(stdout).map(({ seq }) => seq),
    [1, 2, 3],
  );
  const problems = jsonLines(stderr);
  assert.deepEqual(
    problems.filter(({ position }) => position !== undefined).map(({ position, code }) => [position, code]),
    [
      ['line 4', 'JSON_INVALID'],
      ['line 5', 'EVENT_INVALID'],
    ],
  );
  assert.equal(problems.at(-1).code, 'IMPORT_INCOMPLETE');
});
