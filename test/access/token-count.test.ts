/**
 * Tokens at the start of a server: found without reading the whole log, and without believing the index.
 */
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { carryTokens } from '../../packages/indelible/src/access/token-carry.ts';
import { TokenRegistry } from '../../packages/indelible/src/access/token-registry.ts';
import { indexPath, openLedger } from '../../packages/indelible/src/compose.ts';
import type { Ledger } from '../../packages/indelible/src/ledger/ledger.ts';
import type { LedgerWriter } from '../../packages/indelible/src/ledger/types.ts';

const ROOT = { type: 'user', id: 'root' };
const READ = { name: 'reader', scopes: ['audit:read'] };
const EVERY = 20;

async function newUrl(t: TestContext): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'indelible-count-'));
  t.after(() => rm(folder, { recursive: true, force: true }));
  return `sqlite:${join(folder, 'ledger.db')}`;
}

async function fill(ledger: Ledger, count: number): Promise<void> {
  await Promise.all(Array.from({ length: count }, () => ledger.record({ action: 'filler' })));
}

/** Opens the tokens; where the log was read from; how often a count was made. */
async function start(ledger: LedgerWriter): Promise<{ tokens: TokenRegistry; read_from: number[] }> {
  const read_from: number[] = [];
  const watched: LedgerWriter = Object.create(ledger, {
    store: {
      value: Object.create(ledger.store, {
        read_only: { value: false },
        firstSeq: { value: () => ledger.store.firstSeq() },
        read: {
          value: (from: number, to?: number) => {
            read_from.push(from);
            return ledger.store.read(from, to);
          },
        },
      }),
    },
    index: { value: ledger.index },
    get: { value: (seqs: readonly number[]) => ledger.get(seqs) },
    recordOwn: { value: (event: Parameters<LedgerWriter['recordOwn']>[0]) => ledger.recordOwn(event) },
  });
  return { tokens: await TokenRegistry.open(watched, { follow: false, count_every: EVERY }), read_from };
}

/** A ledger with a live and a revoked token, and, if asked for, a count behind them. */
async function ledgerWithTokens(url: string, is_counted: boolean) {
  const ledger = await openLedger(url);
  const tokens = await TokenRegistry.open(ledger, { follow: false });
  const kept = await tokens.issue({ ...READ, name: 'kept' }, ROOT);
  const gone = await tokens.issue(READ, ROOT);
  await tokens.revoke('reader', ROOT);
  await fill(ledger, EVERY);
  if (is_counted) await (await start(ledger)).tokens.close();
  await fill(ledger, 3);
  await ledger.caughtUp();
  await tokens.close();
  return { ledger, kept, gone };
}

for (const is_counted of [false, true]) {
  test(`a revoked token does not come back through an edited index${is_counted ? ', counted' : ''}`, async (t) => {
    const url = await newUrl(t);
    const { ledger, kept, gone } = await ledgerWithTokens(url, is_counted);
    await ledger.close();
    const edits = [
      "DELETE FROM actions WHERE action = 'access.token_revoked'",
      "DELETE FROM actions WHERE action = 'access.tokens_counted'",
      "DELETE FROM actions WHERE action LIKE 'access.%'",
      'UPDATE state SET position = position + 1000',
    ];
    for (const edit of edits) {
      const database = new DatabaseSync(indexPath(url)!);
      database.exec(edit);
      database.close();
      const edited = await openLedger(url);
      t.after(() => edited.close());
      const { tokens } = await start(edited);
      assert.equal(tokens.authenticate(gone.secret).refusal, 'revoked', edit);
      assert.equal(tokens.authenticate(kept.secret).refusal, null, edit);
      await edited.close();
    }
  });
}

test('a start reads what lies behind the last count, and counts again when that is much', async (t) => {
  const { ledger, kept, gone } = await ledgerWithTokens(await newUrl(t), true);
  t.after(() => ledger.close());
  const counts = async () => {
    await ledger.caughtUp();
    const filter = { action: 'access.tokens_counted' };
    return (await ledger.index!.search({ filter, order: 'newest', limit: 10 })).seqs;
  };
  const [counted] = await counts();
  const second = await start(ledger);
  assert.deepEqual(second.read_from, [counted], 'it begins where the count ended: at the count itself');
  assert.equal(second.tokens.authenticate(kept.secret).refusal, null);
  assert.equal(second.tokens.authenticate(gone.secret).refusal, 'revoked');
  assert.equal(second.tokens.list().length, 2);
  assert.equal((await counts()).length, 1, 'too little has come since to count again');
  await fill(ledger, EVERY);
  await (await start(ledger)).tokens.close();
  const [again] = await counts();
  assert.equal((await counts()).length, 2);
  assert.deepEqual((await start(ledger)).read_from, [again]);
});

test('a count outlives the eviction of some of what it counted', async (t) => {
  const { ledger, kept } = await ledgerWithTokens(await newUrl(t), true);
  t.after(() => ledger.close());
  const keep_from = (await ledger.get([1, 2, 3])).find(
    ({ record }) => record.action === 'access.token_created',
  )!.record.seq;
  const head = (await ledger.head())!.seq;
  await carryTokens(ledger, keep_from + 1);
  await ledger.caughtUp();
  // As if everything before were evicted: what is left, by the log and by the index.
  const evicted = (seqs: readonly number[]) => seqs.filter((seq) => seq > keep_from);
  const left: LedgerWriter = Object.create(ledger, {
    store: { value: ledger.store },
    get: { value: (seqs: readonly number[]) => ledger.get(evicted(seqs)) },
    index: { value: ledger.index },
    recordOwn: { value: (event: Parameters<LedgerWriter['recordOwn']>[0]) => ledger.recordOwn(event) },
  });
  const { tokens, read_from } = await start(left);
  assert.deepEqual(read_from, [head + 1]);
  assert.equal(tokens.authenticate(kept.secret).refusal, null);
  const before = (await ledger.head())!.seq;
  await carryTokens(ledger, keep_from + 1);
  assert.equal((await ledger.head())!.seq, before, 'what is counted is not counted again');
});
