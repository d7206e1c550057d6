/**
 * Coordinates of tiles: the fixed set of files that a log consists of, and their paths.
 *
 * Shapes:  `tile/0/x001/x234/067.p/5` is `{ level: 0, index: 1234067, width: 5 }`; entry bundles have level 'entries'.
 * Errors:  TILE_INVALID for anything that is no tile, or spelled otherwise.
 * Source:  c2sp.org/tlog-tiles.
 * Pure:    no I/O.
 */
import { IndelibleError } from '../errors.ts';

/** Hashes of a full tile, entries of a full bundle. */
export const TILE_WIDTH = 256;
/** A full tile spans eight levels of the tree. */
export const TILE_HEIGHT = 8;
const LEVEL_MAX = 63;

/** One tile, or with level 'entries' one bundle of entries. Partial below width 256. */
export interface Tile {
  readonly level: number | 'entries';
  readonly index: number;
  readonly width: number;
}

/** The path of a tile below the log's prefix, with no leading slash. */
export function tilePath(tile: Tile): string {
  checkTile(tile);
  let digits = String(tile.index);
  digits = digits.padStart(Math.ceil(digits.length / 3) * 3, '0');
  const groups = digits.match(/.../g)!;
  const last = groups.pop()!;
  const folders = groups.map((group) => `x${group}/`).join('');
  const partial = tile.width === TILE_WIDTH ? '' : `.p/${tile.width}`;
  return `tile/${tile.level}/${folders}${last}${partial}`;
}

// At most 6 groups: 2^53 has 16 digits.
const PATH = /^tile\/(entries|0|[1-9][0-9]?)\/((?:x[0-9]{3}\/){0,5}[0-9]{3})(?:\.p\/([1-9][0-9]{0,2}))?$/;

/** The tile at a path, which must be spelled exactly as `tilePath` does. */
export function parseTilePath(path: string): Tile {
  const parts = PATH.exec(path);
  if (parts === null) throw invalid('the path of a tile has another form');
  const tile: Tile = {
    level: parts[1] === 'entries' ? 'entries' : Number(parts[1]),
    index: Number(parts[2]!.replaceAll(/[x/]/g, '')),
    width: parts[3] === undefined ? TILE_WIDTH : Number(parts[3]),
  };
  // Refuses x000/001 for 001, and .p/256 for a full tile.
  if (tilePath(tile) !== path) throw invalid('the path of a tile has another spelling');
  return tile;
}

/** How many hashes or entries the tile has in a log of this size: 0 when it does not exist yet. */
export function widthAt(level: Tile['level'], index: number, size: number): number {
  const whole = Math.floor(size / TILE_WIDTH ** (level === 'entries' ? 0 : level));
  return Math.min(Math.max(whole - index * TILE_WIDTH, 0), TILE_WIDTH);
}

/**
 * The hash tiles that a log of `to` leaves has beyond those of `from` leaves, level by level, partial ones included.
 * With `from` 0 that is every tile. The bundles to add have the indexes and widths of level 0.
 */
export function* tilesBetween(from: number, to: number): Generator<Tile & { readonly level: number }> {
  checkRange(from, to);
  for (let level = 0; TILE_WIDTH ** level <= to; level++) {
    const before = Math.floor(from / TILE_WIDTH ** level);
    const after = Math.floor(to / TILE_WIDTH ** level);
    if (before === after) continue;
    const first = Math.floor(before / TILE_WIDTH);
    for (let index = first; index * TILE_WIDTH < after; index++)
      yield { level, index, width: widthAt(level, index, to) };
  }
}

/** Refuses what no log can have. */
export function checkTile({ level, index, width }: Tile): void {
  const valid =
    (level === 'entries' || isWhole(level, 0, LEVEL_MAX)) &&
    isWhole(index, 0, Number.MAX_SAFE_INTEGER) &&
    isWhole(width, 1, TILE_WIDTH);
  if (!valid) throw invalid('level, index or width of a tile is out of range');
}

function checkRange(from: number, to: number): void {
  const max = Number.MAX_SAFE_INTEGER;
  if (!isWhole(to, 0, max) || !isWhole(from, 0, to)) throw invalid('a log cannot have these sizes');
}

function isWhole(value: number, min: number, max: number): boolean {
  return Number.isSafeInteger(value) && value >= min && value <= max;
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('TILE_INVALID', message);
}
