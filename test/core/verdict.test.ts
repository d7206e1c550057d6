/**
 * The independent verifier: bytes, keys and a policy in, a graded verdict out. Logs are built by hand, without the code
 * that seals and signs in production.
 */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  type AnchorClaim,
  CheckpointJudge,
  encodeBundle,
  formatCheckpoint,
  formatNote,
  formatVerifierKey,
  type GradedVerdict,
  keyedHash,
  type LogTrust,
  LogVerifier,
  type LogVerifierOptions,
  leafHash,
  merkleRoot,
  type NoteSigner,
  parsePolicy,
  signCheckpoint,
  type VerdictProblem,
} from '@indelible/core';
import fc from 'fast-check';
import { batchOf, type SealedLine, sealChain, sealLine } from '../support/chain.ts';
import { runs } from '../support/runs.ts';
import { codeFrom, near, utf8 } from './codes.ts';
import { seedOf, signerOf } from './signatures.ts';

const ORIGIN = 'test/chain';
const TIME = 1763683200;
const log = signerOf(ORIGIN, 'ed25519', seedOf(1));
const w1 = signerOf('w1.example', 'ed25519_cosignature', seedOf(2));
const w2 = signerOf('w2.example', 'ml_dsa_44_cosignature', seedOf(3));
const stranger = signerOf(ORIGIN, 'ed25519', seedOf(4));
const vkey = ({ key }: NoteSigner): string => formatVerifierKey(key);
const policy = parsePolicy(
  `witness one ${vkey(w1)}\nwitness two ${vkey(w2)}\ngroup both all one two\nquorum both\n`,
);
const one_of = parsePolicy(
  `witness one ${vkey(w1)}\nwitness two ${vkey(w2)}\ngroup any any one two\nquorum any\n`,
);
const trust: LogTrust = { origin: ORIGIN, log_keys: [vkey(log)], policy: null };

const chain = sealChain({ length: 60 });
const secret = utf8('a secret of a keyed ledger, long');
const keyed = sealChain({ length: 60, key: { key_id: 'k1', secret } });
const bodies = (lines: readonly SealedLine[]): Uint8Array[] => lines.map(({ body }) => utf8(body));
const rootOf = (lines: readonly SealedLine[]): string => merkleRoot(bodies(lines).map(leafHash));

async function note(
  lines: readonly SealedLine[],
  signers: readonly (readonly [NoteSigner, number])[] = [[log, 0]],
  change: { origin?: string; root?: string; size?: number } = {},
): Promise<string> {
  const { origin = ORIGIN, root = rootOf(lines), size = lines.length } = change;
  const text = formatCheckpoint({ origin, size, root, extensions: [] });
  const signatures = await Promise.all(signers.map(([signer, time]) => signCheckpoint(text, signer, time)));
  return formatNote({ text, signatures });
}
const witnessed: readonly (readonly [NoteSigner, number])[] = [
  [log, 0],
  [w1, TIME],
  [w2, TIME + 60],
];

function verify(
  lines: readonly SealedLine[],
  notes: readonly string[],
  options: Partial<LogVerifierOptions> = {},
  anchors: readonly AnchorClaim[] = [],
): GradedVerdict {
  const verifier = new LogVerifier({ trust, ...options });
  for (const one of notes) verifier.addCheckpoint(one);
  for (const anchor of anchors) verifier.addAnchor(anchor);
  // In uneven pieces, as a stream comes.
  for (let at = 0; at < lines.length; at += 7) {
    const { bytes, ends } = batchOf(lines.slice(at, at + 7));
    verifier.push(bytes, ends);
  }
  return verifier.finish();
}
const problems = (verdict: GradedVerdict): VerdictProblem[] => verdict.findings.map(({ problem }) => problem);
const statuses = ({ consistent, signed, witnessed, anchored }: GradedVerdict): string[] =>
  [consistent, signed, witnessed, anchored].map(({ status, size }) => `${status} ${size}`);

test('a log alone is consistent, and no more', () => {
  const verdict = verify(chain, []);
  assert.deepEqual([verdict.result, verdict.grade, verdict.size], ['verified', 'consistent', 60]);
  assert.equal(verdict.root, rootOf(chain));
  assert.deepEqual(statuses(verdict), ['holds 60', 'unchecked 0', 'unchecked 0', 'unchecked 0']);
  assert.deepEqual(verdict.time, { kind: 'asserted' });
  assert.match(verdict.does_not_prove[0]!, /no record was cut from the end/);
  assert.deepEqual(verdict.findings, []);
});

test('with a signed checkpoint over everything it is signed, and says what a thief of the key could do', async () => {
  const verdict = verify(chain, [await note(chain.slice(0, 25)), await note(chain)]);
  assert.deepEqual([verdict.result, verdict.grade], ['verified', 'signed']);
  assert.deepEqual(verdict.checkpoint, {
    size: 60,
    root: rootOf(chain),
    signed_by: [ORIGIN],
    cosigned_by: [],
  });
  assert.match(verdict.does_not_prove[0]!, /signed anew by whoever holds its signing key/);
});

test('records behind the newest checkpoint are named as not covered', async () => {
  const verdict = verify(chain, [await note(chain.slice(0, 25))]);
  assert.deepEqual([verdict.result, verdict.grade, verdict.signed.size], ['verified', 'signed', 25]);
  assert.deepEqual(
    verdict.findings.map(({ problem, severity, detail }) => [problem, severity, detail]),
    [['not_covered', 'note', 'records 25 to 59 are in no checkpoint yet']],
  );
  assert.ok(verdict.does_not_prove.some((sentence) => sentence.includes('records 25 to 59')));
});

test('with the policy met it is witnessed, and the time is the one at which the last witness needed had seen it', async () => {
  const verdict = verify(chain, [await note(chain, witnessed)], { trust: { ...trust, policy } });
  assert.deepEqual([verdict.result, verdict.grade, verdict.witnessed.size], ['verified', 'witnessed', 60]);
  assert.deepEqual(verdict.time, {
    kind: 'attested',
    size: 60,
    at: new Date((TIME + 60) * 1000).toISOString(),
    by: ['one', 'two'],
  });
  const one = verify(chain, [await note(chain, witnessed)], { trust: { ...trust, policy: one_of } });
  assert.deepEqual([one.time.kind === 'attested' && one.time.by, one.grade], [['one'], 'witnessed']);
  assert.ok(verdict.does_not_prove.some((sentence) => sentence.includes('independent of the operator')));
});

test('a cosignature without a time is a cosignature, and attests no time', async () => {
  const signers = [
    [log, 0],
    [w1, TIME],
    [w2, 0],
  ] as const;
  const verdict = verify(chain, [await note(chain, signers)], { trust: { ...trust, policy } });
  assert.deepEqual([verdict.grade, verdict.time.kind], ['witnessed', 'asserted']);
});

test('a policy that is not met leaves it at signed, and incomplete', async () => {
  const verdict = verify(chain, [await note(chain, witnessed.slice(0, 2))], { trust: { ...trust, policy } });
  assert.deepEqual([verdict.result, verdict.grade], ['incomplete', 'signed']);
  assert.deepEqual(problems(verdict), ['policy_not_met']);
  assert.match(verdict.findings[0]!.detail, /needs 1 more of two/);
  assert.equal(verdict.time.kind, 'asserted', 'one witness of two is not enough to attest a time either');
  // Met earlier, it holds up to there.
  const earlier = [await note(chain.slice(0, 40), witnessed), await note(chain, witnessed.slice(0, 2))];
  const partly = verify(chain, earlier, { trust: { ...trust, policy } });
  assert.deepEqual([partly.result, partly.grade, partly.witnessed.size], ['verified', 'witnessed', 40]);
  assert.deepEqual(partly.findings[0]?.severity, 'note');
});

test('pitfall 11: a tail that is cut off is tampering once a checkpoint covers it, and unseen without', async () => {
  const cut = chain.slice(0, 50);
  assert.equal(verify(cut, []).result, 'verified');
  const verdict = verify(cut, [await note(chain.slice(0, 50)), await note(chain)]);
  assert.deepEqual([verdict.result, verdict.grade], ['tampering', null]);
  assert.deepEqual([verdict.signed.status, verdict.signed.size], ['fails', 50]);
  assert.equal(verdict.findings[0]?.problem, 'records_missing');
  assert.match(verdict.findings[0]!.detail, /signed 60 records and has 50: records 50 to 59 are gone/);
  const whole = verify([], [await note(chain)]);
  assert.deepEqual([whole.result, problems(whole)], ['tampering', ['records_missing']]);
});

test('a whole rewrite with recomputed hashes is tampering, and the first bad size is named', async () => {
  const rewritten = chain.slice(0, 30);
  for (let seq = 30; seq < 60; seq++) {
    rewritten.push(sealLine(seq, rewritten.at(-1)!.hash, {}, seq === 30 ? { outcome: 'error' } : {}));
  }
  assert.equal(verify(rewritten, []).result, 'verified', 'the chain itself agrees');
  const notes = await Promise.all([10, 20, 40, 60].map((size) => note(chain.slice(0, size), witnessed)));
  const verdict = verify(rewritten, notes, { trust: { ...trust, policy } });
  assert.deepEqual([verdict.result, verdict.consistent.status], ['tampering', 'holds']);
  assert.deepEqual(problems(verdict), ['root_mismatch', 'not_covered']);
  assert.equal(verdict.findings[0]!.size, 40);
  assert.match(verdict.findings[0]!.detail, /records 20 to 39 .* \(2 of 4 checkpoints disagree\)/);
  assert.deepEqual([verdict.witnessed.status, verdict.witnessed.size], ['fails', 20]);
  assert.equal(verdict.checkpoint?.size, 20);
});

test('a record that was changed in place shows in chain and tree', async () => {
  const changed = chain.with(12, { ...chain[12]!, body: chain[12]!.body.replace('step 12', 'step 99') });
  const verdict = verify(changed, [await note(chain)]);
  assert.deepEqual(
    [verdict.result, verdict.consistent.status, verdict.signed.status],
    ['tampering', 'fails', 'fails'],
  );
  assert.deepEqual([verdict.chain.findings[0]?.damage, verdict.chain.findings[0]?.seq], ['mutated', 12]);
});

test('two roots signed for one size are a fork, whichever of them the records have', async () => {
  const other = sealChain({ length: 60, action: () => 'test.other' });
  const verdict = verify(chain, [await note(chain), await note(other)]);
  assert.equal(verdict.result, 'tampering');
  assert.ok(problems(verdict).includes('fork'));
});

test('checkpoints that are worth nothing are named for what they are', async () => {
  const good = await note(chain);
  const [text, lines] = good.split('\n\n') as [string, string];
  const wrong = `${text.replace('\n60\n', '\n61\n')}\n\n${lines}`;
  const cases: readonly (readonly [string, VerdictProblem, GradedVerdict['result']])[] = [
    [wrong, 'signature_wrong', 'tampering'],
    [await note(chain, [[stranger, 0]]), 'signature_missing', 'incomplete'],
    [await note(chain, [[w1, TIME]]), 'signature_missing', 'incomplete'],
    [await note(chain, [[log, 0]], { origin: 'example.com/other' }), 'other_log', 'incomplete'],
    ['no note at all', 'checkpoint_unreadable', 'incomplete'],
    [good.slice(0, -1), 'checkpoint_unreadable', 'incomplete'],
  ];
  for (const [bad, problem, result] of cases) {
    const verdict = verify(chain, [bad]);
    assert.deepEqual([problems(verdict), verdict.result], [[problem], result]);
    assert.ok(verdict.grade === 'consistent' || verdict.grade === null);
    assert.notEqual(verdict.signed.status, 'holds');
    if (problem === 'signature_wrong') continue;
    // Beside a good one it takes nothing away but the silence.
    assert.equal(verify(chain, [bad, good]).grade, 'signed');
  }
});

test('a keyed ledger without its key: the tree is verified, the chain is said not to be', async () => {
  const options = { trust: { ...trust, policy } };
  const notes = [await note(keyed, witnessed)];
  const verdict = verify(keyed, notes, options);
  assert.deepEqual(
    [verdict.result, verdict.grade, verdict.chain.checked],
    ['verified', 'witnessed', 'links'],
  );
  assert.deepEqual(statuses(verdict), ['unchecked 0', 'holds 60', 'holds 60', 'unchecked 0']);
  assert.deepEqual(problems(verdict), ['chain_unchecked']);
  assert.ok(verdict.does_not_prove.some((sentence) => sentence.includes('secrets of a keyed ledger')));
  const alone = verify(keyed, []);
  assert.deepEqual([alone.result, alone.grade], ['incomplete', null]);
  const changed = keyed.with(12, { ...keyed[12]!, body: keyed[12]!.body.replace('step 12', 'step 99') });
  assert.equal(verify(changed, notes, options).result, 'tampering');
  assert.equal(verify(keyed.toSpliced(30, 1), []).chain.findings[0]?.damage, 'missing');
  const relinked = keyed.with(12, { ...keyed[12]!, hash: 'f'.repeat(64) });
  assert.equal(verify(relinked, []).chain.findings[0]?.damage, 'relinked');
  const foreign = keyed.with(59, {
    ...sealLine(59, keyed[58]!.hash, { ledger: 'other/log', key: { key_id: 'k1', secret } }),
  });
  assert.equal(verify(foreign, []).chain.findings[0]?.damage, 'wrong_ledger');
});

test('a keyed ledger with its key is verified in full', async () => {
  const hash = keyedHash(secret);
  const hashByKey = (key_id: string | null): typeof hash | undefined => (key_id === 'k1' ? hash : undefined);
  const verdict = verify(keyed, [await note(keyed)], { hashByKey });
  assert.deepEqual([verdict.result, verdict.grade, verdict.chain.checked], ['verified', 'signed', 'fully']);
  assert.deepEqual(verdict.findings, []);
});

test('a key that the ledger moves on to and that was not given: checked up to there, the tree to the end', async () => {
  const rotation = {
    action: 'ledger.key_rotated',
    actor: { type: 'service', id: 'indelible' },
    data: { config: { keys: [{ key_id: 'k1' }, { key_id: 'k2' }] } },
  };
  const lines = keyed.slice(0, 20);
  lines.push(sealLine(20, lines.at(-1)!.hash, { key: { key_id: 'k1', secret } }, rotation));
  const later = { key_id: 'k2', secret: utf8('another secret of the same ledger') };
  for (let seq = 21; seq < 40; seq++) lines.push(sealLine(seq, lines.at(-1)!.hash, { key: later }));
  const hash = keyedHash(secret);
  const hashByKey = (key_id: string | null): typeof hash | undefined => (key_id === 'k1' ? hash : undefined);
  const verdict = verify(lines, [await note(lines)], { hashByKey });
  assert.deepEqual(
    [verdict.result, verdict.chain.checked, verdict.chain.records],
    ['verified', 'partly', 40],
  );
  assert.deepEqual([verdict.grade, verdict.consistent.status], ['signed', 'unchecked']);
  const cut = verify(lines.toSpliced(30, 2), [], { hashByKey });
  assert.deepEqual(
    cut.chain.findings.map(({ damage, seq }) => [damage, seq]),
    [['missing', 30]],
  );
});

test('entry bundles give the same verdict as lines', async () => {
  for (const [lines, checked] of [
    [chain, 'fully'],
    [keyed, 'links'],
  ] as const) {
    const verifier = new LogVerifier({ trust: { ...trust, policy } });
    verifier.addCheckpoint(await note(lines, witnessed));
    for (let at = 0; at < 60; at += 25) {
      const entries = bodies(lines.slice(at, at + 25));
      verifier.pushBundle(encodeBundle(entries), entries.length);
    }
    const verdict = verifier.finish();
    assert.deepEqual([verdict.result, verdict.grade, verdict.root], ['verified', 'witnessed', rootOf(lines)]);
    assert.equal(verdict.chain.checked, checked);
  }
  const verifier = new LogVerifier({ trust });
  verifier.pushBundle(encodeBundle(bodies(chain.toSpliced(30, 1))), 59);
  assert.deepEqual(
    verifier.finish().chain.findings.map(({ damage, seq }) => [damage, seq]),
    [['missing', 30]],
  );
  assert.equal(
    codeFrom(() => verifier.pushBundle(Uint8Array.of(1), 1)),
    'TILE_INVALID',
  );
});

test('pitfall 19: going on from a verified position leaves no gap', async () => {
  const first = new LogVerifier({ trust });
  const head = batchOf(chain.slice(0, 33));
  first.push(head.bytes, head.ends);
  assert.equal(first.finish().result, 'verified');
  const from = structuredClone(first.position())!;
  assert.deepEqual([from.tree.end, from.chain?.end.seq], [33, 32]);
  const rest = verify(chain.slice(33), [await note(chain)], { from });
  assert.deepEqual([rest.result, rest.grade, rest.size, rest.chain.records], ['verified', 'signed', 60, 27]);
  assert.equal(verify(chain.slice(34), [await note(chain)], { from }).result, 'tampering');
  const nothing_new = verify([], [await note(chain.slice(0, 33))], { from });
  assert.deepEqual([nothing_new.result, nothing_new.grade, nothing_new.size], ['verified', 'signed', 33]);
  const rolled_back = verify([], [await note(chain)], { from });
  assert.equal(rolled_back.result, 'tampering');
  // Another history in front is another tree, whatever the chain says.
  const other = new LogVerifier({ trust });
  const forged = batchOf(sealChain({ length: 33, action: () => 'test.other' }));
  other.push(forged.bytes, forged.ends);
  other.finish();
  const mixed = { chain: from.chain, tree: other.position()!.tree };
  assert.deepEqual(problems(verify(chain.slice(33), [await note(chain)], { from: mixed })), [
    'root_mismatch',
  ]);
});

test('a position of a keyed ledger without its key goes on without its chain', async () => {
  const first = new LogVerifier({ trust });
  const head = batchOf(keyed.slice(0, 33));
  first.push(head.bytes, head.ends);
  first.finish();
  const from = first.position()!;
  assert.equal(from.chain, null);
  const rest = verify(keyed.slice(33), [await note(keyed)], { from });
  assert.deepEqual([rest.result, rest.grade, rest.chain.checked], ['verified', 'signed', 'links']);
});

test('a log that begins later, with nothing known about what was before, cannot be compared', async () => {
  const verdict = verify(chain.slice(10), [await note(chain)]);
  assert.deepEqual([verdict.signed.status, verdict.root, verdict.size], ['unchecked', null, 60]);
  assert.ok(problems(verdict).includes('tree_incomplete'));
  assert.equal(verdict.chain.findings[0]?.damage, 'head_missing');
  assert.ok(verdict.does_not_prove.some((sentence) => sentence.includes('records below 10')));
});

test('a checkpoint that comes when its records have passed is refused, not passed over', async () => {
  const verifier = new LogVerifier({ trust });
  const { bytes, ends } = batchOf(chain.slice(0, 30));
  verifier.push(bytes, ends);
  const late = await note(chain.slice(0, 29));
  assert.equal(
    codeFrom(() => verifier.addCheckpoint(late)),
    'PROOF_RANGE',
  );
  verifier.addCheckpoint(await note(chain.slice(0, 30)));
  assert.equal(verifier.finish().grade, 'signed');
});

const anchor = (change: Partial<AnchorClaim> = {}): AnchorClaim => ({
  name: 'timestamp:tsa.example',
  size: 40,
  root: rootOf(chain.slice(0, 40)),
  evidence_holds: true,
  time: 'attested',
  anchored_at: '2026-01-01T00:00:00.000Z',
  detail: 'the token is valid',
  ...change,
});

test('anchors: what they keep is compared, and a time they attest counts', async () => {
  const verdict = verify(chain, [await note(chain)], {}, [anchor()]);
  assert.deepEqual([verdict.result, verdict.grade, verdict.anchored.size], ['verified', 'anchored', 40]);
  assert.deepEqual(verdict.time, {
    kind: 'attested',
    size: 40,
    at: '2026-01-01T00:00:00.000Z',
    by: ['timestamp:tsa.example'],
  });
  const silent = verify(chain, [], {}, [anchor({ time: 'asserted' })]);
  assert.deepEqual([silent.grade, silent.time.kind], ['anchored', 'asserted']);
  const cases: readonly (readonly [Partial<AnchorClaim>, VerdictProblem, GradedVerdict['result']])[] = [
    [{ root: rootOf(chain.slice(0, 39)) }, 'anchor_mismatch', 'tampering'],
    [{ size: 61 }, 'anchor_ahead', 'tampering'],
    [{ evidence_holds: false, detail: 'the certificate has expired' }, 'anchor_invalid', 'incomplete'],
  ];
  for (const [change, problem, result] of cases) {
    const bad = verify(chain, [await note(chain)], {}, [anchor(change)]);
    assert.deepEqual([problems(bad), bad.result], [[problem], result]);
    assert.notEqual(bad.anchored.status, 'holds');
    assert.equal(bad.time.kind, 'asserted');
  }
});

test('keys and origin may come from the policy alone', async () => {
  const from_policy = parsePolicy(`log ${vkey(log)}\nquorum none\n`);
  const options = { trust: { origin: null, log_keys: [], policy: from_policy } };
  assert.equal(verify(chain, [await note(chain)], options).grade, 'signed');
  const other = await note(chain, [[log, 0]], { origin: 'example.com/other' });
  assert.deepEqual(problems(verify(chain, [other], options)), ['other_log']);
});

test('another log of the same policy cannot sign for this one', async () => {
  const rogue = signerOf('example.com/rogue', 'ed25519', seedOf(9));
  const both = parsePolicy(`log ${vkey(log)}\nlog ${vkey(rogue)}\nquorum none\n`);
  for (const origin of [ORIGIN, null]) {
    const options = { trust: { origin, log_keys: [], policy: both } };
    assert.deepEqual(problems(verify(chain, [await note(chain, [[rogue, 0]])], options)), ['other_log']);
    const verdict = verify(
      chain,
      [
        await note(chain, [
          [log, 0],
          [rogue, 0],
        ]),
      ],
      options,
    );
    assert.deepEqual([verdict.grade, verdict.checkpoint?.signed_by], ['signed', [ORIGIN]]);
  }
});

test('a verdict is plain data', async () => {
  const verdict = verify(chain, [await note(chain, witnessed)], { trust: { ...trust, policy } }, [anchor()]);
  assert.deepEqual(structuredClone(verdict), verdict);
  assert.deepEqual(JSON.parse(JSON.stringify(verdict)), verdict);
});

test('findings are limited, and counted beyond', async () => {
  const verdict = verify(
    chain,
    Array.from({ length: 150 }, () => 'no note'),
  );
  assert.deepEqual([verdict.findings.length, verdict.findings_total], [100, 150]);
});

test('fuzz: no variant of a note makes the judge throw, or passes with another text', async () => {
  const good = await note(chain, witnessed);
  const judge = new CheckpointJudge({ ...trust, policy });
  const seen = new Set<string | null>();
  fc.assert(
    fc.property(fc.oneof(near(good), fc.constant(good), fc.string()), (source) => {
      const judged = judge.judge(source);
      seen.add(judged.problem);
      if (judged.problem !== null) return;
      assert.ok(source.startsWith(good.slice(0, good.indexOf('\n\n') + 2)));
    }),
    { numRuns: runs(500) },
  );
  assert.ok(
    seen.has(null) && seen.has('checkpoint_unreadable') && seen.has('signature_wrong'),
    [...seen].join(),
  );
});

test('fuzz: no bytes in place of records make the verifier throw, and none pass under a checkpoint', async () => {
  const signed = await note(chain.slice(0, 9));
  const { bytes, ends } = batchOf(chain.slice(0, 9));
  const change = fc.tuple(fc.nat({ max: bytes.length - 1 }), fc.nat({ max: 255 }));
  fc.assert(
    fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
      const altered = bytes.slice();
      for (const [at, byte] of changes) altered[at] = byte;
      const verifier = new LogVerifier({ trust });
      verifier.addCheckpoint(signed);
      verifier.push(altered, ends);
      const same = altered.every((byte, i) => byte === bytes[i]);
      assert.equal(verifier.finish().result, same ? 'verified' : 'tampering');
    }),
    { numRuns: runs(300) },
  );
});
