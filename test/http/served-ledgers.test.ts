/**
 * What `serve` serves: ledgers that are signed, cosigned and anchored, and that record whatever fails there.
 */
import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatVerifierKey, verifierKey } from '@indelible/core';
import type { Anchor } from '../../packages/indelible/src/anchors/contract.ts';
import { openLedger, scheduleAnchors } from '../../packages/indelible/src/compose.ts';
import type { AnchorState } from '../../packages/indelible/src/http/checkpoint-state.ts';
import { serve } from '../../packages/indelible/src/http/serve.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { OutboxSealer } from '../../packages/indelible/src/outbox/sealer.ts';
import { loadOrCreateSigningKey } from '../../packages/indelible/src/transparency/signing-key-file.ts';
import { signer, until } from '../transparency/support.ts';
import { readCheckpoint, readLog } from './log-client.ts';
import { recordsOf } from './support.ts';

async function temporaryFolder(t: { after(work: () => Promise<void>): void }): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-served-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** Quiet, on a free port, with a key of its own for every ledger. */
const SIGNED = {
  port: 0,
  print: () => {},
  signals: false,
  log_level: 'silent',
  signerFor: async (name: string) => signer(1, name),
} as const;

interface Health {
  readonly ledgers: readonly {
    readonly checkpoint: { readonly size: number };
    readonly anchors: readonly AnchorState[];
  }[];
}

test('a new ledger is signed, anchored on its own account, and what fails there fails nobody else', async (t) => {
  const folder = await temporaryFolder(t);
  const anchor_file = join(folder, 'anchors.jsonl');
  const options = {
    ...SIGNED,
    ledger_urls: [`sqlite:${join(folder, 'ledger', 'ledger.db')}`],
    name: 'acme.example/prod',
    log_access: 'public',
    metrics_access: 'open',
    anchor_urls: [`file:${anchor_file}#auditor`, `file:${join(folder, 'not-mounted', 'a.jsonl')}#away`],
  } as const;
  const running = await serve(options);
  t.after(() => running.close());
  const get = (path: string) => fetch(`${running.url}/log/acme.example/prod/${path}`);
  const anchors = async () => {
    const health = (await (await fetch(`${running.url}/healthz`)).json()) as Health;
    return Object.fromEntries(health.ledgers[0]!.anchors.map((one) => [one.anchor, one]));
  };
  await until('the first checkpoint', async () => (await get('checkpoint')).status === 200);
  const keys = (await (await get('log.vkey')).text()).trim().split('\n');
  const checkpoint = await readCheckpoint(get, keys);
  await readLog(get, checkpoint);

  // Nothing was there to anchor when it was asked first: it is asked again in a minute.
  const [scheduler] = running.served.anchors.values();
  await scheduler!.anchorNow();
  const { 'file:auditor': good, 'file:away': bad } = await anchors();
  assert.deepEqual([good!.ok, good!.fault], [true, null]);
  assert.deepEqual([bad!.ok, bad!.fault], [false, 'ANCHOR_UNAVAILABLE']);
  assert.ok(good!.last_anchored_size! >= checkpoint.size && bad!.failing_since !== null);
  assert.equal((await fetch(`${running.url}/readyz`)).status, 200);
  const ledger = running.served.ledgers.get('acme.example/prod')!;
  assert.equal((await ledger.record({ action: 'a' })).duplicate, undefined, 'recording goes on');
  const [anchored] = await recordsOf(ledger, 'ledger.anchored');
  assert.deepEqual(
    [anchored!.actor.id, (anchored!.data as { anchor: string }).anchor],
    ['serve', 'file:auditor'],
  );
  const [failed] = await recordsOf(ledger, 'ledger.anchor_failed');
  assert.deepEqual(
    [failed!.outcome, (failed!.data as { code: string }).code],
    ['error', 'ANCHOR_UNAVAILABLE'],
  );
  const kept = (await readFile(anchor_file, 'utf8')).trim().split('\n');
  // On a busy machine a first checkpoint may have been there when it was asked first.
  assert.equal(kept.length, (await recordsOf(ledger, 'ledger.anchored')).length);
  await running.close();

  // The records know: what was anchored is not anchored again, and the outage is known.
  const again = await serve(options);
  t.after(() => again.close());
  const [plan] = again.served.anchors.values();
  await until('the history is learned', () => plan!.status.every(({ next_at }) => next_at !== null));
  const status = Object.fromEntries(plan!.status.map((one) => [one.anchor, one]));
  assert.equal(status['file:auditor']!.last_anchored_size, good!.last_anchored_size);
  assert.equal(status['file:away']!.error!.code, 'ANCHOR_UNAVAILABLE');
  assert.equal((await readFile(anchor_file, 'utf8')).trim().split('\n').length, kept.length);
  const served = again.served.ledgers.get('acme.example/prod')!;
  assert.equal((await recordsOf(served, 'ledger.anchor_failed')).length, 1, 'one record for one outage');
  assert.equal(await served.transparency!.latest().then((newest) => newest !== null), true);
});

test('an idle ledger is anchored once: the record of anchoring is no news', async () => {
  const running = await serve({ ...SIGNED, ledger_urls: ['memory:'], anchor_urls: [] });
  try {
    const ledger = running.served.ledgers.get('local/ledger')!;
    const published: number[] = [];
    const anchor: Anchor = {
      name: 'file:test',
      kind: 'file',
      publish: async ({ size }) => {
        published.push(size);
        return { anchored_at: null, evidence: {} };
      },
      check: () => assert.fail('not here'),
      close: async () => {},
    };
    const scheduler = await scheduleAnchors(ledger, { anchors: [anchor] });
    for (let i = 0; i < 3; i++) {
      await ledger.transparency!.checkpointNow();
      await scheduler.anchorNow();
    }
    assert.equal(published.length, 1);
    await ledger.record({ action: 'news' });
    await ledger.transparency!.checkpointNow();
    await scheduler.anchorNow();
    assert.equal(published.length, 2);
    await scheduler.close();
  } finally {
    await running.close();
  }
});

test('what is configured wrongly is refused before a ledger is made', async (t) => {
  const folder = await temporaryFolder(t);
  const ledger_urls = [`sqlite:${join(folder, 'ledger.db')}`];
  const key = join(folder, 'signing.key');
  const { signer: exposed } = loadOrCreateSigningKey(key, 'local/ledger');
  const cases: readonly [object, string][] = [
    [{ withhold: true }, 'USAGE'],
    [{ policy: 'nonsense\n' }, 'POLICY_INVALID'],
    [{ anchor_urls: ['ftp://x'] }, 'ANCHOR_URL'],
    [{ anchor_urls: ['https://receiver.example/hook'], env: {} }, 'ANCHOR_CONFIG'],
    [{ anchor_urls: [`file:${folder}/a`, `file:${folder}/a`] }, 'ANCHOR_CONFIG'],
    [{ signerFor: async () => signer(1, 'another/name') }, 'SIGNER_REFUSED'],
    [{ signerFor: async () => exposed }, 'SIGNING_KEY_EXPOSED'],
    [{ signerFor: async () => null, anchor_urls: [`file:${folder}/a`] }, 'SIGNER_MISSING'],
  ];
  for (const [wrong, code] of cases) {
    await assert.rejects(serve({ ...SIGNED, ledger_urls, ...wrong }), { code });
    if (code === 'SIGNER_MISSING') continue;
    await assert.rejects(openLedger(ledger_urls[0]!, { create: false }), { code: 'LEDGER_NOT_FOUND' }, code);
  }
});

test('withheld until the witnesses have cosigned: a log that nobody is shown yet records all the same', async (t) => {
  const witness = signer(9, 'witness.example/w');
  const key = verifierKey(witness.key.name, 'ed25519_cosignature', witness.key.public_key);
  const policy = `witness w ${formatVerifierKey(key)} http://127.0.0.1:1\nquorum w\n`;
  const running = await serve({
    ...SIGNED,
    ledger_urls: ['memory:'],
    log_access: 'hashes',
    policy,
    withhold: true,
  });
  t.after(() => running.close());
  const ledger = running.served.ledgers.get('local/ledger')!;
  await ledger.record({ action: 'a' });
  await until('the witness was asked', () => ledger.transparency!.fault !== null);
  assert.ok(ledger.transparency!.signed_size > 0);
  assert.equal((await fetch(`${running.url}/log/local/ledger/checkpoint`)).status, 404);
  const health = (await (await fetch(`${running.url}/healthz`)).json()) as Health;
  assert.equal(health.ledgers[0]!.checkpoint.size, 0);
  await ledger.record({ action: 'b' });
});

test('one ledger that does not close keeps no other from its last checkpoint', async (t) => {
  const folder = await temporaryFolder(t);
  const urls = ['hanging', 'other'].map((name) => `sqlite:${join(folder, `${name}.db`)}`);
  await (await openLedger(urls[1]!, { name: 'acme.example/other' })).close();
  // But for the first, checkpoints come with the close alone.
  const intervals = { checkpoint_interval_ms: 3_600_000, close_ms_max: 1 };
  const running = await serve({ ...SIGNED, ...intervals, ledger_urls: urls });
  const [hanging, other] = [...running.served.ledgers.values()] as [Ledger, Ledger];
  const { promise: answered, resolve: answer } = Promise.withResolvers<void>();
  const sealer = { start: () => {}, close: () => answered } as unknown as OutboxSealer;
  running.served.outboxes.set(hanging.name, sealer);
  t.after(async () => {
    answer();
    await until('the first is closed, too', async () => isClosed(hanging));
  });
  const { seq } = await other.record({ action: 'order.paid' });
  const { transparency } = other;
  await assert.rejects(running.close(), { code: 'STORE_UNAVAILABLE' });
  await until('the other is closed', async () => isClosed(other));
  assert.equal(transparency!.signed_size, seq + 1);
  assert.equal(await isClosed(hanging), false);
});

async function isClosed(ledger: Ledger): Promise<boolean> {
  return ledger.head().then(
    () => false,
    () => true,
  );
}
