/** Every kind of damage to a chain is found, named rightly, and placed at the first record concerned. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type ChainDamage,
  ChainVerifier,
  GENESIS_HASH,
  keyedHash,
  leafHash,
  StretchVerifier,
  stretchesJoin,
} from '@indelible/core';
import { batchOf, type SealedLine, sealChain, sealLine } from '../support/chain.ts';

const LENGTH = 1000;
const key = { key_id: 'k1', secret: new Uint8Array(32).fill(7) };
const flavours = [
  {
    name: 'plain',
    chain: sealChain({ length: LENGTH }),
    shape: {},
    hash: (id: string | null) => (id === null ? leafHash : undefined),
  },
  {
    name: 'keyed',
    chain: sealChain({ length: LENGTH, key }),
    shape: { key },
    hash: (id: string | null) => (id === 'k1' ? keyedHash(key.secret) : undefined),
  },
];

interface Attack {
  readonly name: string;
  readonly damage: ChainDamage;
  readonly seq: number;
  /** Also expected, in order; default: nothing else. */
  readonly others?: readonly [ChainDamage, number][];
  readonly stored_seqs?: (lines: readonly SealedLine[]) => number[];
  act(
    chain: SealedLine[],
    seal: (seq: number, prev: string, members?: object) => SealedLine,
  ): { hash: string; body: string }[];
}

type Line = Pick<SealedLine, 'hash' | 'body'>;
const edit = (line: SealedLine, from: string, to: string) => ({ ...line, body: line.body.replace(from, to) });
const without = (chain: SealedLine[], from: number, count = 1) => [
  ...chain.slice(0, from),
  ...chain.slice(from + count),
];
const replaced = (chain: readonly Line[], at: number, ...lines: readonly Line[]) => [
  ...chain.slice(0, at),
  ...lines,
  ...chain.slice(at + 1),
];

const ATTACKS: Attack[] = [
  {
    name: 'one byte of data changed',
    damage: 'mutated',
    seq: 500,
    act: (c) => replaced(c, 500, edit(c[500]!, 'step 500', 'step 5O0')),
  },
  {
    name: 'one byte of the first record changed',
    damage: 'mutated',
    seq: 0,
    act: (c) => replaced(c, 0, edit(c[0]!, 'step', 'stop')),
  },
  {
    name: 'one byte of the last record changed',
    damage: 'mutated',
    seq: 999,
    act: (c) => replaced(c, 999, edit(c[999]!, 'step', 'stop')),
  },
  {
    name: 'the stored hash changed',
    damage: 'mutated',
    seq: 500,
    act: (c) => replaced(c, 500, { ...c[500]!, hash: 'f'.repeat(64) }),
  },
  {
    name: 'a quote broken',
    damage: 'mutated',
    seq: 500,
    act: (c) => replaced(c, 500, edit(c[500]!, '"step', '$step')),
  },
  {
    name: 'seq edited',
    damage: 'mutated',
    seq: 500,
    act: (c) => replaced(c, 500, edit(c[500]!, '"seq":500', '"seq":501')),
  },
  {
    name: 'seq edited to another length',
    damage: 'mutated',
    seq: 500,
    act: (c) => replaced(c, 500, edit(c[500]!, '"seq":500', '"seq":7')),
  },
  {
    name: 'id edited',
    damage: 'mutated',
    seq: 500,
    act: (c) => replaced(c, 500, edit(c[500]!, '"id":"019aa', '"id":"019ab')),
  },
  {
    name: 'prev_hash edited',
    damage: 'mutated',
    seq: 500,
    act: (c) => replaced(c, 500, edit(c[500]!, c[499]!.hash, 'e'.repeat(64))),
  },
  {
    name: 'a record replaced, its hash recomputed',
    damage: 'mutated',
    seq: 500,
    act: (c, seal) => replaced(c, 500, seal(500, c[499]!.hash, { message: 'forged' })),
  },
  {
    name: 'a record replaced by one that links to nothing',
    damage: 'mutated',
    seq: 500,
    act: (c, seal) => replaced(c, 500, seal(500, 'd'.repeat(64))),
  },
  { name: 'a record deleted', damage: 'missing', seq: 500, act: (c) => without(c, 500) },
  { name: 'two consecutive records deleted', damage: 'missing', seq: 500, act: (c) => without(c, 500, 2) },
  { name: 'a large part deleted', damage: 'missing', seq: 300, act: (c) => without(c, 300, 600) },
  { name: 'the beginning deleted', damage: 'head_missing', seq: 0, act: (c) => c.slice(100) },
  { name: 'record 0 deleted', damage: 'head_missing', seq: 0, act: (c) => c.slice(1) },
  {
    name: 'two neighbours swapped',
    damage: 'reordered',
    seq: 500,
    act: (c) => replaced(replaced(c, 500, c[501]!), 501, c[500]!),
  },
  { name: 'the first two swapped', damage: 'reordered', seq: 0, act: (c) => [c[1]!, c[0]!, ...c.slice(2)] },
  {
    name: 'a record moved far away',
    damage: 'reordered',
    seq: 300,
    act: (c) => [...without(c, 300).slice(0, 900), c[300]!, ...c.slice(901)],
  },
  {
    name: 'a record duplicated',
    damage: 'duplicated',
    seq: 500,
    act: (c) => replaced(c, 500, c[500]!, c[500]!),
  },
  {
    name: 'an old record duplicated later',
    damage: 'duplicated',
    seq: 10,
    act: (c) => replaced(c, 500, c[500]!, c[10]!),
  },
  {
    name: 'a record inserted that repeats a number and links to nothing',
    damage: 'inserted',
    seq: 500,
    act: (c, seal) => replaced(c, 500, seal(500, 'd'.repeat(64)), c[500]!),
  },
  {
    name: 'a record inserted with a number far ahead',
    damage: 'inserted',
    seq: 500,
    act: (c, seal) => replaced(c, 500, seal(5000, c[499]!.hash), c[500]!),
  },
  {
    name: 'a record inserted with an old number',
    damage: 'inserted',
    seq: 3,
    act: (c, seal) => replaced(c, 500, seal(3, 'c'.repeat(64)), c[500]!),
  },
  {
    name: 'forked: a rival behind the true record',
    damage: 'forked',
    seq: 500,
    act: (c, seal) => replaced(c, 500, c[500]!, seal(500, c[499]!.hash, { message: 'rival' })),
  },
  {
    name: 'forked: a rival in front of the true record',
    damage: 'forked',
    seq: 500,
    act: (c, seal) => replaced(c, 500, seal(500, c[499]!.hash, { message: 'rival' }), c[500]!),
  },
  {
    name: 'forked: a rival branch of three records',
    damage: 'forked',
    seq: 500,
    act: (c, seal) => {
      const a = seal(500, c[499]!.hash, { message: 'rival' });
      const b = seal(501, a.hash, { message: 'rival' });
      return replaced(c, 500, a, b, seal(502, b.hash, { message: 'rival' }), c[500]!);
    },
  },
  {
    name: 'a line of garbage inserted',
    damage: 'unreadable',
    seq: 500,
    act: (c) => replaced(c, 500, { hash: 'x', body: '' }, c[500]!),
  },
  {
    name: 'a line turned to garbage',
    damage: 'unreadable',
    seq: 500,
    act: (c) => replaced(c, 500, { hash: 'x', body: 'y' }),
  },
  {
    name: 'a record with a member that no reader knows',
    damage: 'not_canonical',
    seq: 999,
    act: (c, seal) => replaced(c, 999, seal(999, c[998]!.hash, { unknown: 1 })),
  },
  {
    name: 'a record that is too large for a tile',
    damage: 'not_canonical',
    seq: 999,
    act: (c, seal) => replaced(c, 999, seal(999, c[998]!.hash, { data: 'x'.repeat(65_535) })),
  },
  {
    name: 'bytes with the right hash that two parsers read differently',
    damage: 'not_canonical',
    seq: 999,
    act: (c, seal) => {
      const line = seal(999, c[998]!.hash);
      const body = line.body.replace('"outcome":"ok"', '"outcome":"ok","outcome":"error"');
      return replaced(c, 999, { body, hash: rehash(line, body) });
    },
  },
  {
    name: 'a record of another ledger',
    damage: 'wrong_ledger',
    seq: 999,
    act: (c, seal) => replaced(c, 999, seal(999, c[998]!.hash, { ledger: 'test/other' })),
  },
  {
    name: 'a record that claims an earlier time',
    damage: 'time_reversed',
    seq: 999,
    act: (c, seal) => replaced(c, 999, seal(999, c[998]!.hash, { recorded_at: '2020-01-01T00:00:00.000Z' })),
  },
  {
    name: 'the last record replaced by one that links to nothing',
    damage: 'relinked',
    seq: 999,
    act: (c, seal) => replaced(c, 999, seal(999, 'd'.repeat(64))),
  },
  {
    name: 'the number column edited',
    damage: 'column_mismatch',
    seq: 500,
    act: (c) => [...without(c, 500), c[500]!],
    stored_seqs: (lines) => lines.map((line, i) => (i === lines.length - 1 ? 5000 : line.seq)),
  },
  {
    name: 'the number column edited in place',
    damage: 'column_mismatch',
    seq: 999,
    act: (c) => c,
    stored_seqs: (lines) => lines.map((line) => (line.seq === 999 ? 1005 : line.seq)),
  },
];

function rehash(line: SealedLine, body: string): string {
  const bytes = new TextEncoder().encode(body);
  return line.body.includes('"key_id"') ? keyedHash(key.secret)(bytes) : leafHash(bytes);
}

for (const { name, chain, shape, hash } of flavours) {
  const seal = (seq: number, prev: string, members: object = {}) => sealLine(seq, prev, shape, members);

  test(`${name}: an untouched chain passes`, () => {
    const verifier = new ChainVerifier(hash);
    const { bytes, ends } = batchOf(chain);
    verifier.push(bytes, ends);
    const report = verifier.finish();
    assert.deepEqual(report.findings, []);
    assert.equal(report.records, LENGTH);
    assert.deepEqual([report.end?.seq, report.end?.hash], [999, chain[999]!.hash]);
  });

  for (const attack of ATTACKS) {
    test(`${name}: ${attack.name} is ${attack.damage} at ${attack.seq}`, () => {
      const lines = attack.act([...chain], seal);
      const stored_seqs = attack.stored_seqs?.(lines as SealedLine[]);
      const { bytes, ends } = batchOf(lines);
      const verifier = new ChainVerifier(hash);
      verifier.push(bytes, ends, stored_seqs);
      const { findings, findings_total } = verifier.finish();
      const expected = [[attack.damage, attack.seq], ...(attack.others ?? [])];
      assert.deepEqual(
        findings.map((finding) => [finding.damage, finding.seq]),
        expected,
        JSON.stringify(findings),
      );
      assert.equal(findings_total, expected.length);
      const quick = new StretchVerifier(hash);
      const clean = quick.push(bytes, ends, stored_seqs) && quick.report().beginning?.seq === 0;
      assert.equal(clean, false, 'the quick pass must not call it clean');
    });
  }

  test(`${name}: a cut tail cannot be seen in the chain alone`, () => {
    const verifier = new ChainVerifier(hash);
    const { bytes, ends } = batchOf(chain.slice(0, 900));
    verifier.push(bytes, ends);
    assert.deepEqual(verifier.finish().findings, []);
  });

  test(`${name}: stretches join exactly where they were cut, for every cut of a short chain`, () => {
    const short = chain.slice(0, 40);
    for (let cut = 1; cut < short.length; cut++) {
      const [before, after] = [short.slice(0, cut), short.slice(cut)].map((lines) => {
        const stretch = new StretchVerifier(hash);
        const { bytes, ends } = batchOf(lines);
        stretch.push(bytes, ends);
        return stretch.report();
      });
      assert.equal(stretchesJoin(before!, after!), true);
      assert.equal(stretchesJoin(after!, before!), false);
    }
  });

  test(`${name}: several acts are each named once`, () => {
    let lines: { hash: string; body: string }[] = [...chain];
    lines = replaced(lines as SealedLine[], 800, chain[800]!, chain[800]!);
    lines = without(lines as SealedLine[], 600, 3) as SealedLine[];
    lines = replaced(lines as SealedLine[], 100, edit(chain[100]!, 'step', 'stop'));
    const verifier = new ChainVerifier(hash);
    const { bytes, ends } = batchOf(lines);
    verifier.push(bytes, ends);
    const found = verifier.finish().findings.map(({ damage, seq }) => `${damage} ${seq}`);
    assert.deepEqual(found, ['mutated 100', 'missing 600', 'duplicated 800']);
  });
}

test('every single-byte change of a record is seen, in every position', () => {
  const chain = sealChain({ length: 3 });
  const { bytes, ends } = batchOf(chain);
  for (let at = ends[0]!; at < ends[1]!; at++) {
    const changed = bytes.slice();
    changed[at]! ^= 0x01;
    const verifier = new ChainVerifier((id) => (id === null ? leafHash : undefined));
    verifier.push(changed, ends);
    const { findings } = verifier.finish();
    assert.ok(findings.length > 0, `byte ${at - ends[0]!} of the line`);
    assert.ok(findings[0]!.seq <= 2);
  }
});

test('random garbage never hangs or crashes the verifier, and never passes', () => {
  const chain = sealChain({ length: 50 });
  let seed = 42;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) & 0x7fffffff;
    return seed % below;
  };
  for (let round = 0; round < 300; round++) {
    const lines = [...chain];
    for (let act = 0; act <= random(4); act++) {
      const at = random(lines.length);
      const pick = lines[random(lines.length)]!;
      if (random(3) === 0) lines.splice(at, 1);
      else if (random(2) === 0) lines.splice(at, 0, pick);
      else lines[at] = pick;
    }
    const same = lines.every((line, i) => line === chain[i]);
    const verifier = new ChainVerifier((id) => (id === null ? leafHash : undefined));
    const { bytes, ends } = batchOf(lines);
    verifier.push(bytes, ends);
    // A prefix of a chain is a chain: only an anchor shows that its tail is gone.
    assert.equal(verifier.finish().findings_total === 0, same, `round ${round}`);
  }
});

test('record 0 must begin the chain', () => {
  const forged = [sealLine(0, 'a'.repeat(64))];
  forged.push(sealLine(1, forged[0]!.hash));
  const verifier = new ChainVerifier((id) => (id === null ? leafHash : undefined));
  const { bytes, ends } = batchOf(forged);
  verifier.push(bytes, ends);
  assert.equal(verifier.finish().findings.length, 1);
  assert.notEqual(forged[0]!.body.includes(GENESIS_HASH), true);
});
