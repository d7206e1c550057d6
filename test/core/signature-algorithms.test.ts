/** The two forms of the bundled signature algorithms: for Node and for every other engine. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { SIGNATURES } from '@indelible/core';
import fc from 'fast-check';
import * as native from '../../packages/core/src/crypto/node-signatures.ts';
import * as portable from '../../packages/core/src/crypto/portable-signatures.ts';
import { isStrict } from '../../packages/core/src/crypto/strict-ed25519.ts';
import { SIGNATURES as BUNDLED } from '../../packages/core/src/note/bundled.ts';
import { root } from '../support/root.ts';
import { checkSignatures, type PublishedVectors } from '../support/tlog-checks.ts';
import { Tally } from '../support/vector-checks.ts';
import { readVectors } from '../support/vectors.ts';
import { seedOf, signerOf } from './signatures.ts';

const FORMS = { native, portable };
const bytes = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.uint8Array({ minLength: length, maxLength: length });

test('Node takes its own form, and both answer the published vectors alike', async () => {
  assert.equal(SIGNATURES.ed25519, native.verifyEd25519);
  const core = await import('@indelible/core');
  for (const { verifyEd25519, verifyMlDsa44 } of Object.values(FORMS)) {
    const tally = new Tally();
    const signatures = { ed25519: verifyEd25519, ml_dsa_44: verifyMlDsa44 };
    checkSignatures({ ...core, SIGNATURES: signatures }, readVectors<PublishedVectors>('published'), tally);
    assert.deepEqual(tally.failures, []);
    assert.ok(tally.checked >= 400);
  }
  assert.equal(BUNDLED, SIGNATURES);
});

test('no bytes of the right length make either form throw, and both say the same', async () => {
  const signer = signerOf('a', 'ed25519', seedOf(1));
  const message = Uint8Array.of(1, 2, 3);
  const good = await signer.sign(message);
  const near = (valid: Uint8Array): fc.Arbitrary<Uint8Array> =>
    fc
      .tuple(fc.nat({ max: valid.length - 1 }), fc.nat({ max: 255 }))
      .map(([at, byte]) => valid.with(at, byte));
  let accepted = 0;
  fc.assert(
    fc.property(
      fc.oneof(near(signer.key.public_key), bytes(32), fc.constant(signer.key.public_key)),
      fc.oneof(near(good), bytes(64), fc.constant(good)),
      (key, signature) => {
        const answer = native.verifyEd25519(key, message, signature);
        assert.equal(portable.verifyEd25519(key, message, signature), answer);
        if (answer) accepted++;
      },
    ),
    { numRuns: 300 },
  );
  assert.ok(accepted > 0);
});

test('the same for ML-DSA-44, signed by OpenSSL', async () => {
  const signer = signerOf('a', 'ml_dsa_44_cosignature', seedOf(1));
  const message = Uint8Array.of(1, 2, 3);
  const good = await signer.sign(message);
  for (const { verifyMlDsa44 } of Object.values(FORMS)) {
    assert.equal(verifyMlDsa44(signer.key.public_key, message, good), true);
    assert.equal(verifyMlDsa44(signer.key.public_key, Uint8Array.of(1, 2), good), false);
  }
  fc.assert(
    fc.property(fc.oneof(bytes(1312), fc.constant(signer.key.public_key)), bytes(2420), (key, signature) => {
      assert.equal(native.verifyMlDsa44(key, message, signature), false);
      assert.equal(portable.verifyMlDsa44(key, message, signature), false);
    }),
    { numRuns: 20 },
  );
});

test('second spellings are refused before OpenSSL is asked, since older ones take them', () => {
  const of = (hex: string): Uint8Array => Uint8Array.from(Buffer.from(hex, 'hex'));
  const r = of(`58${'66'.repeat(31)}`);
  const signature = Uint8Array.from([...r, ...new Uint8Array(32)]);
  // y from 2^255 − 20 to 2^255 − 1 with either sign; 2^255 − 19 is zero, what is below it is a first spelling.
  for (let low = 0xec; low <= 0xff; low++) {
    for (const high of ['7f', 'ff']) {
      const key = of(`${low.toString(16)}${'ff'.repeat(30)}${high}`);
      assert.equal(isStrict(key, signature), false, `${low} ${high}`);
      assert.equal(isStrict(r, Uint8Array.from([...key, ...new Uint8Array(32)])), false);
    }
  }
  assert.equal(isStrict(of(`eb${'ff'.repeat(30)}7f`), signature), true);
  assert.equal(isStrict(of(`ee${'ff'.repeat(29)}fe7f`), signature), true);
  assert.equal(isStrict(r, signature), true);
});

test('another length is never valid', () => {
  for (const { verifyEd25519, verifyMlDsa44 } of Object.values(FORMS)) {
    for (const [key, signature] of [
      [31, 64],
      [33, 64],
      [32, 63],
      [32, 65],
      [0, 0],
    ] as const) {
      assert.equal(verifyEd25519(new Uint8Array(key), new Uint8Array(1), new Uint8Array(signature)), false);
    }
    assert.equal(verifyMlDsa44(new Uint8Array(1312), new Uint8Array(1), new Uint8Array(2419)), false);
    assert.equal(verifyMlDsa44(new Uint8Array(1313), new Uint8Array(1), new Uint8Array(2420)), false);
  }
});

test('loading core on Node loads no noble module; a Node without ML-DSA loads it once there is a signature', async () => {
  const signer = signerOf('a', 'ml_dsa_44_cosignature', seedOf(1));
  const hex = (part: Uint8Array): string => JSON.stringify(Buffer.from(part).toString('hex'));
  const script = `
    import crypto from 'node:crypto';
    import { registerHooks, syncBuiltinESMExports } from 'node:module';
    const urls = [];
    registerHooks({ resolve(name, context, next) { const found = next(name, context); urls.push(found.url); return found; } });
    const { createPublicKey } = crypto;
    crypto.createPublicKey = (key) => {
      if (key.key.length > 1000) throw new Error('unsupported');
      return createPublicKey(key);
    };
    syncBuiltinESMExports();
    const { SIGNATURES } = await import('@indelible/core');
    const at_start = urls.slice();
    const bytes = (hex) => Uint8Array.from(Buffer.from(hex, 'hex'));
    const [key, good] = [bytes(${hex(signer.key.public_key)}), bytes(${hex(await signer.sign(Uint8Array.of(1)))})];
    const answers = [1, 2].map((byte) => SIGNATURES.ml_dsa_44(key, Uint8Array.of(byte), good));
    process.stdout.write(JSON.stringify({ at_start, answers, noble: urls.some((url) => url.includes('@noble/post-quantum')) }));`;
  const args = ['--conditions=source', '--input-type=module', '--eval', script];
  const shown = JSON.parse(execFileSync(process.execPath, args, { cwd: root, encoding: 'utf8' })) as {
    at_start: string[];
    answers: boolean[];
    noble: boolean;
  };
  assert.ok(
    shown.at_start.some((url) => url.endsWith('/crypto/node-signatures.ts')),
    'the hook sees what is loaded',
  );
  assert.deepEqual(
    shown.at_start.filter((url) => url.includes('@noble')),
    [],
  );
  assert.deepEqual([shown.answers, shown.noble], [[true, false], true]);
});
