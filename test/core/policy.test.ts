/** Policies: who must have cosigned. The cases of the specification are in vectors/tlog.json. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  formatPolicy,
  formatVerifierKey,
  isIndelibleError,
  judgeQuorum,
  POLICY_BYTES_MAX,
  POLICY_ENTRIES_MAX,
  type Policy,
  parsePolicy,
} from '@indelible/core';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';
import { attempt, codeFrom, near, utf8 } from './codes.ts';
import { seedOf, signerOf } from './signatures.ts';

const vkey = (number: number): string =>
  formatVerifierKey(signerOf(`witness${number}.example`, 'ed25519_cosignature', seedOf(number)).key);
const log = formatVerifierKey(signerOf('example.com/log', 'ed25519', seedOf(99)).key);
const keys = Array.from({ length: 8 }, (_, i) => vkey(i + 1));
const witnesses = (count: number): string =>
  keys
    .slice(0, count)
    .map((key, i) => `witness w${i} ${key}\n`)
    .join('');

const GOOD = `log ${log} https://log.example/
witness X1 ${keys[0]}
witness X2 ${keys[1]}
witness X3 ${keys[2]}
group X-witnesses 2 X1 X2 X3
witness Y1 ${keys[3]} https://witness.example/
witness Y2 ${keys[4]}
group Y-witnesses any Y1 Y2
group X-and-Y all X-witnesses Y-witnesses
quorum X-and-Y
`;

test('a policy says what is missing, in words', () => {
  const policy = parsePolicy(GOOD);
  assert.deepEqual(judgeQuorum(policy, ['X1']), {
    met: false,
    asked: true,
    cosigned: ['X1'],
    missing: ['X2', 'X3', 'Y1', 'Y2'],
    detail:
      'the quorum X-and-Y is not met: X-and-Y needs 2 more of X-witnesses, Y-witnesses; ' +
      'X-witnesses needs 1 more of X2, X3; Y-witnesses needs 1 more of Y1, Y2',
  });
  assert.deepEqual(judgeQuorum(policy, new Set(['Y2', 'X3', 'X1', 'stranger'])), {
    met: true,
    asked: true,
    cosigned: ['X1', 'X3', 'Y2'],
    missing: [],
    detail: 'the quorum X-and-Y is met by X1, X3, Y2',
  });
  assert.deepEqual(judgeQuorum(parsePolicy('quorum none\n'), []), {
    met: true,
    asked: false,
    cosigned: [],
    missing: [],
    detail: 'the policy asks for no witness',
  });
});

test('what is read keeps keys, URLs, thresholds and order', () => {
  const policy = parsePolicy(utf8(GOOD));
  assert.deepEqual(
    policy.logs.map(({ key, url }) => [key.name, url]),
    [['example.com/log', 'https://log.example/']],
  );
  assert.deepEqual(
    policy.witnesses.map(({ name, url }) => [name, url]),
    [
      ['X1', null],
      ['X2', null],
      ['X3', null],
      ['Y1', 'https://witness.example/'],
      ['Y2', null],
    ],
  );
  assert.deepEqual(
    policy.groups.map(({ name, threshold }) => [name, threshold]),
    [
      ['X-witnesses', 2],
      ['Y-witnesses', 1],
      ['X-and-Y', 2],
    ],
  );
  assert.deepEqual(parsePolicy(formatPolicy(policy)), policy);
});

test('the message names the line', () => {
  const text = `${witnesses(2)}# so far so good\ngroup g 3 w0 w1\nquorum g\n`;
  assert.throws(
    () => parsePolicy(text),
    (error) =>
      isIndelibleError(error, 'POLICY_INVALID') &&
      error.message.startsWith('line 4: ') &&
      error.details.line === 4,
  );
});

test('comments may be in any encoding, names may not', () => {
  const latin = (text: string): Uint8Array => Uint8Array.from(Buffer.from(text, 'latin1'));
  assert.equal(parsePolicy(latin(`# M\u00fcnchen\n${witnesses(1)}quorum w0\n`)).quorum, 'w0');
  const named = witnesses(1).replace('w0', 'M\u00fcnchen');
  assert.equal(
    codeFrom(() => parsePolicy(latin(`${named}quorum M\u00fcnchen\n`))),
    'POLICY_INVALID',
  );
  // K and the Kelvin sign are two names, as are two spellings of one letter.
  const kelvin = witnesses(2).replace('w0', 'K').replace('w1', '\u212a');
  assert.deepEqual(judgeQuorum(parsePolicy(`${kelvin}quorum \u212a\n`), ['K']).met, false);
  const umlauts = witnesses(2).replace('w0', '\u00e4').replace('w1', 'a\u0308');
  assert.equal(parsePolicy(`${umlauts}group g all \u00e4 a\u0308\nquorum g\n`).groups[0]?.threshold, 2);
});

test('limits: 32 of everything and more are read, too much is refused', () => {
  const number = (i: number): string =>
    formatVerifierKey({
      ...signerOf('w', 'ed25519_cosignature', seedOf(1)).key,
      public_key: Uint8Array.from({ length: 32 }, (_, at) => (at === 0 ? i & 255 : at === 1 ? i >> 8 : 1)),
    });
  const many = (count: number): string =>
    Array.from({ length: count }, (_, i) => `witness w${i} ${number(i)}\ngroup g${i} any w${i}\n`).join('');
  assert.equal(parsePolicy(`${many(POLICY_ENTRIES_MAX)}quorum g7\n`).groups.length, 256);
  assert.equal(
    codeFrom(() => parsePolicy(`${many(POLICY_ENTRIES_MAX + 1)}quorum none\n`)),
    'POLICY_INVALID',
  );
  const long = `#${' '.repeat(POLICY_BYTES_MAX)}\nquorum none\n`;
  assert.equal(
    codeFrom(() => parsePolicy(long)),
    'POLICY_INVALID',
  );
  assert.equal(
    codeFrom(() => parsePolicy('quorum none\n# \ud800\n')),
    'POLICY_INVALID',
  );
});

test('a name made up by a program cannot smuggle in a line', () => {
  const policy = parsePolicy(`${witnesses(1)}quorum w0\n`);
  for (const name of ['a b', 'a\nquorum none', '#a', '']) {
    const url: Policy = { ...policy, witnesses: [{ ...policy.witnesses[0]!, url: name }] };
    assert.equal(
      codeFrom(() => formatPolicy(url)),
      name === '#a' ? null : 'POLICY_INVALID',
      JSON.stringify(name),
    );
    const renamed: Policy = { ...policy, witnesses: [{ ...policy.witnesses[0]!, name }], quorum: name };
    assert.equal(
      codeFrom(() => formatPolicy(renamed)),
      name === '#a' ? null : 'POLICY_INVALID',
    );
  }
});

test('a quorum is met exactly when enough members are, in any nesting', () => {
  const nested = fc.array(fc.tuple(fc.nat({ max: 7 }), fc.integer({ min: 1, max: 8 })), { maxLength: 4 });
  fc.assert(
    fc.property(nested, fc.nat({ max: 255 }), (shape, mask) => {
      // Each group takes the next few names that nobody has, among them earlier groups.
      let free = keys.map((_, i) => `w${i}`);
      let text = witnesses(8);
      for (const [i, [extra, k]] of shape.entries()) {
        const members = free.slice(0, 1 + extra);
        free = free.slice(1 + extra);
        if (members.length === 0) break;
        text += `group g${i} ${Math.min(k, members.length)} ${members.join(' ')}\n`;
        free.push(`g${i}`);
      }
      const quorum = free.at(-1)!;
      const policy = parsePolicy(`${text}quorum ${quorum}\n`);
      const cosigned = new Set(keys.map((_, i) => `w${i}`).filter((_, i) => mask & (1 << i)));
      const holds = (name: string): boolean => {
        const group = policy.groups.find((candidate) => candidate.name === name);
        return group === undefined
          ? cosigned.has(name)
          : group.members.filter(holds).length >= group.threshold;
      };
      const verdict = judgeQuorum(policy, cosigned);
      assert.equal(verdict.met, holds(quorum));
      // Whoever is missing helps: with all of them it is met.
      assert.equal(judgeQuorum(policy, [...cosigned, ...verdict.missing]).met, true);
      assert.ok(verdict.missing.every((name) => !cosigned.has(name)));
    }),
    { numRuns: runs(300) },
  );
});

test('fuzz: a policy is refused with our own error, or read to one that is written and read the same', () => {
  const line = fc.constantFrom(
    'quorum w0\n',
    'quorum none\n',
    'group g all w0 w1\n',
    '#\n',
    ' \t\n',
    'log\n',
  );
  const lines = fc.array(fc.oneof(line, fc.constantFrom(witnesses(1), witnesses(2))), { maxLength: 5 });
  let [read, refused] = [0, 0];
  fc.assert(
    fc.property(
      fc.oneof(
        near(GOOD),
        lines.map((parts) => parts.join('')),
        fc.string(),
      ),
      (text) => {
        const result = attempt(() => parsePolicy(text));
        if ('code' in result) {
          assert.equal(result.code, 'POLICY_INVALID');
          refused++;
          return;
        }
        const written = formatPolicy(result.value);
        assert.deepEqual(parsePolicy(written), result.value);
        assert.equal(formatPolicy(parsePolicy(written)), written);
        read++;
      },
    ),
    { numRuns: 1500 },
  );
  assert.ok(read > 10 && refused > 10, `read ${read}, refused ${refused}`);
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      attempt(() => parsePolicy(bytes));
    }),
  );
});
