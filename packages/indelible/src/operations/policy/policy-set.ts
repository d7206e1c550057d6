/**
 * A policy set: the files of a folder, checked, parsed once, and named by one hash.
 *
 * Strict on purpose. Whatever Cedar or Indelible would pass over in silence is a problem here: a policy without a name, an
 * unknown annotation, a policy that can never hold, a role or a freeze that no file declares, a file that nothing reads.
 *
 * Errors:  POLICY_SET_INVALID, with every problem, its file and its line.
 */
import { canonicalize, sha256Hex } from '@indelible/core';
import { type Calendar, NO_CALENDAR, parseCalendar } from './calendar.ts';
import { type Cedar, cedarMessage, loadCedar } from './cedar.ts';
import { DataFile } from './data-file.ts';
import { type Directory, NO_DIRECTORY, parseDirectory } from './directory.ts';
import { Problems } from './problems.ts';
import { type LoadedPolicy, readPolicies } from './read-policies.ts';
import { type LoadedSchema, loadSchema, SCHEMA_FILE } from './schema.ts';

export const CALENDAR_FILE = 'calendar.json';
export const DIRECTORY_FILE = 'directory.json';
const DATA_FILES = [CALENDAR_FILE, DIRECTORY_FILE];

/** Texts by name, relative to the folder, with slashes. */
export type PolicyFiles = ReadonlyMap<string, string>;

export interface PolicySet {
  /** SHA-256, in hex, of schema, calendar, every policy's canonical text and the version of Cedar's language. */
  readonly policy_set_hash: string;
  /** SHA-256, in hex, of the directory: who holds which role, where a connector leads. */
  readonly entities_hash: string;
  /** By their ids. */
  readonly policies: ReadonlyMap<string, LoadedPolicy>;
  readonly schema: LoadedSchema;
  readonly calendar: Calendar;
  readonly directory: Directory;
  readonly cedar: Cedar;
  /** Its name in Cedar's memory. */
  readonly name: string;
}

/** Loads a set from texts. */
export async function loadPolicySet(files: PolicyFiles): Promise<PolicySet> {
  const cedar = await loadCedar();
  const problems = new Problems();
  for (const name of files.keys()) checkName(name, problems);
  const calendar_text = files.get(CALENDAR_FILE);
  const calendar =
    calendar_text === undefined
      ? NO_CALENDAR
      : parseCalendar(new DataFile(CALENDAR_FILE, calendar_text, problems));
  const directory_text = files.get(DIRECTORY_FILE);
  const directory =
    directory_text === undefined
      ? NO_DIRECTORY
      : parseDirectory(new DataFile(DIRECTORY_FILE, directory_text, problems));
  const schema_text = files.get(SCHEMA_FILE);
  if (schema_text === undefined)
    problems.add(SCHEMA_FILE, null, 'is missing: `indelible policy init` writes one');
  problems.raise();
  const schema = loadSchema(cedar, schema_text!, directory.environments, problems);
  problems.raise();
  const policies = readPolicies({ cedar, schema_text: schema_text!, calendar, directory, problems }, files);
  problems.raise();
  return keep(cedar, { policies, schema: schema!, calendar, directory });
}

function checkName(name: string, problems: Problems): void {
  const base = name.toLowerCase();
  if (base.endsWith('.cedar') && !name.endsWith('.cedar'))
    problems.add(name, null, 'must end in .cedar, in small letters');
  if (base.endsWith('.cedarschema') && name !== SCHEMA_FILE)
    problems.add(name, null, `must be called ${SCHEMA_FILE}`);
  if (base.endsWith('.json') && !DATA_FILES.includes(name))
    problems.add(
      name,
      null,
      `is read by nothing: data files are ${DATA_FILES.join(' and ')}, cases lie in cases/`,
    );
}

type Parts = Pick<PolicySet, 'policies' | 'schema' | 'calendar' | 'directory'>;

/** Parses what will be evaluated, once, under the name of its hash. */
function keep(cedar: Cedar, parts: Parts): PolicySet {
  const { policies, schema, calendar, directory } = parts;
  const hashed = {
    v: 1,
    cedar: cedar.getCedarLangVersion(),
    schema: schema.sha256,
    calendar: calendar.sha256,
    policies: Object.fromEntries([...policies].map(([id, { sha256 }]) => [id, sha256])),
  };
  const policy_set_hash = sha256Hex(new TextEncoder().encode(canonicalize(hashed)));
  const name = `indelible:policies:${policy_set_hash}`;
  const staticPolicies = Object.fromEntries([...policies].map(([id, { evaluated }]) => [id, evaluated]));
  const kept = cedar.preparsePolicySet(name, { staticPolicies });
  if (kept.type === 'failure') {
    const problems = new Problems();
    for (const error of kept.errors) problems.add('.', null, cedarMessage(error));
    problems.raise();
  }
  return { ...parts, policy_set_hash, entities_hash: directory.sha256, cedar, name };
}
