/**
 * Keeping what a log showed, byte for byte, beside what it had shown before: two notes that contradict each other,
 * both signed, convict the log whoever looks at them.
 *
 * Shapes:  one JSON file for each pair of notes, named for the finding and for what it holds; at most 100 of a kind,
 *          so that a log cannot crowd out the proof of a fork with noise.
 * Errors:  those of Node, for the caller to report.
 */
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { canonicalize, encodeBase64 } from '@indelible/core';
import { replaceFile } from './durable-file.ts';
import type { FindingKind } from './findings.ts';

const FILES_MAX = 100;

export interface Evidence {
  readonly kind: FindingKind;
  readonly detail: string;
  readonly origin: string;
  readonly prefix: string;
  readonly found_at: string;
  /** The note that was trusted; null when none was. */
  readonly trusted_note: string | null;
  /** What the log showed, which need not be a note. */
  readonly shown: Uint8Array;
}

/** Keeps it and returns the file's path. The same notes again are the same file, with the time they were first seen. */
export function keepEvidence(folder: string, evidence: Evidence): string {
  const { kind, detail, origin, prefix, found_at, trusted_note, shown } = evidence;
  const hash = createHash('sha256')
    .update(trusted_note ?? '')
    .update('\0')
    .update(shown)
    .digest('hex');
  const path = join(folder, `${kind}-${hash.slice(0, 32)}.json`);
  if (existsSync(path)) return path;
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  if (readdirSync(folder).filter((name) => name.startsWith(`${kind}-`)).length >= FILES_MAX) {
    throw new Error(`${folder} holds ${FILES_MAX} files of the kind ${kind} already: move them away`);
  }
  const text = textOf(shown);
  const json = canonicalize({
    v: 1,
    kind,
    detail,
    origin,
    prefix,
    found_at,
    trusted_note,
    shown_note: text,
    shown_base64: text === null ? encodeBase64(shown) : null,
  });
  replaceFile(path, new TextEncoder().encode(`${json}\n`));
  return path;
}

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
  } catch {
    return null;
  }
}
