/**
 * The one request that an action comes down to, and what the entry is after it.
 *
 * Errors:  CONNECTOR_PARAMS, TARGET_NOT_FOUND, TARGET_REFUSED; ROLLBACK_IMPOSSIBLE when a password is no longer kept.
 */
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import type { ConnectorContext } from '../contract.ts';
import { secretNameOf } from '../shared/secrets.ts';
import { MEMBER_ATTRIBUTES } from './config.ts';
import { formatDn, normalText, parseDn } from './dn.ts';
import {
  type Attributes,
  bytesOf,
  type Change,
  changed,
  changesBetween,
  type Entry,
  type SecretAttributes,
  type ShownAttributes,
  type ShownValue,
} from './entry.ts';

/** The action of plans that only `planRollback` makes. */
export const RESTORE = 'restore';

export type LdapRequest =
  | { readonly kind: 'add'; readonly after: Attributes }
  | { readonly kind: 'delete'; readonly after: null }
  | { readonly kind: 'modify'; readonly after: Attributes; readonly changes: readonly Change[] };

interface Around {
  readonly dn: string;
  readonly found: Entry | null;
  readonly secrets: SecretAttributes;
  readonly ctx: ConnectorContext;
}

interface GivenChange {
  readonly operation: Change['operation'];
  readonly attribute: string;
  readonly values?: readonly Json[];
}

export async function requestOf(action: string, params: JsonObject, around: Around): Promise<LdapRequest> {
  const { found } = around;
  if (action === RESTORE) return restore(params, around);
  if (action === 'add') {
    if (found !== null) throw new IndelibleError('TARGET_REFUSED', 'there is such an entry already');
    const given = Object.entries(params.attributes as JsonObject) as [string, readonly Json[]][];
    const after = new Map<string, Buffer[]>();
    for (const [attribute, values] of given) {
      const name = attribute.toLowerCase();
      if (after.has(name)) throw invalid(`${attribute} is given twice`);
      after.set(name, await valuesOf(attribute, values, around));
    }
    return { kind: 'add', after };
  }
  if (found === null) throw new IndelibleError('TARGET_NOT_FOUND', 'there is no such entry');
  if (action === 'delete') {
    if (found.has_children) throw new IndelibleError('TARGET_REFUSED', 'there are entries below it');
    return { kind: 'delete', after: null };
  }
  const changes =
    action === 'modify'
      ? await changesOf(params.changes as unknown as readonly GivenChange[], around)
      : [memberChange(action, params, found)];
  return { kind: 'modify', after: changed(found.attributes, changes), changes };
}

async function changesOf(given: readonly GivenChange[], around: Around): Promise<Change[]> {
  const changes: Change[] = [];
  for (const { operation, attribute, values = [] } of given) {
    if (operation === 'add' && values.length === 0) throw invalid(`${attribute} is added without a value`);
    changes.push({ operation, attribute, values: await valuesOf(attribute, values, around) });
  }
  return changes;
}

/** Secrets come by reference alone, and only where they are not shown. */
async function valuesOf(
  attribute: string,
  values: readonly Json[],
  { secrets, ctx }: Around,
): Promise<Buffer[]> {
  const found: Buffer[] = [];
  for (const value of values) {
    const name = secretNameOf(value);
    if ((name === null) === secrets.has(attribute)) {
      throw invalid(
        name === null
          ? `${attribute} is secret: pass {"$secret": "<name>"}`
          : `${attribute} is shown: a secret must not go there`,
      );
    }
    found.push(name === null ? bytesOf(value as ShownValue)! : Buffer.from(await ctx.secret(name)));
  }
  const distinct = new Set(found.map((value) => value.toString('base64')));
  if (distinct.size < found.length) throw invalid(`${attribute} is given a value twice`);
  return found;
}

/** Members are compared as names where they are names: a directory does not see their spelling. */
function memberChange(action: string, params: JsonObject, found: Entry): Change {
  const { attribute = 'member', members } = params as {
    readonly attribute?: keyof typeof MEMBER_ATTRIBUTES;
    readonly members: readonly string[];
  };
  const fold = MEMBER_ATTRIBUTES[attribute] ? normalText : (text: string) => text;
  const there = new Map(
    (found.attributes.get(attribute.toLowerCase()) ?? []).map((value) => [fold(value.toString()), value]),
  );
  const named = new Map(members.map((member) => [fold(member), member]));
  if (named.size < members.length) throw invalid('a member is named twice');
  const values = [...named].map(([key, member]) => {
    const known = there.get(key);
    if (action === 'remove-member') {
      if (known === undefined)
        throw new IndelibleError('TARGET_REFUSED', `${member.slice(0, 80)} is no member`);
      return known;
    }
    if (known !== undefined)
      throw new IndelibleError('TARGET_REFUSED', `${member.slice(0, 80)} is a member already`);
    return Buffer.from(MEMBER_ATTRIBUTES[attribute] ? formatDn(parseDn(member)) : member);
  });
  return { operation: action === 'remove-member' ? 'delete' : 'add', attribute, values };
}

/** Back to what is shown of an entry, with the hidden values from where the snapshot keeps them. */
async function restore(params: JsonObject, { found, ctx }: Around): Promise<LdapRequest> {
  const { attributes, blob } = params as unknown as {
    readonly attributes: ShownAttributes | null;
    readonly blob?: string;
  };
  if (attributes === null) {
    if (found === null) throw new IndelibleError('ROLLBACK_REFUSED', 'the entry is gone already');
    return { kind: 'delete', after: null };
  }
  const hidden = blob === undefined ? {} : await hiddenValues(blob, ctx);
  const then = new Map<string, readonly Buffer[]>();
  for (const [name, values] of Object.entries(attributes))
    then.set(name, hidden[name] ?? values.map((value) => bytesOf(value)!));
  if (found === null) return { kind: 'add', after: then };
  return { kind: 'modify', after: then, changes: changesBetween(found.attributes, then) };
}

async function hiddenValues(blob: string, ctx: ConnectorContext): Promise<Record<string, Buffer[]>> {
  const text = new TextDecoder().decode(await ctx.blobs.get(blob));
  const kept = JSON.parse(text) as Record<string, string[]>;
  return Object.fromEntries(
    Object.entries(kept).map(([name, values]) => [name, values.map((value) => Buffer.from(value, 'base64'))]),
  );
}

/** For people. Values stand in the difference, where secret ones are hidden. */
export function stepsOf(dn: string, request: LdapRequest): string[] {
  if (request.kind === 'delete') return [`delete ${dn}`];
  if (request.kind === 'add') return [`add ${dn} with ${request.after.size} attributes`];
  if (request.changes.length === 0) return [`nothing: ${dn} is as it shall be`];
  return request.changes.map(
    ({ operation, attribute, values }) => `${operation} ${attribute} of ${dn}: ${values.length} values`,
  );
}

function invalid(message: string): IndelibleError {
  return new IndelibleError('CONNECTOR_PARAMS', message);
}
