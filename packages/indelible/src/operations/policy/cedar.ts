/**
 * Cedar, loaded when it is first needed: the WebAssembly module takes tens of milliseconds and megabytes.
 *
 * The module keeps parsed schemas and policy sets by name for as long as the process lives. Names here are hashes of
 * what they stand for, so that loading the same set again costs nothing and another one never takes its place.
 */
import type * as CedarModule from '@cedar-policy/cedar-wasm/nodejs';
import type { DetailedError } from '@cedar-policy/cedar-wasm/nodejs';

export type Cedar = typeof CedarModule;

let loading: Promise<Cedar> | undefined;

export function loadCedar(): Promise<Cedar> {
  loading ??= import('@cedar-policy/cedar-wasm/nodejs');
  return loading;
}

/** One error in one line, with what Cedar advises. */
export function cedarMessage({ message, help, related }: DetailedError): string {
  const more = (related ?? []).map((each) => `; ${cedarMessage(each)}`).join('');
  return `${message}${help === null ? '' : ` (${help})`}${more}`.replaceAll('\n', ' ');
}

/** Where it starts in the text that was parsed, in UTF-8 bytes; null when Cedar does not say. */
export function errorOffset({ sourceLocations }: DetailedError): number | null {
  return sourceLocations?.[0]?.start ?? null;
}
