/** Tiles and entry bundles: their paths, their bytes, and the proofs made from them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  consistencyProof,
  decodeBundle,
  decodeTile,
  EMPTY_ROOT,
  encodeBundle,
  encodeTile,
  GrowingTiles,
  GrowingTree,
  hashesOfLeaves,
  hashesOfTiles,
  inclusionProof,
  leafHash,
  merkleRoot,
  nodesOfRoot,
  parseTilePath,
  planConsistency,
  planInclusion,
  rootOf,
  type Tile,
  type TileBytes,
  tilePath,
  tileRoot,
  tilesBetween,
  tilesOfPlan,
  widthAt,
} from '@indelible/core';
import fc from 'fast-check';
import { runs } from '../support/runs.ts';
import { attempt, codeFrom, near, onlyCanonical, utf8 } from './codes.ts';

const SIZE = 70_000;
const leaves = Array.from({ length: SIZE }, (_, i) => leafHash(utf8(String(i))));

/** All tiles of the log of the first `size` leaves, by path, and the growing log that made them. */
function logOf(size: number): { files: Map<string, Uint8Array>; growing: GrowingTiles } {
  const growing = new GrowingTiles();
  for (const leaf of leaves.slice(0, size)) growing.append(leaf);
  const files = new Map<string, Uint8Array>();
  for (const { tile, bytes } of [...growing.takeFull(), ...growing.partials()])
    files.set(tilePath(tile), bytes);
  return { files, growing };
}
const reading =
  (files: ReadonlyMap<string, Uint8Array>): TileBytes =>
  (tile) =>
    files.get(tilePath(tile));

test('paths as in the specification', () => {
  assert.equal(tilePath({ level: 0, index: 1234067, width: 256 }), 'tile/0/x001/x234/067');
  assert.equal(tilePath({ level: 'entries', index: 0, width: 1 }), 'tile/entries/000.p/1');
  assert.deepEqual(parseTilePath('tile/63/x001/x234/067.p/255'), { level: 63, index: 1234067, width: 255 });
  assert.equal(
    tilePath({ level: 0, index: Number.MAX_SAFE_INTEGER, width: 256 }),
    'tile/0/x009/x007/x199/x254/x740/991',
  );
});

test('a path is refused unless it is the one spelling of a tile', () => {
  // biome-ignore format: as many as fit a line
  const bad = [
    'tile/0/x000/001', 'tile/0/01', 'tile/0/0001', 'tile/0/x001', 'tile/0/001/002', 'tile/00/001', 'tile/64/001',
    'tile/-1/001', 'tile/0/000.p/0', 'tile/0/000.p/256', 'tile/0/000.p/01', 'tile/0/000.p/', 'tile/0/000.p', 'tile/0/',
    '/tile/0/000', 'tile/0/000/', 'tile/8/0/000', 'tile/data/000', 'tile/0/X001/000', 'tile/0/000\n', 'tile/0/٠٠٠',
    'tile/0/x009/x007/x199/x254/x740/992', 'tile/0/x999/x999/x999/x999/x999/x999/x999/000', '', 'checkpoint',
  ];
  for (const path of bad)
    assert.equal(
      codeFrom(() => parseTilePath(path)),
      'TILE_INVALID',
      path,
    );
  for (const tile of [
    { level: 64, index: 0, width: 1 },
    { level: 0, index: -1, width: 1 },
    { level: 0, index: 2 ** 53, width: 1 },
    { level: 0.5, index: 0, width: 1 },
    { level: 0, index: 0, width: 0 },
    { level: 0, index: 0, width: 257 },
  ])
    assert.equal(
      codeFrom(() => tilePath(tile)),
      'TILE_INVALID',
      JSON.stringify(tile),
    );
});

test('whatever the path, it is read and written again as it was, or refused', () => {
  const valid = fc.constantFrom('tile/0/x001/x234/067.p/5', 'tile/entries/000', 'tile/12/x010/000.p/255');
  onlyCanonical(valid.chain(near), parseTilePath, tilePath, ['TILE_INVALID'], 5000);
  onlyCanonical(fc.oneof(valid, fc.string()), parseTilePath, tilePath, ['TILE_INVALID']);
});

test('every tile has a path of its own, which leads back to it', () => {
  const level = fc.oneof(fc.constant('entries' as const), fc.integer({ min: 0, max: 63 }));
  const tile = fc.record({ level, index: fc.maxSafeNat(), width: fc.integer({ min: 1, max: 256 }) });
  fc.assert(fc.property(tile, (it: Tile) => assert.deepEqual(parseTilePath(tilePath(it)), { ...it })));
});

test('the tree of 70,000 has the tiles that the specification counts', () => {
  const count: Record<string, number> = {};
  for (const { level, width } of tilesBetween(0, SIZE)) {
    const kind = `level ${level}, ${width === 256 ? 'full' : `width ${width}`}`;
    count[kind] = (count[kind] ?? 0) + 1;
  }
  assert.deepEqual(count, {
    'level 0, full': 273,
    'level 0, width 112': 1,
    'level 1, full': 1,
    'level 1, width 17': 1,
    'level 2, width 1': 1,
  });
  assert.deepEqual([...tilesBetween(0, 256)].map(tilePath), ['tile/0/000', 'tile/1/000.p/1']);
  assert.deepEqual([...tilesBetween(0, 0)], []);
});

test('the tiles between two sizes are those that the larger has and the smaller has not', () => {
  const all = (size: number): Set<string> => new Set([...tilesBetween(0, size)].map(tilePath));
  const size = fc.integer({ min: 0, max: 200_000 });
  fc.assert(
    fc.property(size, fc.nat({ max: 2000 }), (from, more) => {
      const before = all(from);
      const expected = [...all(from + more)].filter((path) => !before.has(path));
      assert.deepEqual([...tilesBetween(from, from + more)].map(tilePath), expected);
    }),
    { numRuns: runs(60) },
  );
  assert.equal(
    codeFrom(() => [...tilesBetween(2, 1)]),
    'TILE_INVALID',
  );
});

test('a growing log gives the tiles of its size, and the root, for every size to 600', () => {
  const growing = new GrowingTiles();
  const tree = new GrowingTree();
  const seen = new Map<string, Uint8Array>();
  assert.equal(growing.root(), EMPTY_ROOT);
  for (let size = 1; size <= 600; size++) {
    growing.append(leaves[size - 1]!);
    tree.append(leaves[size - 1]!);
    assert.equal(growing.root(), tree.root());
    const fresh = [...growing.takeFull(), ...growing.partials()].filter(
      ({ tile }) => !seen.has(tilePath(tile)),
    );
    const paths = fresh.map(({ tile }) => tilePath(tile)).sort();
    assert.deepEqual(paths, [...tilesBetween(size - 1, size)].map(tilePath).sort());
    for (const { tile, bytes } of fresh) {
      seen.set(tilePath(tile), bytes);
      if (tile.level === 0) {
        const start = tile.index * 256;
        assert.deepEqual(decodeTile(bytes, tile.width), leaves.slice(start, start + tile.width));
      }
    }
  }
  assert.deepEqual(decodeTile(seen.get('tile/1/000.p/2')!, 2), [
    merkleRoot(leaves.slice(0, 256)),
    merkleRoot(leaves.slice(256, 512)),
  ]);
});

test('a log resumes from its partial tiles as if it had never stopped', () => {
  for (const size of [0, 1, 255, 256, 257, 511, 65_535, 65_536, 65_700]) {
    const { files, growing } = logOf(size);
    const resumed = GrowingTiles.resume(size, reading(files));
    assert.equal(resumed.root(), growing.root());
    for (const leaf of leaves.slice(size, size + 300)) {
      resumed.append(leaf);
      growing.append(leaf);
    }
    assert.equal(resumed.root(), growing.root());
    assert.deepEqual(resumed.takeFull(), growing.takeFull());
    assert.deepEqual(resumed.partials(), growing.partials());
  }
  assert.equal(
    codeFrom(() => GrowingTiles.resume(5, () => undefined)),
    'TILE_MISSING',
  );
  assert.equal(
    codeFrom(() => GrowingTiles.resume(5, () => new Uint8Array(6 * 32))),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => GrowingTiles.resume(-1, () => undefined)),
    'TILE_INVALID',
  );
});

test('a leaf that is no hash changes nothing', () => {
  const { growing } = logOf(300);
  const before = [growing.size, growing.root()];
  for (const bad of ['', 'AB'.repeat(32), `${'ab'.repeat(31)}zz`])
    assert.equal(
      codeFrom(() => growing.append(bad)),
      'HASH_SIZE',
    );
  assert.deepEqual([growing.size, growing.root()], before);
  growing.append(leaves[300]!);
  assert.equal(growing.root(), merkleRoot(leaves.slice(0, 301)));
});

test('proofs from tiles are those from leaves, and read only the tiles of their plan', () => {
  const { files } = logOf(SIZE);
  const direct = hashesOfLeaves(leaves);
  assert.equal(rootOf(SIZE, hashesOfTiles(reading(files), SIZE)), merkleRoot(leaves));
  const position = fc.integer({ min: 0, max: SIZE - 1 });
  fc.assert(
    fc.property(position, (index) => {
      for (const [plan, make] of [
        [planInclusion(index, SIZE), (source: typeof direct) => inclusionProof(index, SIZE, source)],
        [
          planConsistency(index + 1, SIZE),
          (source: typeof direct) => consistencyProof(index + 1, SIZE, source),
        ],
      ] as const) {
        const tiles = tilesOfPlan(plan, SIZE);
        // Two tiles a level at the most: the path's own and the one at the right edge.
        assert.ok(tiles.length <= 5, String(tiles.length));
        const wanted = new Map(tiles.map((tile) => [tilePath(tile), files.get(tilePath(tile))!]));
        const read = new Set<string>();
        const source = hashesOfTiles((tile) => {
          read.add(tilePath(tile));
          return reading(wanted)(tile);
        }, SIZE);
        assert.deepEqual(make(source), make(direct));
        assert.deepEqual([...read].sort(), [...wanted.keys()].sort());
      }
    }),
    { numRuns: runs(100) },
  );
});

test('a full tile stands in for a partial one; a missing, short or odd one is refused', () => {
  const { files } = logOf(600);
  const full = files.get('tile/0/001')!;
  const source = (bytes: Uint8Array | undefined) =>
    hashesOfTiles(({ level }) => (level === 0 ? bytes : files.get('tile/1/000.p/1')), 300);
  const nodes = nodesOfRoot(300).slice(1);
  const hash = source(full)(nodes[0]!);
  assert.equal(hash, merkleRoot(leaves.slice(256, 288)));
  assert.equal(
    codeFrom(() => source(undefined)(nodes[0]!)),
    'TILE_MISSING',
  );
  for (const length of [0, 31, 43 * 32, 44 * 32 + 1, 257 * 32])
    assert.equal(
      codeFrom(() => source(new Uint8Array(length))(nodes[0]!)),
      'TILE_INVALID',
      String(length),
    );
  assert.equal(
    codeFrom(() => source(full)({ level: 0, index: 300 })),
    'PROOF_RANGE',
  );
  assert.equal(
    codeFrom(() => source(full)({ level: 8, index: 1 })),
    'PROOF_RANGE',
  );
});

test('the bytes of a tile are its hashes', () => {
  const bytes = encodeTile(leaves.slice(0, 256));
  assert.equal(bytes.length, 8192);
  assert.equal(tileRoot(bytes), merkleRoot(leaves.slice(0, 256)));
  assert.deepEqual(decodeTile(bytes, 256), leaves.slice(0, 256));
  assert.equal(
    codeFrom(() => tileRoot(bytes.subarray(32))),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => decodeTile(bytes, 255)),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => decodeTile(new Uint8Array(0), 0)),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => encodeTile([])),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => encodeTile(leaves.slice(0, 257))),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => encodeTile(['ab'])),
    'HASH_SIZE',
  );
  assert.deepEqual(
    [widthAt(0, 1, 300), widthAt(0, 2, 300), widthAt('entries', 0, 300), widthAt(1, 0, 300)],
    [44, 0, 256, 1],
  );
});

test('bundles hold entries of any content and lengths up to 65,535 bytes', () => {
  const largest = new Uint8Array(65_535).fill(7);
  assert.deepEqual(decodeBundle(encodeBundle([largest, utf8('')]), 2), [largest, utf8('')]);
  assert.equal(
    codeFrom(() => encodeBundle([new Uint8Array(65_536)])),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => encodeBundle([])),
    'TILE_INVALID',
  );
  assert.equal(
    codeFrom(() => encodeBundle(Array.from({ length: 257 }, () => utf8('')))),
    'TILE_INVALID',
  );
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 400 }), { minLength: 1, maxLength: 256 }), (entries) => {
      const bytes = encodeBundle(entries);
      assert.deepEqual(
        decodeBundle(bytes, entries.length),
        entries.map((entry) => entry),
      );
      assert.equal(
        codeFrom(() => decodeBundle(bytes, entries.length + 1)),
        'TILE_INVALID',
      );
      assert.equal(
        codeFrom(() => decodeBundle(bytes.subarray(0, -1), entries.length)),
        'TILE_INVALID',
      );
      assert.equal(
        codeFrom(() => decodeBundle(Uint8Array.of(...bytes, 0, 0), entries.length)),
        'TILE_INVALID',
      );
    }),
    { numRuns: runs(50) },
  );
});

test('any bytes are a bundle that is written the same again, or refused', () => {
  let read = 0;
  const small = fc.uint8Array({ max: 3, maxLength: 24 });
  fc.assert(
    fc.property(small, fc.integer({ min: -1, max: 8 }), (bytes, width) => {
      const result = attempt(() => decodeBundle(bytes, width));
      if ('code' in result) return assert.equal(result.code, 'TILE_INVALID');
      read++;
      assert.deepEqual(encodeBundle(result.value), bytes);
    }),
    { numRuns: 3000 },
  );
  assert.ok(read > 0);
});
