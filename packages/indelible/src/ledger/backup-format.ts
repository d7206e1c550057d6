/**
 * The backup file: one JSON line that says what it is, the ledger's lines exactly as stored, one JSON line that seals it.
 *
 *   {"indelible_backup":1,"ledger":"acme.example/prod","created_at":"…","first_seq":0,"last_seq":41}
 *   {"hash":"…","record":{…}}
 *   …
 *   {"attachment":"sha-256:…","bytes":"…",…}   every attachment that they refer to, once, in parts
 *   …
 *   {"count":42,"head":{"hash":"…","seq":41},"sha256":"…"}
 *
 * `sha256` covers every byte before the last line, so `head -n -1 FILE | sha256sum` checks it. It finds accidents;
 * against forgery stands the hash chain inside, which `restore` verifies.
 *
 * Errors:  BACKUP_INVALID for a first or last line that is not one.
 * Pure:    no I/O.
 */
import { IndelibleError, parseJson } from '@indelible/core';
import type { Head } from '../stores/contract.ts';

export interface BackupHeader {
  readonly indelible_backup: 1;
  readonly ledger: string;
  readonly created_at: string;
  readonly first_seq: number;
  readonly last_seq: number;
}

export interface BackupTrailer {
  readonly count: number;
  readonly head: Head;
  readonly sha256: string;
}

const encoder = new TextEncoder();
const decoder = new TextDecoder('utf-8', { fatal: true });
const HASH = /^[0-9a-f]{64}$/;

export function headerLine(header: BackupHeader): Uint8Array {
  return encoder.encode(`${JSON.stringify(header)}\n`);
}

export function trailerLine(trailer: BackupTrailer): Uint8Array {
  return encoder.encode(`${JSON.stringify(trailer)}\n`);
}

/** The header in a first line, without its newline. */
export function parseHeader(line: Uint8Array): BackupHeader {
  const value = parseLine(line, 'its first line is not a backup header');
  const { indelible_backup, ledger, created_at, first_seq, last_seq } = value;
  if (indelible_backup !== 1) {
    const version = Number.isSafeInteger(indelible_backup)
      ? `format ${indelible_backup}`
      : 'no backup format';
    throw invalid(`its first line names ${version}; this program reads format 1`);
  }
  if (typeof ledger !== 'string' || typeof created_at !== 'string' || !isSeq(first_seq) || !isSeq(last_seq)) {
    throw invalid('its first line is not a backup header');
  }
  return { indelible_backup, ledger, created_at, first_seq, last_seq };
}

/** The trailer in a last line, without its newline. */
export function parseTrailer(line: Uint8Array): BackupTrailer {
  const problem = 'its last line does not seal it: the file is incomplete';
  const { count, head, sha256 } = parseLine(line, problem);
  const { seq, hash } = (typeof head === 'object' && head !== null ? head : {}) as Record<string, unknown>;
  const sound = isSeq(count) && isSeq(seq) && isHash(hash) && isHash(sha256);
  if (!sound) throw invalid(problem);
  return { count, head: { seq, hash }, sha256 };
}

/** Every reason to refuse a backup has this form. */
export function invalid(reason: string): IndelibleError {
  return new IndelibleError('BACKUP_INVALID', `the backup cannot be used: ${reason}`);
}

function parseLine(line: Uint8Array, problem: string): Record<string, unknown> {
  try {
    const value = parseJson(decoder.decode(line));
    if (typeof value === 'object' && value !== null && !Array.isArray(value))
      return value as Record<string, unknown>;
  } catch {
    // Whatever is wrong with the JSON, the file is no backup; the caller's words say which line.
  }
  throw invalid(problem);
}

function isSeq(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

function isHash(value: unknown): value is string {
  return typeof value === 'string' && HASH.test(value);
}
