/**
 * The entity model that decisions are made in, as a Cedar schema.
 *
 * A folder has its own copy (`schema.cedarschema`), so that Cedar's tools work on it and actions of one's own connectors
 * can be added. It must accept what the engine says; that is checked when the folder is loaded, with specimens.
 *
 * Pure:    but for Cedar, which computes.
 */

import type { Context, DetailedError, EntityJson, SchemaJson } from '@cedar-policy/cedar-wasm/nodejs';
import { canonicalize, type Json, sha256Hex } from '@indelible/core';
import { type Cedar, cedarMessage, errorOffset } from './cedar.ts';
import { lineAtByte, type Problems } from './problems.ts';

export const SCHEMA_FILE = 'schema.cedarschema';
export const NAMESPACE = 'Indelible';
/** `postgres:update`: a connector's kind and what it does. */
const ACTION = /^[a-z][a-z0-9-]{0,63}:[A-Za-z0-9][A-Za-z0-9._/-]{0,127}$/;

/** In Cedar's memory: a set that allows nothing, for asking whether a request is valid. */
const NO_POLICIES = 'indelible:policies:none';

const MODEL = `// Who asks. Roles may be in roles; the directory says who holds which.
entity Role;
entity Person in [Role];
entity Agent in [Role];
entity Service in [Role];

// What it is about: each target of a plan, in the connector that reaches it.
entity Connector;
entity Target in [Connector] = { id: String, type: String, labels: Set<String>, change: Change };

// Closed lists: a policy that names anything else is refused when it is loaded.
entity Change enum ["create", "update", "delete"];
entity Reversibility enum ["full", "partial", "none"];
entity Guarantee enum ["atomic-marker", "idempotency-key", "cas", "none"];
entity DryRun enum ["native", "transactional", "computed", "none"];
// Your own list: the environments that directory.json gives to connectors.
entity Environment enum ["production", "staging", "test", "development"];

type Facts = {
  // 1 low, 2 medium, 3 high, 4 critical.
  risk: Long,
  reversibility: Reversibility,
  // Absent while it can be undone for as long as nobody else changes the target.
  rollback_window_s?: Long,
  guarantee: Guarantee,
  dry_run: DryRun,
  // The size of the change.
  targets: Long,
  deletes: Long,
  diff_bytes: Long,
  environment: Environment,
  // now is an instant; the rest is the local time of calendar.json's zone. 1 is Monday.
  time: { now: datetime, date: String, weekday: Long, hour: Long, minute: Long },
  // The freezes of calendar.json that hold now.
  freezes: Set<String>,
  // Whether the principal acts for others; all of them, and the person at the end of the chain.
  delegated: Bool,
  delegation: { depth: Long, people: Set<Person>, agents: Set<Agent>, services: Set<Service> },
  on_behalf_of?: Person,
  break_glass: Bool,
  rollback: Bool,
  override: Bool,
};

// Every action is in here.
action "operate";
// Every undo is in here.
action "rollback" in ["operate"];
`;

/** A schema with the actions of these kinds of connectors, and a rollback of each. */
export function schemaText(kinds: Readonly<Record<string, readonly string[]>>): string {
  const actions = Object.entries(kinds).flatMap(([kind, names]) => [
    '',
    `action "${kind}" in ["operate"];`,
    ...names.map((name) => actionText(`${kind}:${name}`, [kind])),
    actionText(`${kind}:rollback`, [kind, 'rollback']),
  ]);
  const body = [...MODEL.trimEnd().split('\n'), ...actions];
  return `namespace ${NAMESPACE} {\n${body.map((line) => (line === '' ? '' : `  ${line}`)).join('\n')}\n}\n`;
}

function actionText(name: string, groups: readonly string[]): string {
  const principals = 'principal: [Person, Agent, Service]';
  const parents = groups.map((group) => `"${group}"`).join(', ');
  return `action "${name}" in [${parents}] appliesTo { ${principals}, resource: [Target], context: Facts };`;
}

export interface LoadedSchema {
  readonly text: string;
  /** SHA-256, in hex, of the schema's meaning: comments and order do not count. */
  readonly sha256: string;
  /** Its name in Cedar's memory. */
  readonly name: string;
}

/** Parses a schema and checks that it takes the engine's requests; null when a problem was found. */
export function loadSchema(
  cedar: Cedar,
  text: string,
  environments: readonly string[],
  problems: Problems,
): LoadedSchema | null {
  const before = problems.count;
  const raised = (errors: readonly DetailedError[]): void => {
    for (const error of errors) {
      const offset = errorOffset(error);
      problems.add(SCHEMA_FILE, offset === null ? null : lineAtByte(text, offset), cedarMessage(error));
    }
  };
  const parsed = cedar.schemaToJson(text);
  raised(parsed.type === 'failure' ? parsed.errors : parsed.warnings);
  if (parsed.type === 'failure' || problems.count > before) return null;
  const sha256 = sha256Hex(
    new TextEncoder().encode(canonicalize(sortedLists(parsed.json as unknown as Json))),
  );
  const name = `indelible:schema:${sha256}`;
  const kept = cedar.preparseSchema(name, text);
  if (kept.type === 'failure') raised(kept.errors);
  else
    for (const { id, message } of actionFaults(cedar, name, parsed.json, environments))
      problems.add(SCHEMA_FILE, lineOfAction(text, id), `action "${id}" ${message}`);
  if (problems.count > before) return null;
  return { text, sha256, name };
}

/** What keeps an action from being asked for: the engine would be denied for a reason nobody would look for here. */
function actionFaults(
  cedar: Cedar,
  schema_name: string,
  schema: SchemaJson<string>,
  environments: readonly string[],
): { id: string; message: string }[] {
  cedar.preparsePolicySet(NO_POLICIES, { staticPolicies: {} });
  const contexts = specimens(environments);
  // Actions of the same principals, resources and facts take the same requests: most schemas have one kind.
  const sound = new Set<string>();
  return Object.entries(schema[NAMESPACE]?.actions ?? {}).flatMap(([id, { appliesTo }]) => {
    const principals = (appliesTo?.principalTypes ?? []).map((type) => type.replace(`${NAMESPACE}::`, ''));
    if (principals.length === 0 && (appliesTo?.resourceTypes ?? []).length === 0) return [];
    if (!ACTION.test(id)) return [{ id, message: "is not a connector's kind, a colon and a name" }];
    const kind = ['Person', 'Agent', 'Service'].find((type) => principals.includes(type));
    if (kind === undefined) return [{ id, message: 'is for no person, agent or service' }];
    const taken = JSON.stringify(appliesTo);
    if (sound.has(taken)) return [];
    for (const context of contexts) {
      const answer = cedar.statefulIsAuthorized({
        ...{ principal: uid(kind, 'a'), action: uid('Action', id), resource: uid('Target', 't'), context },
        ...{ entities: SPECIMEN_ENTITIES, validateRequest: true },
        ...{ preparsedSchemaName: schema_name, preparsedPolicySetId: NO_POLICIES },
      });
      if (answer.type === 'failure')
        return [
          {
            id,
            message: `does not take what the engine says: ${answer.errors.map(cedarMessage).join('; ')}`,
          },
        ];
    }
    sound.add(taken);
    return [];
  });
}

/** An entity's name. An alias, not an interface: so it is a value of a context, too. */
export type Uid = { type: string; id: string };

export function uid(type: string, id: string): Uid {
  return { type: `${NAMESPACE}::${type}`, id };
}

const SPECIMEN_ENTITIES: EntityJson[] = [
  { uid: uid('Person', 'a'), attrs: {}, parents: [uid('Role', 'r')] },
  { uid: uid('Agent', 'a'), attrs: {}, parents: [uid('Role', 'r')] },
  { uid: uid('Service', 'a'), attrs: {}, parents: [uid('Role', 'r')] },
  {
    uid: uid('Target', 't'),
    attrs: { id: 't', type: 'target', labels: ['pii'], change: uid('Change', 'update') },
    parents: [uid('Connector', 'c')],
  },
];

/** Contexts with every member that the engine gives, in each environment, with and without the optional ones. */
function specimens(environments: readonly string[]): Context[] {
  return environments.flatMap((environment) => {
    const least: Context = {
      risk: 1,
      reversibility: uid('Reversibility', 'none'),
      guarantee: uid('Guarantee', 'none'),
      dry_run: uid('DryRun', 'none'),
      targets: 1,
      deletes: 0,
      diff_bytes: 0,
      environment: uid('Environment', environment),
      time: { now: '2026-11-21T02:14:00.000Z', date: '2026-11-21', weekday: 6, hour: 2, minute: 14 },
      freezes: ['a-freeze'],
      delegated: true,
      delegation: {
        depth: 3,
        people: [uid('Person', 'a')],
        agents: [uid('Agent', 'b')],
        services: [uid('Service', 'c')],
      },
      break_glass: false,
      rollback: false,
      override: false,
    };
    return [least, { ...least, rollback_window_s: 60, on_behalf_of: uid('Person', 'a') }];
  });
}

function lineOfAction(text: string, id: string): number | null {
  const at = text.split('\n').findIndex((line) => line.includes('action') && line.includes(`"${id}"`));
  return at === -1 ? null : at + 1;
}

/** Lists in a schema are sets: their order says nothing. */
function sortedLists(value: Json): Json {
  if (Array.isArray(value))
    return value.map(sortedLists).sort((a, b) => (canonicalize(a) < canonicalize(b) ? -1 : 1));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, sortedLists(member)]));
}
