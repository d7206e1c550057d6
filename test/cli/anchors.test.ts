/** anchor, anchors: checkpoints that are kept elsewhere, and compared. */
import assert from 'node:assert/strict';
import { cp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { verifyWebhook } from '../../packages/indelible/src/anchors/webhook/signature.ts';
import { receiver } from './receiver.ts';
import { makeHere } from './run-here.ts';

const KEY = { INDELIBLE_SIGNING_KEY: Buffer.alloc(32, 5).toString('base64') };
const SECRET = `whsec_${Buffer.alloc(32, 6).toString('base64')}`;

test('anchors keep the newest checkpoint, each anchoring is a record, and they agree with the log', async (t) => {
  const here = await makeHere(t);
  await here.json(['init'], KEY);
  const { seq } = await here.json(['record', 'a']);
  const hook = await receiver(t);
  const urls = [`file:${join(here.folder, 'kept.jsonl')}`, `sqlite:${join(here.folder, 'kept.db')}`];
  const env = { ...KEY, INDELIBLE_WEBHOOK_SECRET: SECRET };
  const { outcomes } = await here.json(['anchor', '--anchor', ...urls, `${hook.url}#auditor`], env);
  assert.deepEqual(
    outcomes.map(({ result, size }: { result: string; size: number }) => [result, size]),
    Array(3).fill(['anchored', seq + 1]),
    'over what was recorded without a signer too',
  );
  verifyWebhook(hook.got[0]!.headers, hook.got[0]!.body, SECRET);
  const { anchorings, compared } = await here.json(['anchors', '--anchor', ...urls]);
  assert.deepEqual(anchorings.map(({ anchor }: { anchor: string }) => anchor).toSorted(), [
    `database:${join(here.folder, 'kept.db')}`,
    `file:${join(here.folder, 'kept.jsonl')}`,
    'webhook:auditor',
  ]);
  assert.deepEqual(
    compared.map(({ verdict, held, size }: { verdict: string; held: number; size: number }) => [
      verdict,
      held,
      size,
    ]),
    Array(2).fill(['agrees', 1, seq + 1]),
  );
  const again = await here.json(['anchor', '--anchor', urls[0]!], KEY);
  assert.equal(again.outcomes[0].result, 'nothing_new');
  const unasked = await here.run(['anchors', '--anchor', hook.url], env);
  assert.equal(unasked.code, 3, 'what cannot be asked is not checked');
});

test('pitfall 11: an anchor contradicts a log that was cut, and one that was rewritten under the same key', async (t) => {
  const here = await makeHere(t);
  const ledger = join(here.folder, 'ledger');
  const kept = `file:${join(here.folder, 'kept.jsonl')}`;
  await here.json(['init'], KEY);
  await cp(ledger, join(here.folder, 'old'), { recursive: true });
  await here.json(['record', 'a'], KEY);
  await here.json(['anchor', '--anchor', kept], KEY);
  await rm(ledger, { recursive: true });
  await rename(join(here.folder, 'old'), ledger);
  const cut = await here.run(['anchors', '--anchor', kept]);
  assert.equal(cut.code, 1, cut.stderr);
  assert.match(cut.stdout, /CONTRADICTS .* its end was cut/);
  const refused = await here.run(['anchor', '--anchor', kept], KEY);
  assert.equal(refused.code, 1);
  assert.match(refused.stdout, /failed .* ANCHOR_CONFLICT/);
  for (const action of ['b', 'c']) await here.json(['record', action], KEY);
  const rewritten = await here.run(['anchors', '--anchor', kept]);
  assert.equal(rewritten.code, 1);
  assert.match(rewritten.stdout, /another root/);
});

test('an entry in an anchor that the log did not sign accuses nobody', async (t) => {
  const here = await makeHere(t);
  await here.json(['init'], KEY);
  const kept = join(here.folder, 'kept.jsonl');
  const stranger = { INDELIBLE_SIGNING_KEY: Buffer.alloc(32, 9).toString('base64') };
  const other = { ...stranger, INDELIBLE_LEDGER: `file:${join(here.folder, 'other')}` };
  await here.json(['init'], other);
  await here.json(['anchor', '--anchor', `file:${kept}`], other);
  const result = await here.run(['anchors', '--anchor', `file:${kept}`]);
  assert.equal(result.code, 3);
  assert.match(result.stdout, /holds 0 checkpoints: .*1 more are not signed by this log/);
});

test('what cannot be anchored names the next thing to try', async (t) => {
  const here = await makeHere(t);
  await here.json(['init', '--no-signing']);
  const unreachable = `file:${join(here.folder, 'none', 'kept.jsonl')}`;
  const cases: [args: string[], code: number, says: RegExp][] = [
    [['anchor', '--anchor', unreachable], 3, /CHECKPOINT_MISSING/],
    [['anchor', '--anchor', 'https://user:secret@x.example/'], 2, /ANCHOR_URL/],
    [['anchor', '--anchor', 'https://x.example/hook'], 2, /ANCHOR_CONFIG: .*INDELIBLE_WEBHOOK_SECRET/],
    [['anchor'], 2, /USAGE/],
  ];
  for (const [args, code, says] of cases) {
    const result = await here.run(args);
    assert.match(result.stderr, says);
    assert.equal(result.code, code);
    assert.doesNotMatch(result.stderr, /user:secret/);
  }
  await here.json(['checkpoint', '--now'], KEY);
  const failed = await here.run(['anchor', '--anchor', unreachable]);
  assert.equal(failed.code, 3);
  assert.match(failed.stdout, /failed .* ANCHOR_UNAVAILABLE: .*next: /);
});
