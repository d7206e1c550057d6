/**
 * Manifests: a signed statement of what a bucket holds of a log, and how it keeps it.
 *
 *     indelible/manifest/v1\n
 *     {"batches":{"count":3,"sha256":"…"},"entries":true,"from":0,"ledger":"acme.example/prod","lock":{…},…}\n
 *     \n
 *     — acme.example/prod <base64>\n
 *
 * `batches` are the objects with the lines of records `from` to `size`: how many, and a digest of their names and
 * versions. Null where no ledger lies beside what is published.
 *
 * Errors:  NOTE_INVALID for anything that would not be written so; those of signatures.
 * Source:  c2sp.org/signed-note for the form.
 * Pure:    no I/O but the signer's.
 */
import {
  canonicalize,
  ed25519Verifier,
  formatNote,
  IndelibleError,
  isIndelibleError,
  type Json,
  type JsonObject,
  type NoteSigner,
  openNote,
  parseJson,
  parseNote,
  parseVerifierKey,
  SIGNATURES,
  signText,
} from '@indelible/core';
import type { Lock } from '../../s3/lock.ts';
import type { BatchesHeld } from './batches-held.ts';

const HEADER = 'indelible/manifest/v1\n';

export interface Manifest {
  readonly ledger: string;
  /** It speaks of the batches of records from here on; those before have manifests of their own. */
  readonly from: number;
  readonly size: number;
  readonly root: string;
  /** Whether there are bundles of entries. */
  readonly entries: boolean;
  readonly lock: Lock | null;
  readonly batches: BatchesHeld | null;
}

export async function formatManifest(manifest: Manifest, signer: NoteSigner): Promise<string> {
  const { ledger, from, size, root, entries, lock, batches } = manifest;
  const text = `${HEADER}${canonicalize({
    ledger,
    from,
    size,
    root,
    entries,
    lock:
      lock === null ? null : { ...lock, retention: lock.retention === null ? null : { ...lock.retention } },
    batches: batches === null ? null : { ...batches },
  })}\n`;
  return formatNote({ text, signatures: [await signText(text, signer)] });
}

/** Reads what the verifier needs of a manifest. Nothing in it may be trusted before its signature was verified. */
export function parseManifest(source: Uint8Array): Pick<Manifest, 'from' | 'size' | 'batches'> {
  const { text } = parseNote(source);
  const value = text.startsWith(HEADER) ? parseJson(text.slice(HEADER.length)) : null;
  if (!isObject(value) || `${HEADER}${canonicalize(value)}\n` !== text) throw invalid();
  const { from, size, batches } = value;
  if (!isWhole(from) || !isWhole(size) || from > size) throw invalid();
  if (batches === null) return { from, size, batches };
  if (!isObject(batches) || !isWhole(batches.count) || typeof batches.sha256 !== 'string') throw invalid();
  return { from, size, batches: { count: batches.count, sha256: batches.sha256 } };
}

/** Whether one of these keys signed it. */
export function isSignedByOne(source: Uint8Array, vkeys: readonly string[]): boolean {
  return vkeys.some((vkey) => isSignedBy(source, vkey));
}

/** False also for what is no key: one bad line among those published must not take the others with it. */
function isSignedBy(source: Uint8Array, vkey: string): boolean {
  try {
    return openNote(parseNote(source), [ed25519Verifier(parseVerifierKey(vkey), SIGNATURES)]).length > 0;
  } catch (error) {
    if (isIndelibleError(error)) return false;
    throw error;
  }
}

function isObject(value: Json | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isWhole(value: Json | undefined): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function invalid(): IndelibleError {
  return new IndelibleError('NOTE_INVALID', 'this is no manifest');
}
