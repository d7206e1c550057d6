/**
 * Checks source files against a matrix of rooms: which folder may import which.
 *
 * Shapes:  `sources` maps a path like `core/src/json/parse.ts` (below packages/) to its text.
 * Pure:    no I/O, so that the tests can plant violations.
 */
import { posix } from 'node:path';
import { type Import, importsOf } from './imports.ts';

export interface Room {
  /** Which files are in it; the first room that matches has the file. A group stands for `*` in `may`. */
  readonly files: RegExp;
  /** Rooms it may import; itself always. `stores/*` allows every room so named. */
  readonly may: readonly string[];
  /** Packages it may import; `node:` allows Node's own modules. */
  readonly packages: readonly string[];
}

export interface Exception {
  readonly file: string;
  /** A file below packages/, or a specifier. */
  readonly imports: string;
  readonly why: string;
}

export interface Boundaries {
  readonly rooms: Readonly<Record<string, Room>>;
  readonly exceptions: readonly Exception[];
  /** `#name` specifiers of packages, to the room they lead to. */
  readonly aliases: Readonly<Record<string, string>>;
}

/** One line for each import that the matrix forbids, and for each exception that nothing needs. */
export function violations(sources: ReadonlyMap<string, string>, boundaries: Boundaries): string[] {
  const found: string[] = [];
  const used = new Set<Exception>();
  for (const [file, source] of sources) {
    const room = roomOf(file, boundaries.rooms);
    if (room === null) {
      found.push(`${file}: no room of the matrix has this file; add one`);
      continue;
    }
    for (const entry of importsOf(source)) {
      const target = targetOf(file, entry, boundaries);
      const exception = boundaries.exceptions.find(
        (item) => item.file === file && item.imports === target.name,
      );
      if (exception !== undefined) used.add(exception);
      else if (!isAllowed(room, target, boundaries)) {
        found.push(`${file}:${entry.line} imports ${target.name}: ${room} may not import ${target.room}`);
      }
    }
  }
  for (const exception of boundaries.exceptions) {
    if (!used.has(exception))
      found.push(`${exception.file}: the exception for ${exception.imports} is stale; remove it`);
  }
  return found;
}

interface Target {
  readonly name: string;
  /** A room, `package NAME`, or `computed`. */
  readonly room: string;
}

function targetOf(file: string, entry: Import, { rooms, aliases }: Boundaries): Target {
  const { specifier } = entry;
  if (entry.kind === 'computed') return { name: 'computed', room: 'what cannot be read from the text' };
  if (specifier.startsWith('.')) {
    const path = posix.join(posix.dirname(file), specifier);
    return { name: path, room: roomOf(path, rooms) ?? `${path}, which no room has` };
  }
  const alias = aliases[specifier];
  return alias === undefined
    ? { name: specifier, room: `package ${specifier}` }
    : { name: specifier, room: alias };
}

function isAllowed(from: string, target: Target, { rooms }: Boundaries): boolean {
  const room = rooms[roomKey(from, rooms)]!;
  if (target.room.startsWith('package ')) {
    return room.packages.some((name) =>
      name.endsWith(':')
        ? target.name.startsWith(name)
        : target.name === name || target.name.startsWith(`${name}/`),
    );
  }
  if (target.room === from) return true;
  return room.may.some((name) =>
    name.endsWith('/*') ? target.room.startsWith(name.slice(0, -1)) : target.room === name,
  );
}

/** The room of a file; `stores/*` becomes `stores/file` for a file of that store. */
function roomOf(file: string, rooms: Boundaries['rooms']): string | null {
  for (const [name, room] of Object.entries(rooms)) {
    const match = room.files.exec(file);
    if (match !== null) return match[1] === undefined ? name : name.replace('*', match[1]);
  }
  return null;
}

function roomKey(room: string, rooms: Boundaries['rooms']): string {
  return room in rooms ? room : `${room.slice(0, room.indexOf('/'))}/*`;
}
