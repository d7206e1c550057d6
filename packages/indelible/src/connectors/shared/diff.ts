/**
 * Differences for people: lines as a unified diff, JSON as a patch.
 *
 * Source:  RFC 6902 (JSON Patch), RFC 6901 (JSON Pointer); the unified format of POSIX diff.
 * Pure:    no I/O.
 */
import { canonicalize, type Json, type JsonObject } from '@indelible/core';
import type { StateDiff } from '../contract.ts';

const CONTEXT = 3;
/** Of the table of common subsequences; above it, the part that differs is shown as replaced. */
const CELLS_MAX = 1_000_000;

/** `null` stands for what does not exist. */
export function textDiff(before: string | null, after: string | null): StateDiff {
  if (before === after) return { format: 'unified', text: '' };
  const old = linesOf(before);
  const young = linesOf(after);
  return { format: 'unified', text: hunksOf(edits(old, young)) };
}

interface Edit {
  readonly sign: ' ' | '-' | '+';
  readonly line: string;
}

/** A last line without its newline is another line than one with it, as diff says, too. */
function linesOf(text: string | null): string[] {
  if (text === null || text === '') return [];
  const lines = text.split('\n');
  const last = lines.pop();
  if (last !== '') lines.push(`${last}\n\\ No newline at end of file`);
  return lines;
}

function edits(old: readonly string[], young: readonly string[]): Edit[] {
  let start = 0;
  while (start < old.length && start < young.length && old[start] === young[start]) start++;
  let end = 0;
  while (
    end < old.length - start &&
    end < young.length - start &&
    old[old.length - 1 - end] === young[young.length - 1 - end]
  ) {
    end++;
  }
  const same = (line: string): Edit => ({ sign: ' ', line });
  return [
    ...old.slice(0, start).map(same),
    ...between(old.slice(start, old.length - end), young.slice(start, young.length - end)),
    ...old.slice(old.length - end).map(same),
  ];
}

function between(old: readonly string[], young: readonly string[]): Edit[] {
  const removed = (line: string): Edit => ({ sign: '-', line });
  const added = (line: string): Edit => ({ sign: '+', line });
  const width = young.length + 1;
  if (old.length * width > CELLS_MAX) return [...old.map(removed), ...young.map(added)];
  // common[i * width + j]: the longest common subsequence of old from i and young from j.
  const common = new Uint32Array((old.length + 1) * width);
  for (let i = old.length - 1; i >= 0; i--) {
    for (let j = young.length - 1; j >= 0; j--) {
      common[i * width + j] =
        old[i] === young[j]
          ? common[(i + 1) * width + j + 1]! + 1
          : Math.max(common[(i + 1) * width + j]!, common[i * width + j + 1]!);
    }
  }
  const found: Edit[] = [];
  let i = 0;
  let j = 0;
  while (i < old.length || j < young.length) {
    if (i < old.length && j < young.length && old[i] === young[j]) {
      found.push({ sign: ' ', line: old[i]! });
      i++;
      j++;
    } else if (
      j === young.length ||
      (i < old.length && common[(i + 1) * width + j]! >= common[i * width + j + 1]!)
    ) {
      found.push(removed(old[i++]!));
    } else {
      found.push(added(young[j++]!));
    }
  }
  return found;
}

function hunksOf(all: readonly Edit[]): string {
  const changed = all.flatMap(({ sign }, i) => (sign === ' ' ? [] : [i]));
  let text = '';
  let oldLine = 1;
  let youngLine = 1;
  let at = 0;
  for (let c = 0; c < changed.length; ) {
    let last = c;
    while (last + 1 < changed.length && changed[last + 1]! - changed[last]! <= 2 * CONTEXT + 1) last++;
    const from = Math.max(0, changed[c]! - CONTEXT);
    const to = Math.min(all.length, changed[last]! + CONTEXT + 1);
    // What lies between hunks is on both sides.
    oldLine += from - at;
    youngLine += from - at;
    const hunk = all.slice(from, to);
    const olds = hunk.filter(({ sign }) => sign !== '+').length;
    const youngs = hunk.filter(({ sign }) => sign !== '-').length;
    text += `@@ -${rangeOf(oldLine, olds)} +${rangeOf(youngLine, youngs)} @@\n`;
    for (const { sign, line } of hunk) text += `${sign}${line}\n`;
    oldLine += olds;
    youngLine += youngs;
    at = to;
    c = last + 1;
  }
  return text;
}

function rangeOf(first: number, count: number): string {
  return `${count === 0 ? first - 1 : first},${count}`;
}

/** `undefined` stands for what does not exist. */
export function jsonDiff(before: Json | undefined, after: Json | undefined): StateDiff {
  const patch: JsonObject[] = [];
  if (before === undefined) {
    if (after !== undefined) patch.push({ op: 'add', path: '', value: after });
  } else if (after === undefined) {
    patch.push({ op: 'remove', path: '' });
  } else {
    compare('', before, after, patch);
  }
  return { format: 'json-patch', patch };
}

function compare(path: string, before: Json, after: Json, patch: JsonObject[]): void {
  if (isArray(before) && isArray(after)) {
    const shared = Math.min(before.length, after.length);
    for (let i = 0; i < shared; i++) compare(`${path}/${i}`, before[i]!, after[i]!, patch);
    for (let i = before.length - 1; i >= shared; i--) patch.push({ op: 'remove', path: `${path}/${i}` });
    for (const value of after.slice(shared)) patch.push({ op: 'add', path: `${path}/-`, value });
    return;
  }
  if (isObject(before) && isObject(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])].sort();
    for (const name of names) {
      const at = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (!Object.hasOwn(after, name)) patch.push({ op: 'remove', path: at });
      else if (!Object.hasOwn(before, name)) patch.push({ op: 'add', path: at, value: after[name]! });
      else compare(at, before[name]!, after[name]!, patch);
    }
    return;
  }
  if (canonicalize(before) !== canonicalize(after)) patch.push({ op: 'replace', path, value: after });
}

function isArray(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

function isObject(value: Json): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
