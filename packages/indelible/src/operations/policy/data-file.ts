/**
 * Data files of a policy folder: JSON, read strictly, whose problems have lines.
 *
 * Pure:    no I/O.
 */
import { IndelibleError, type Json, type JsonObject, parseJson } from '@indelible/core';
import { lineAt, type Problems } from './problems.ts';

/** Members and positions from the outermost value to one inside it. */
export type JsonPath = readonly (string | number)[];

const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s{}[\],:"]+/g;

/** One data file while it is being read. Problems are collected; whoever reads goes on with what is usable. */
export class DataFile {
  readonly name: string;
  readonly #text: string;
  readonly #problems: Problems;

  constructor(name: string, text: string, problems: Problems) {
    this.name = name;
    this.#text = text;
    this.#problems = problems;
  }

  /** The outermost object; null when there is none. */
  parse(): JsonObject | null {
    try {
      const value = parseJson(this.#text);
      if (isObject(value)) return value;
      this.#problems.add(this.name, 1, 'must be a JSON object');
    } catch (error) {
      if (!(error instanceof IndelibleError)) throw error;
      const offset = /position (\d+)/.exec(error.message)?.[1];
      const line = offset === undefined ? null : lineAt(this.#text, Number(offset));
      this.#problems.add(this.name, line, `is not valid JSON: ${error.message}`);
    }
    return null;
  }

  problem(path: JsonPath, message: string): void {
    const place = path.length === 0 ? '' : `${path.join('.')} `;
    this.#problems.add(this.name, lineOfPath(this.#text, path), `${place}${message}`);
  }

  /** An object with no members but these. */
  object(value: Json | undefined, path: JsonPath, members: readonly string[] | null): JsonObject | null {
    if (!isObject(value)) {
      this.problem(path, 'must be an object');
      return null;
    }
    for (const member of Object.keys(value)) {
      if (members !== null && !members.includes(member))
        this.problem([...path, member], `is none of ${members.join(', ')}`);
    }
    return value;
  }

  array(value: Json | undefined, path: JsonPath): readonly Json[] {
    if (Array.isArray(value)) return value;
    this.problem(path, 'must be an array');
    return [];
  }

  text(value: Json | undefined, path: JsonPath, pattern: RegExp, what: string): string | null {
    if (typeof value === 'string' && pattern.test(value)) return value;
    this.problem(path, `must be ${what}`);
    return null;
  }
}

export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** The line on which a member's name, or an array's element, stands in valid JSON; 1 for the outermost value. */
function lineOfPath(text: string, path: JsonPath): number {
  if (path.length === 0) return 1;
  const wanted = JSON.stringify(path);
  const stack: (string | number)[] = [];
  for (const { 0: token, index } of text.matchAll(TOKEN)) {
    const top = stack.length - 1;
    if (token === '[') {
      stack.push(0);
      continue;
    }
    if (token === '{') stack.push('');
    else if (token === '}' || token === ']') stack.pop();
    else if (token === ',') {
      if (typeof stack[top] === 'number') stack[top] += 1;
      continue;
    } else if (typeof stack[top] === 'string' && /^\s*:/.test(text.slice(index + token.length)))
      stack[top] = JSON.parse(token) as string;
    if (stack.length >= path.length && JSON.stringify(stack.slice(0, path.length)) === wanted)
      return lineAt(text, index);
  }
  // A member that is missing: where the object begins that lacks it.
  return lineOfPath(text, path.slice(0, -1));
}
