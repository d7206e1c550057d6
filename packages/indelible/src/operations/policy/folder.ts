/**
 * The policies that are in force: a folder, read again when it changes.
 *
 * A folder with a problem is no folder: whoever asks for the set gets the problem, never an earlier set.
 *
 * Errors:  POLICY_SET_INVALID, also for a folder that cannot be read.
 */
import { type BigIntStats, readdirSync, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { IndelibleError } from '@indelible/core';
import { loadPolicySet, type PolicyFiles, type PolicySet } from './policy-set.ts';
import { compare, Problems } from './problems.ts';
import { SCHEMA_FILE, schemaText } from './schema.ts';

const FILES_MAX = 500;
const BYTES_MAX = 1024 * 1024;
/** Cases are for `policy test`; what begins with a dot is other programs' own. */
const NOT_READ = /^(?:cases$|\.)/;
const READ = /^[^.].*\.(?:cedar|cedarschema|json)$/i;

/** No policy at all: everything is denied. What an engine has when nobody gave it a folder. */
export const DENY_ALL: PolicyFiles = new Map([[SCHEMA_FILE, schemaText({})]]);

export interface Policies {
  /** The set in force now. */
  current(): Promise<PolicySet>;
}

/** The policies of a folder, or these texts; null for none, which denies everything. */
export function openPolicies(from: string | PolicyFiles | null): Policies {
  if (typeof from === 'string') return new PolicyFolder(from);
  let set: Promise<PolicySet> | undefined;
  return {
    current: () => {
      set ??= loadPolicySet(from ?? DENY_ALL);
      return set;
    },
  };
}

class PolicyFolder implements Policies {
  readonly #folder: string;
  #loaded: { readonly fingerprint: string; readonly set: PolicySet } | null = null;

  constructor(folder: string) {
    this.#folder = folder;
  }

  async current(): Promise<PolicySet> {
    const { files, fingerprint } = listFolder(this.#folder);
    if (this.#loaded?.fingerprint === fingerprint) return this.#loaded.set;
    this.#loaded = null;
    const set = await loadPolicySet(await readListed(this.#folder, files));
    // A file that changed while it was read has another fingerprint now; the next call reads again.
    this.#loaded = { fingerprint, set };
    return set;
  }
}

/** Asked for each decision, so without a thread of its own: that would take ten times as long as looking. */
function listFolder(folder: string): { files: string[]; fingerprint: string } {
  try {
    const entries = readdirSync(folder, { withFileTypes: true });
    const nested = entries.find((entry) => entry.isDirectory() && !NOT_READ.test(entry.name));
    if (nested !== undefined)
      throw unreadable(nested.name, 'is a folder that nothing reads; cases lie in cases/');
    const names = entries
      .map(({ name }) => name)
      .filter((name) => READ.test(name))
      .sort(compare);
    if (names.length > FILES_MAX) throw unreadable('.', `has more than ${FILES_MAX} files`);
    const stats = names.map((name) => statSync(join(folder, name), { bigint: true }));
    const large = names.find((_, at) => stats[at]!.size > BYTES_MAX);
    if (large !== undefined) throw unreadable(large, `has more than ${BYTES_MAX} bytes`);
    return { files: names, fingerprint: names.map((name, at) => identity(name, stats[at]!)).join('\n') };
  } catch (error) {
    if (error instanceof IndelibleError) throw error;
    throw unreadable('.', `cannot be read (${(error as NodeJS.ErrnoException).code}): ${folder}`, error);
  }
}

function identity(name: string, { ino, size, mtimeNs, ctimeNs }: BigIntStats): string {
  return [name, ino, size, mtimeNs, ctimeNs].join(' ');
}

async function readListed(folder: string, names: readonly string[]): Promise<PolicyFiles> {
  const problems = new Problems();
  const files = new Map<string, string>();
  await Promise.all(
    names.map(async (name) => {
      try {
        files.set(name, decode(await readFile(join(folder, name))));
      } catch (error) {
        const code = (error as NodeJS.ErrnoException).code;
        problems.add(
          name,
          null,
          code === undefined || code.startsWith('ERR_ENC') ? 'is not UTF-8' : `cannot be read (${code})`,
        );
      }
    }),
  );
  problems.raise();
  return files;
}

/** Strict: a text that cannot be decoded exactly would be another policy. */
function decode(bytes: Uint8Array): string {
  return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
}

function unreadable(file: string, message: string, cause?: unknown): IndelibleError {
  const problems = [{ file, line: null, message }];
  const options = { details: { problems }, ...(cause === undefined ? {} : { cause }) };
  return new IndelibleError('POLICY_SET_INVALID', `${file}: ${message}`, options);
}
