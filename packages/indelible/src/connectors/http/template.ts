/**
 * Paths and bodies with places for parameters.
 *
 * In a path, `{name}` is a parameter, percent-encoded. In a body, `{"$param": "name"}` is a parameter and
 * `{"$before": true}` all of what the target was before the write.
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

/** A member whose parameter is not given is left out. */
export function fillBody(template: Json, params: JsonObject, before: Json | undefined): Json | undefined {
  if (typeof template !== 'object' || template === null) return template;
  if (isList(template)) return template.map((item) => fillBody(item, params, before) ?? null);
  if (typeof template.$param === 'string') {
    return Object.hasOwn(params, template.$param) ? params[template.$param] : undefined;
  }
  if (template.$before === true) return before;
  const filled: Record<string, Json> = {};
  for (const [name, item] of Object.entries(template)) {
    const value = fillBody(item, params, before);
    if (value !== undefined) filled[name] = value;
  }
  return filled;
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
