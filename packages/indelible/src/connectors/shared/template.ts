/**
 * Paths and bodies with places for parameters.
 *
 * In a path, `{name}` is a parameter, percent-encoded. In a body, `{"$param": "name"}` is a parameter,
 * `{"$before": true}` all of what the target was before the write, `{"$before": "/a/b"}` a part of that,
 * `{"$version": true}` its version then, and `{"$effect": true}` the effect key.
 *
 * Errors:  CONNECTOR_PARAMS.
 * Pure:    no I/O.
 */
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';

export function fillPath(template: string, params: JsonObject): string {
  return template.replaceAll(/\{(\w+)\}/g, (_, name: string) => {
    const value = params[name];
    if (typeof value !== 'string' && typeof value !== 'number') {
      throw new IndelibleError('CONNECTOR_PARAMS', `${name} stands in a path: it must be a text or a number`);
    }
    const text = String(value);
    // These would lead to another path, encoded or not.
    if (text === '' || text === '.' || text === '..' || !text.isWellFormed()) {
      throw new IndelibleError('CONNECTOR_PARAMS', `${name} cannot stand in a path`);
    }
    return encodeURIComponent(text);
  });
}

/** What stands in a body besides parameters. */
export interface TemplateFacts {
  readonly before?: Json | undefined;
  readonly version?: Json | undefined;
  readonly effect?: string;
}

/** A member whose parameter is not given is left out. */
export function fillBody(template: Json, params: JsonObject, facts: TemplateFacts): Json | undefined {
  if (typeof template !== 'object' || template === null) return template;
  if (isList(template)) return template.map((item) => fillBody(item, params, facts) ?? null);
  if (typeof template.$param === 'string') {
    return Object.hasOwn(params, template.$param) ? params[template.$param] : undefined;
  }
  if (typeof template.$before === 'string') return valueAt(facts.before ?? null, template.$before);
  for (const name of ['before', 'version', 'effect'] as const)
    if (template[`$${name}`] === true) return facts[name];
  const filled: Record<string, Json> = {};
  for (const [name, item] of Object.entries(template)) {
    const value = fillBody(item, params, facts);
    if (value !== undefined) filled[name] = value;
  }
  return filled;
}

/** What a JSON Pointer leads to (RFC 6901). */
export function valueAt(value: Json, pointer: string): Json | undefined {
  let at: Json | undefined = value;
  for (const token of pointer.split('/').slice(1)) {
    if (typeof at !== 'object' || at === null) return undefined;
    const name = token.replaceAll('~1', '/').replaceAll('~0', '~');
    at = Object.hasOwn(at, name) ? (at as JsonObject)[name] : undefined;
  }
  return at;
}

/** Whether a member like `{"$effect": true}`, or a parameter of these, stands in it. */
export function mentions(
  template: Json | undefined,
  what: '$version' | '$effect' | ReadonlySet<string>,
): boolean {
  if (typeof template !== 'object' || template === null) return false;
  if (isList(template)) return template.some((item) => mentions(item, what));
  if (typeof what === 'string' && template[what] === true) return true;
  if (typeof what !== 'string' && typeof template.$param === 'string') return what.has(template.$param);
  return Object.values(template).some((item) => mentions(item, what));
}

function isList(value: Json): value is readonly Json[] {
  return Array.isArray(value);
}

/** RFC 7396, JSON Merge Patch. */
export function mergePatch(target: Json | undefined, patch: Json): Json {
  if (typeof patch !== 'object' || patch === null || isList(patch)) return patch;
  const merged: Record<string, Json> =
    typeof target === 'object' && target !== null && !isList(target) ? { ...target } : {};
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) delete merged[name];
    else merged[name] = mergePatch(merged[name], value);
  }
  return merged;
}
