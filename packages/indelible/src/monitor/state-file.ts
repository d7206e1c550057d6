/**
 * What a monitor remembers: the newest state of the log that it trusts. Lost, a rewind or a fork before it goes unseen;
 * so a damaged file is never taken for a missing one.
 *
 * Shapes:  one JSON object; times are milliseconds since 1970.
 * Errors:  MONITOR_STATE for a file that is damaged, unreadable, or of another log.
 */
import { readFileSync } from 'node:fs';
import {
  canonicalize,
  IndelibleError,
  type Json,
  type JsonObject,
  NOTE_BYTES_MAX,
  parseCheckpoint,
  parseJson,
  parseNote,
} from '@indelible/core';
import { replaceFile } from './durable-file.ts';
import type { TreeHead } from './growth.ts';

export interface MonitorState {
  readonly origin: string;
  readonly size: number;
  readonly root: string;
  /** The note that says so. */
  readonly note: string;
  /** When a look last found everything in order. */
  readonly answered_at: number;
  /** When the log was last seen to have grown. */
  readonly grown_at: number;
  /** Up to where the records themselves were checked. */
  readonly entries: TreeHead;
}

const BYTES_MAX = 2 * NOTE_BYTES_MAX;

/** The state in the file; null when there is no file. */
export function readState(path: string, origin: string): MonitorState | null {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw damaged(path, `cannot be read (${(error as NodeJS.ErrnoException).code})`, error);
  }
  if (text.length > BYTES_MAX) throw damaged(path, 'is far too large');
  let state: MonitorState;
  try {
    state = stateOf(parseJson(text));
  } catch (error) {
    throw damaged(path, 'is not what a monitor wrote', error);
  }
  if (state.origin !== origin) throw damaged(path, `is about another log: ${JSON.stringify(state.origin)}`);
  return state;
}

/** Keeps a state; durable when it returns. One that is behind what the file has meanwhile is not kept. */
export function writeState(path: string, state: MonitorState): void {
  const kept = readState(path, state.origin);
  if (kept !== null && kept.size > state.size) return;
  const { origin, size, root, note, answered_at, grown_at, entries } = state;
  const json: Json = {
    v: 1,
    origin,
    size,
    root,
    note,
    answered_at,
    grown_at,
    entries: { size: entries.size, root: entries.root },
  };
  try {
    replaceFile(path, new TextEncoder().encode(`${canonicalize(json)}\n`));
  } catch (error) {
    throw damaged(path, `cannot be written (${(error as NodeJS.ErrnoException).code})`, error);
  }
}

function stateOf(json: Json): MonitorState {
  const { v, origin, size, root, note, answered_at, grown_at, entries } = json as JsonObject;
  const checkpoint = parseCheckpoint(parseNote(note as string).text);
  const { size: entries_size, root: entries_root } = entries as JsonObject;
  const holds =
    v === 1 &&
    checkpoint.origin === origin &&
    checkpoint.size === size &&
    checkpoint.root === root &&
    Number.isSafeInteger(answered_at) &&
    Number.isSafeInteger(grown_at) &&
    Number.isSafeInteger(entries_size) &&
    (entries_size as number) >= 0 &&
    (entries_size as number) <= checkpoint.size &&
    /^[0-9a-f]{64}$/.test(entries_root as string);
  if (!holds) throw new Error('its members do not fit together');
  return {
    origin: checkpoint.origin,
    size: checkpoint.size,
    root: checkpoint.root,
    note: note as string,
    answered_at: answered_at as number,
    grown_at: grown_at as number,
    entries: { size: entries_size as number, root: entries_root as string },
  };
}

function damaged(path: string, what: string, cause?: unknown): IndelibleError {
  return new IndelibleError('MONITOR_STATE', `${path} ${what}`, cause === undefined ? {} : { cause });
}
