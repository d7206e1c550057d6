/** Policy sets made of texts, and requests about them. */
import type { Json, JsonObject } from '@indelible/core';
import { decide } from '../../packages/indelible/src/operations/policy/decide.ts';
import type { PolicyDecision } from '../../packages/indelible/src/operations/policy/decision.ts';
import { parseRequest } from '../../packages/indelible/src/operations/policy/parse-request.ts';
import { loadPolicySet, type PolicySet } from '../../packages/indelible/src/operations/policy/policy-set.ts';
import type { PolicyRequest } from '../../packages/indelible/src/operations/policy/request.ts';
import { SCHEMA_FILE, schemaText } from '../../packages/indelible/src/operations/policy/schema.ts';

export const SCHEMA = schemaText({ postgres: ['update', 'delete'], filesystem: ['write'] });

export const DIRECTORY = {
  roles: { staff: {}, dba: { in: ['staff'] }, lead: { in: ['staff'] } },
  people: { alice: { roles: ['dba'] }, bob: { roles: ['lead'] }, carol: { roles: [] } },
  agents: { helper: { roles: [] } },
  connectors: { prices: { environment: 'production' }, scratch: { environment: 'test' } },
  targets: [{ match: 'prices:*customer*', labels: ['pii'] }],
};

export const CALENDAR = {
  time_zone: 'Europe/Vienna',
  freezes: { 'year-end': { windows: [{ from: '2026-12-23T18:00', to: '2027-01-02T08:00' }] } },
};

/** A folder with one file of policies, the directory and the calendar above. */
export function filesOf(
  cedar: string,
  more: Readonly<Record<string, Json | string>> = {},
): Map<string, string> {
  const files: Record<string, Json | string> = {
    [SCHEMA_FILE]: SCHEMA,
    'directory.json': DIRECTORY,
    'calendar.json': CALENDAR,
    'base.cedar': cedar,
    ...more,
  };
  return new Map(
    Object.entries(files).map(([name, text]) => [
      name,
      typeof text === 'string' ? text : JSON.stringify(text, null, 2),
    ]),
  );
}

const loaded = new Map<string, Promise<PolicySet>>();

/** Loads a set once: many tests ask the same one. */
export function setOf(cedar: string, more: Readonly<Record<string, Json | string>> = {}): Promise<PolicySet> {
  const files = filesOf(cedar, more);
  const name = JSON.stringify([...files]);
  const set = loaded.get(name) ?? loadPolicySet(files);
  loaded.set(name, set);
  return set;
}

/** Alice updates one price, unless said otherwise. */
export function requestOf(members: JsonObject = {}): PolicyRequest {
  return parseRequest({
    principal: 'person:alice',
    action: 'postgres:update',
    targets: ['prices:public.price/42'],
    ...members,
  });
}

export async function decided(cedar: string, members: JsonObject = {}): Promise<PolicyDecision> {
  return decide(await setOf(cedar), requestOf(members));
}
