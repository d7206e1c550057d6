/**
 * Which policy folder a command means, and the set in it.
 *
 * Errors:  POLICY_SET_INVALID, INPUT_UNREADABLE for cases.
 */
import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { IndelibleError } from '@indelible/core';
import { openPolicies } from '../operations/policy/folder.ts';
import type { PolicySet } from '../operations/policy/policy-set.ts';
import type { Invocation } from './shell.ts';

export interface PolicyFolderOptions {
  readonly policies?: string;
}

const FOLDER_DEFAULT = 'policies';

export function policyFolder({ options, env }: Invocation<PolicyFolderOptions>): string {
  return options.policies ?? (env.INDELIBLE_POLICIES || FOLDER_DEFAULT);
}

export function readPolicySet(invocation: Invocation<PolicyFolderOptions>): Promise<PolicySet> {
  return openPolicies(policyFolder(invocation)).current();
}

/** The files of cases that lie in a policy folder, in order of their names. */
export async function caseFiles(folder: string): Promise<string[]> {
  const cases = join(folder, 'cases');
  try {
    const names = await readdir(cases);
    return names
      .filter((name) => name.endsWith('.json'))
      .sort()
      .map((name) => join(cases, name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new IndelibleError('INPUT_UNREADABLE', `${cases} cannot be read (${code})`, { cause: error });
  }
}
