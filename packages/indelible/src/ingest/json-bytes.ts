/**
 * Strict JSON from bytes: UTF-8 that is well-formed, then core's parser.
 *
 * Errors:  JSON_INVALID and the other JSON_ codes.
 * Pure:    no I/O.
 */
import { IndelibleError, type Json, type JsonObject, parseJson } from '@indelible/core';

const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

/** Parses one JSON text. */
export function parseJsonBytes(bytes: Uint8Array): Json {
  let text: string;
  try {
    text = decoder.decode(bytes);
  } catch (cause) {
    throw new IndelibleError('JSON_INVALID', 'not valid UTF-8', { cause });
  }
  return parseJson(text);
}

/** True for objects: neither arrays nor null. */
export function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** An object's own member; inherited names such as `constructor` are never data. */
export function member(value: Json | undefined, name: string): Json | undefined {
  return isObject(value) && Object.hasOwn(value, name) ? value[name] : undefined;
}

/** A member that is a string with something in it, else undefined. */
export function text(value: Json | undefined, name: string): string | undefined {
  const found = member(value, name);
  return typeof found === 'string' && found !== '' ? found : undefined;
}
