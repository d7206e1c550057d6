/**
 * Who holds which role, and what is known about connectors and targets (`directory.json`).
 *
 * Nobody is what the directory does not say: whoever is not in it holds no role, a connector that is not in it counts
 * as production.
 *
 * Pure:    no I/O.
 */
import { canonicalize, type Json, type JsonObject, sha256Hex } from '@indelible/core';
import { ACTOR_KINDS, type ActorKind, actorName, type PolicyActor } from './actor.ts';
import type { DataFile, JsonPath } from './data-file.ts';
import { compare } from './problems.ts';

interface LabelRule {
  /** The texts between the stars. */
  readonly parts: readonly string[];
  readonly labels: readonly string[];
}

interface DirectoryEntries {
  /** By `person:alice`, sorted, roles of roles included. */
  readonly roles: ReadonlyMap<string, readonly string[]>;
  readonly environments: ReadonlyMap<string, string>;
  /** Every role that is declared. */
  readonly declared: ReadonlySet<string>;
  readonly labels: readonly LabelRule[];
}

export const ENVIRONMENT_DEFAULT = 'production';
/** Names of roles, labels and environments. */
export const NAME = /^[a-z][a-z0-9._-]{0,63}$/;
const MEMBERS = ['roles', 'people', 'agents', 'services', 'connectors', 'targets'];
const MEMBER_OF_KIND: Readonly<Record<ActorKind, string>> = {
  person: 'people',
  agent: 'agents',
  service: 'services',
};
const NAME_TEXT = 'a name: small letters, digits, hyphens';
const NO_ROLES: readonly string[] = [];

export class Directory {
  /** What was read. */
  readonly source: JsonObject;
  /** SHA-256, in hex, of its canonical JSON: the `entities_hash` of plans. */
  readonly sha256: string;
  readonly #entries: DirectoryEntries;

  constructor(entries: DirectoryEntries, source: JsonObject) {
    this.#entries = entries;
    this.source = source;
    this.sha256 = sha256Hex(new TextEncoder().encode(canonicalize(source)));
  }

  has(actor: PolicyActor): boolean {
    return this.#entries.roles.has(actorName(actor));
  }

  /** Sorted; empty for whoever is not in the directory. */
  rolesOf(actor: PolicyActor): readonly string[] {
    return this.#entries.roles.get(actorName(actor)) ?? NO_ROLES;
  }

  /** The kind under which the directory has this id, when it has it under another one. */
  otherKindOf({ kind, id }: PolicyActor): ActorKind | null {
    if (this.#entries.roles.has(actorName({ kind, id }))) return null;
    return ACTOR_KINDS.find((other) => this.#entries.roles.has(actorName({ kind: other, id }))) ?? null;
  }

  /** Whether it says anything about a role, a connector or somebody: what policies name must be here. */
  knows(type: 'Role' | 'Connector' | 'Person' | 'Agent' | 'Service', id: string): boolean {
    if (type === 'Role') return this.#entries.declared.has(id);
    if (type === 'Connector') return this.#entries.environments.has(id);
    return this.has({ kind: type.toLowerCase() as ActorKind, id });
  }

  environmentOf(connector: string): string {
    return this.#entries.environments.get(connector) ?? ENVIRONMENT_DEFAULT;
  }

  get environments(): readonly string[] {
    return [...new Set([...this.#entries.environments.values(), ENVIRONMENT_DEFAULT])];
  }

  /** Sorted, each once. */
  labelsOf(target: string): string[] {
    const labels = this.#entries.labels
      .filter(({ parts }) => matches(target, parts))
      .flatMap((rule) => rule.labels);
    return [...new Set(labels)].sort(compare);
  }
}

export const NO_DIRECTORY = new Directory(
  { roles: new Map(), environments: new Map(), declared: new Set(), labels: [] },
  {},
);

/** Reads `directory.json`; what is wrong with it goes to the file's problems. */
export function parseDirectory(file: DataFile): Directory {
  const source = file.parse();
  if (source === null || file.object(source, [], MEMBERS) === null) return NO_DIRECTORY;
  const closure = rolesOfRoles(file, source.roles);
  const roles = new Map<string, readonly string[]>();
  for (const kind of ACTOR_KINDS) {
    const member = MEMBER_OF_KIND[kind];
    for (const [id, value] of entriesOf(file, source[member], [member])) {
      const path = [member, id];
      const { roles: given } = file.object(value, path, ['roles', 'description']) ?? {};
      const held = namesOf(file, given ?? [], [...path, 'roles']);
      for (const role of held)
        if (!closure.has(role)) file.problem([...path, 'roles'], `names no role: ${role}`);
      roles.set(actorName({ kind, id }), union(held.map((role) => closure.get(role) ?? [])));
    }
  }
  refuseDoubles(file, source);
  const environments = new Map<string, string>();
  for (const [id, value] of entriesOf(file, source.connectors, ['connectors'])) {
    const path = ['connectors', id];
    const { environment } = file.object(value, path, ['environment', 'description']) ?? {};
    environments.set(
      id,
      file.text(environment, [...path, 'environment'], NAME, NAME_TEXT) ?? ENVIRONMENT_DEFAULT,
    );
  }
  const rules = source.targets === undefined ? [] : file.array(source.targets, ['targets']);
  const labels = rules.map((value, at) => parseLabels(file, value, ['targets', at]));
  return new Directory({ roles, environments, declared: new Set(closure.keys()), labels }, source);
}

/** By role: itself and every role that it is in. */
function rolesOfRoles(file: DataFile, value: Json | undefined): Map<string, readonly string[]> {
  const direct = new Map<string, readonly string[]>();
  for (const [role, entry] of entriesOf(file, value, ['roles'])) {
    const path = ['roles', role];
    if (!NAME.test(role)) file.problem(path, `is not ${NAME_TEXT}`);
    direct.set(
      role,
      namesOf(file, file.object(entry, path, ['in', 'description'])?.in ?? [], [...path, 'in']),
    );
  }
  const closure = new Map<string, readonly string[]>();
  for (const [role, parents] of direct) {
    for (const parent of parents)
      if (!direct.has(parent)) file.problem(['roles', role, 'in'], `names no role: ${parent}`);
    const reached = new Set<string>();
    const waiting = [...parents];
    for (let next = waiting.pop(); next !== undefined; next = waiting.pop()) {
      if (reached.has(next)) continue;
      reached.add(next);
      waiting.push(...(direct.get(next) ?? []));
    }
    if (reached.has(role)) file.problem(['roles', role, 'in'], 'leads back to the role itself');
    closure.set(role, [role, ...reached]);
  }
  return closure;
}

/** One id under two kinds would let its holder choose the one that may do more. */
function refuseDoubles(file: DataFile, source: JsonObject): void {
  const seen = new Set<string>();
  for (const kind of ACTOR_KINDS) {
    const member = MEMBER_OF_KIND[kind];
    for (const id of Object.keys(source[member] ?? {})) {
      if (seen.has(id)) file.problem([member, id], 'is there under another kind as well');
      seen.add(id);
    }
  }
}

function parseLabels(file: DataFile, value: Json, path: JsonPath): LabelRule {
  const { match, labels } = file.object(value, path, ['match', 'labels', 'description']) ?? {};
  const pattern = file.text(
    match,
    [...path, 'match'],
    /^[^\n]{1,1024}$/,
    'a target’s id, in which * stands for any text',
  );
  return { parts: (pattern ?? '').split('*'), labels: namesOf(file, labels, [...path, 'labels']) };
}

/** Each part as early as it comes, the last one at the end: no backtracking, whatever the id. */
function matches(target: string, parts: readonly string[]): boolean {
  const [first = '', ...rest] = parts;
  if (rest.length === 0) return target === first;
  const last = rest.pop()!;
  if (!target.startsWith(first)) return false;
  let at = first.length;
  for (const part of rest) {
    const found = target.indexOf(part, at);
    if (found === -1) return false;
    at = found + part.length;
  }
  return target.length - last.length >= at && target.endsWith(last);
}

function entriesOf(file: DataFile, value: Json | undefined, path: JsonPath): [string, Json][] {
  return value === undefined ? [] : Object.entries(file.object(value, path, null) ?? {});
}

function namesOf(file: DataFile, value: Json | undefined, path: JsonPath): string[] {
  return file
    .array(value, path)
    .map((name, at) => file.text(name, [...path, at], NAME, NAME_TEXT))
    .filter((name) => name !== null);
}

function union(lists: readonly (readonly string[])[]): readonly string[] {
  return [...new Set(lists.flat())].sort(compare);
}
