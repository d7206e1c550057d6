/**
 * An object as it is asked for, and what people are shown of it.
 *
 * Pure:    no I/O.
 */
import type { JsonObject } from '@indelible/core';
import type { StateDiff } from '../contract.ts';
import { jsonDiff, textDiff } from '../shared/diff.ts';
import { HEADERS } from './config.ts';
import { factsOf, type NewObject, type ObjectFacts, objectState } from './objects.ts';

const SHOWN_MAX = 256 * 1024;

export function objectOf(params: JsonObject): NewObject {
  const {
    content,
    content_base64,
    metadata = {},
  } = params as {
    readonly content?: string;
    readonly content_base64?: string;
    readonly metadata?: ObjectFacts['metadata'];
  };
  const bytes =
    content === undefined ? Buffer.from(content_base64!, 'base64') : new TextEncoder().encode(content);
  const given = Object.keys(HEADERS).filter((name) => params[name] !== undefined);
  const headers = Object.fromEntries(given.map((name) => [name, params[name] as string]));
  // Servers have a default of their own, and not the same one.
  return { bytes, facts: factsOf(bytes, { content_type: 'application/octet-stream', ...headers }, metadata) };
}

/** Headers and content as lines where they are text; otherwise what differs of the facts. */
export function objectDiff(before: NewObject | null, after: NewObject | null): StateDiff {
  const [old, young] = [textOf(before), textOf(after)];
  if (old === undefined || young === undefined) {
    return jsonDiff(
      before === null ? undefined : objectState(before.facts).facts,
      after === null ? undefined : objectState(after.facts).facts,
    );
  }
  return textDiff(old, young);
}

/** undefined: it is no text, or too much of it. */
function textOf(object: NewObject | null): string | null | undefined {
  if (object === null) return null;
  const { bytes, facts } = object;
  if (bytes.length > SHOWN_MAX) return undefined;
  try {
    const content = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    if (content.includes('\0')) return undefined;
    const named = { ...facts.headers, ...prefixed(facts.metadata) };
    return `${Object.entries(named)
      .sort()
      .map(([name, value]) => `${name}: ${value}\n`)
      .join('')}\n${content}`;
  } catch {
    return undefined;
  }
}

function prefixed(metadata: ObjectFacts['metadata']): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).map(([name, value]) => [`metadata ${name}`, value]));
}
