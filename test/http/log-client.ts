/** A client of c2sp.org/tlog-tiles that knows a log by its address and verifier key, and believes nothing else. */
import assert from 'node:assert/strict';
import {
  type Checkpoint,
  checkCheckpoint,
  decodeBundle,
  decodeTile,
  hashesOfTiles,
  leafHash,
  parseNote,
  rootOf,
  SIGNATURES,
  tilePath,
  tilesBetween,
} from '@indelible/core';

export type Get = (path: string) => Promise<Response>;

export async function bytesOf(response: Response): Promise<Uint8Array> {
  assert.equal(response.status, 200, `${response.url}: ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

/** The newest checkpoint, verified. */
export async function readCheckpoint(get: Get, log_keys: readonly string[]): Promise<Checkpoint> {
  const note = parseNote(await bytesOf(await get('checkpoint')));
  return checkCheckpoint(note, { log_keys, algorithms: SIGNATURES }).checkpoint;
}

/** Reads a whole log of this size and root; returns its entries. */
export async function readLog(get: Get, { size, root }: Checkpoint): Promise<Uint8Array[]> {
  const tiles = new Map<string, Uint8Array>();
  const entries: Uint8Array[] = [];
  for (const tile of tilesBetween(0, size)) {
    const bytes = await bytesOf(await get(tilePath(tile)));
    tiles.set(tilePath(tile), bytes);
    if (tile.level > 0) continue;
    const bundle = await bytesOf(await get(tilePath({ ...tile, level: 'entries' })));
    const found = decodeBundle(bundle, tile.width);
    assert.deepEqual(found.map(leafHash), decodeTile(bytes, tile.width), tilePath(tile));
    entries.push(...found);
  }
  assert.equal(
    rootOf(
      size,
      hashesOfTiles((tile) => tiles.get(tilePath(tile)), size),
    ),
    root,
  );
  assert.equal(entries.length, size);
  return entries;
}
