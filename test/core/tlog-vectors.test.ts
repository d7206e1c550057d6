/** Proofs, tiles and signed texts against the golden vectors, which a Python program made (vectors/generate). */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  checkProof,
  consistencyProof,
  cosignedMessage,
  decodeBundle,
  encodeBundle,
  formatCheckpoint,
  formatNote,
  formatProof,
  formatVerifierKey,
  GrowingTiles,
  hashesOfLeaves,
  inclusionProof,
  leafHash,
  parseNote,
  parseProof,
  parseTilePath,
  parseVerifierKey,
  type SignatureType,
  sha256Hex,
  signCheckpoint,
  type Tile,
  tilePath,
  verifierKey,
  verifyConsistency,
  verifyInclusion,
} from '@indelible/core';
import { root as repository } from '../support/root.ts';
import { fromHex } from '../support/vector-checks.ts';
import { utf8 } from './codes.ts';
import { algorithms, signerOf } from './signatures.ts';

interface Inclusion {
  readonly index: number;
  readonly size: number;
  readonly proof: readonly string[];
}
interface Consistency {
  readonly from: number;
  readonly to: number;
  readonly proof: readonly string[];
}
interface Accumulated {
  readonly size_max: number;
  readonly sha256: string;
}
interface ProofVectors {
  readonly reference: {
    readonly inclusion: readonly Inclusion[];
    readonly consistency: readonly Consistency[];
  };
  readonly decimal: {
    readonly inclusion: readonly (Inclusion & { readonly leaf: string; readonly root: string })[];
    readonly consistency: readonly (Consistency & { readonly from_root: string; readonly to_root: string })[];
    readonly inclusion_accumulated: Accumulated;
    readonly consistency_accumulated: Accumulated;
  };
}
interface TlogVectors {
  readonly tile_paths: readonly (Tile & { readonly path: string })[];
  readonly tiles: {
    readonly size: number;
    readonly count: number;
    readonly sha256: string;
    readonly last: readonly { readonly path: string; readonly sha256: string }[];
    readonly root: string;
  };
  readonly bundles: readonly { readonly entries_hex: readonly string[]; readonly hex: string }[];
  readonly verifier_keys: readonly {
    readonly name: string;
    readonly type: SignatureType;
    readonly public_key: string;
    readonly vkey: string;
  }[];
  readonly checkpoint: {
    readonly origin: string;
    readonly size: number;
    readonly root: string;
    readonly time: number;
    readonly log_seed: string;
    readonly witness_seed: string;
    readonly text: string;
    readonly cosigned_message_ed25519: string;
    readonly cosigned_message_ml_dsa_44: string;
    readonly note: string;
  };
  readonly proofs: readonly {
    readonly leaf: string;
    readonly index: number;
    readonly extra_hex: string | null;
    readonly text: string;
  }[];
}

function vectors<T>(name: string): T {
  return JSON.parse(readFileSync(join(repository, 'vectors', `${name}.json`), 'utf8')) as T;
}
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const decimal = (size: number): string[] => Array.from({ length: size }, (_, i) => leafHash(utf8(String(i))));
const { reference, decimal: listed } = vectors<ProofVectors>('merkle-proofs');
const tlog = vectors<TlogVectors>('tlog');

test('proofs in the certificate transparency reference tree', () => {
  const { leaves_hex } = vectors<{ reference: { leaves_hex: string[] } }>('merkle-roots').reference;
  const hashes = hashesOfLeaves(leaves_hex.map((leaf) => leafHash(fromHex(leaf))));
  assert.deepEqual([reference.inclusion.length, reference.consistency.length], [36, 36]);
  for (const { index, size, proof } of reference.inclusion)
    assert.deepEqual(inclusionProof(index, size, hashes), proof);
  for (const { from, to, proof } of reference.consistency)
    assert.deepEqual(consistencyProof(from, to, hashes), proof);
});

test('proofs listed for chosen sizes verify', () => {
  assert.ok(listed.inclusion.length >= 60 && listed.consistency.length >= 60);
  for (const claim of listed.inclusion) assert.deepEqual(verifyInclusion(claim), { ok: true });
  for (const claim of listed.consistency) assert.deepEqual(verifyConsistency(claim), { ok: true });
});

test('all proofs up to 300 leaves, in one digest each', () => {
  const { inclusion_accumulated, consistency_accumulated } = listed;
  assert.deepEqual([inclusion_accumulated.size_max, consistency_accumulated.size_max], [300, 300]);
  const hashes = hashesOfLeaves(decimal(300));
  const lines: { inclusion: string; consistency: string } = { inclusion: '', consistency: '' };
  for (let size = 1; size <= 300; size++) {
    for (let i = 0; i < size; i++) {
      lines.inclusion += `${i} ${size} ${inclusionProof(i, size, hashes).join(',')}\n`;
      lines.consistency += `${i + 1} ${size} ${consistencyProof(i + 1, size, hashes).join(',')}\n`;
    }
  }
  assert.equal(sha256Hex(utf8(lines.inclusion)), inclusion_accumulated.sha256);
  assert.equal(sha256Hex(utf8(lines.consistency)), consistency_accumulated.sha256);
});

test('tile paths', () => {
  assert.ok(tlog.tile_paths.length >= 100);
  for (const { path, ...tile } of tlog.tile_paths) {
    assert.equal(tilePath(tile), path);
    assert.deepEqual(parseTilePath(path), tile);
  }
});

test('every tile of a log of 70,000 leaves', () => {
  const growing = new GrowingTiles();
  for (const leaf of decimal(tlog.tiles.size)) growing.append(leaf);
  assert.equal(growing.root(), tlog.tiles.root);
  const level = (tile: Tile): number => Number(tile.level) * 1e9 + tile.index;
  const tiles = [...growing.takeFull(), ...growing.partials()].sort((a, b) => level(a.tile) - level(b.tile));
  const digests = tiles.map(({ tile, bytes }) => ({ path: tilePath(tile), sha256: sha256Hex(bytes) }));
  assert.deepEqual(digests.slice(-4), tlog.tiles.last);
  assert.equal(digests.length, tlog.tiles.count);
  const lines = digests.map(({ path, sha256 }) => `${path} ${sha256}\n`).join('');
  assert.equal(sha256Hex(utf8(lines)), tlog.tiles.sha256);
});

test('entry bundles', () => {
  assert.equal(tlog.bundles.length, 4);
  for (const { entries_hex, hex: expected } of tlog.bundles) {
    assert.equal(hex(encodeBundle(entries_hex.map(fromHex))), expected);
    assert.deepEqual(decodeBundle(fromHex(expected), entries_hex.length).map(hex), entries_hex);
  }
});

test('verifier keys of every type', () => {
  assert.equal(tlog.verifier_keys.length, 3);
  for (const { name, type, public_key, vkey } of tlog.verifier_keys) {
    assert.equal(formatVerifierKey(verifierKey(name, type, fromHex(public_key))), vkey);
    const parsed = parseVerifierKey(vkey);
    assert.deepEqual([parsed.name, parsed.type, hex(parsed.public_key)], [name, type, public_key]);
  }
});

test('a checkpoint signed by its log and cosigned by a witness, byte for byte', async () => {
  const vector = tlog.checkpoint;
  const text = formatCheckpoint({ ...vector, extensions: [] });
  assert.equal(text, vector.text);
  const log = signerOf(vector.origin, 'ed25519', fromHex(vector.log_seed));
  const [, witness_key, ml_dsa_key] = tlog.verifier_keys.map(({ vkey }) => parseVerifierKey(vkey));
  assert.ok(witness_key && ml_dsa_key);
  const witness = signerOf(witness_key.name, witness_key.type, fromHex(vector.witness_seed));
  assert.equal(hex(cosignedMessage(witness_key, text, vector.time)), vector.cosigned_message_ed25519);
  assert.equal(hex(cosignedMessage(ml_dsa_key, text, vector.time)), vector.cosigned_message_ml_dsa_44);
  const signatures = [await signCheckpoint(text, log, 0), await signCheckpoint(text, witness, vector.time)];
  assert.equal(formatNote({ text, signatures }), vector.note);
  assert.deepEqual(
    parseNote(utf8(vector.note)).signatures.map(({ name }) => name),
    [vector.origin, witness_key.name],
  );
});

test('proof files, checked offline', () => {
  const [log_key, witness_key] = tlog.verifier_keys.map(({ vkey }) => vkey) as [string, string];
  assert.equal(tlog.proofs.length, 2);
  for (const { text, leaf, index, extra_hex } of tlog.proofs) {
    assert.equal(formatProof(parseProof(utf8(text))), text);
    const trust = { log_keys: [log_key], witness_keys: [witness_key], witnesses_required: 1, algorithms };
    const checked = checkProof(utf8(text), leaf, trust);
    assert.deepEqual(
      [
        checked.index,
        checked.checkpoint.root,
        checked.cosignatures[0]?.time,
        checked.extra && hex(checked.extra),
      ],
      [index, tlog.checkpoint.root, tlog.checkpoint.time, extra_hex],
    );
  }
});
