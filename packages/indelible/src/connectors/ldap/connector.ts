/**
 * Entries of an LDAP directory: added, modified, deleted, and members of groups.
 *
 * Each change is one request that carries the entryCSN it was planned upon as an assertion (RFC 4528): the server
 * itself refuses it once somebody has changed the entry. There is no place for a marker, so whether an earlier request
 * took effect is judged by the entry.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration, DRIVER_MISSING.
 */
import { canonicalize, IndelibleError, type Json, type JsonObject } from '@indelible/core';
import type {
  Capabilities,
  Connector,
  ConnectorContext,
  ConnectorPlan,
  EffectContext,
  Execution,
  Probe,
  TargetState,
} from '../contract.ts';
import {
  assertInTime,
  assertLimits,
  assertPlanOf,
  assertSnapshotOf,
  assertUndoable,
  checkConnectorId,
  paramsCheck,
} from '../shared/checks.ts';
import { jsonDiff } from '../shared/diff.ts';
import {
  assertUnchanged,
  dryExecutionOf,
  executionOf,
  type FoundState,
  judgeByState,
  probeByState,
} from '../shared/one-target.ts';
import { connectorVersion, verificationOf } from '../shared/state.ts';
import { type LdapPlace, ldapActions, readLdapConfig } from './config.ts';
import { Directory } from './directory.ts';
import { formatDn, isWithin, normalDn, parseDn } from './dn.ts';
import { type Attributes, type Entry, SecretAttributes, sizeOf, stateOfEntry } from './entry.ts';
import { type LdapRequest, RESTORE, requestOf, stepsOf } from './request.ts';

const CODE_VERSION = 1;

const LIMITATIONS = {
  identity:
    'An entry that is added again is a new one: its entryUUID, createTimestamp and creatorsName are others.',
  operational: 'What the directory keeps itself (who changed it and when, password policy) is not put back.',
  unreadable:
    'Attributes that this account may not read, passwords often, are neither compared nor restored.',
  references: 'What the directory changes in other entries (memberof, refint) is not put back.',
  schema: 'The dry run does not ask the schema: the directory may still refuse.',
  judged_by_state:
    'After a lost answer, the entry tells whether the request took effect: if somebody else made the very same change, it is taken for this one.',
} as const;

export async function openLdapConnector(id: string, given: unknown): Promise<Connector> {
  checkConnectorId(id);
  return new LdapConnector(id, readLdapConfig(id, given));
}

class LdapConnector implements Connector {
  readonly id: string;
  readonly kind = 'ldap';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = LIMITATIONS;
  readonly #place: LdapPlace;
  readonly #directory: Directory;
  readonly #secrets: SecretAttributes;
  readonly #capabilities: Capabilities;
  readonly #check: ReturnType<typeof paramsCheck>;

  constructor(id: string, place: LdapPlace) {
    const { config, max_bytes, timeout_ms } = place;
    this.id = id;
    this.version = connectorVersion(CODE_VERSION, { ...config, ca: place.ca });
    this.#place = place;
    this.#directory = new Directory(place);
    this.#secrets = new SecretAttributes(place.secret_attributes, place.base);
    this.#capabilities = {
      guarantee: 'cas',
      dry_run: 'computed',
      probe: true,
      rollback: {
        can_rollback: true,
        method: 'inverse',
        window_ms: config.rollback_window_ms ?? null,
        limitations: Object.keys(LIMITATIONS),
      },
      limits: { max_targets: 1, max_bytes, timeout_ms },
    };
    this.actions = ldapActions(this.#capabilities);
    this.#check = paramsCheck(this.actions);
  }

  capabilities(action: string, params: JsonObject): Capabilities {
    this.#check(action, params);
    return this.#capabilities;
  }

  async plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    return this.#plan(action, this.#check(action, params), ctx);
  }

  async #plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    assertInTime(ctx.signal);
    const dn = this.#nameOf(params);
    // Before anything is read, and before secrets are asked for.
    assertLimits(this.#capabilities.limits, { targets: 1, bytes: Buffer.byteLength(canonicalize(params)) });
    const found = await this.#directory.read(dn, ctx);
    const request = await requestOf(action, params, { dn, found, secrets: this.#secrets, ctx });
    const size = (attributes: Attributes | null) => (attributes === null ? 0 : sizeOf(attributes));
    const bytes = size(found?.attributes ?? null) + size(request.after);
    assertLimits(this.#capabilities.limits, { targets: 1, bytes });
    const before = await this.#stateOf(found);
    const name = found?.dn ?? dn;
    const after =
      request.after === null
        ? null
        : await stateOfEntry({ dn: name, attributes: request.after }, this.#secrets);
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: [
        {
          resource: { type: 'ldap-entry', id: `${this.id}:${normalDn(parseDn(name))}` },
          version: found?.version ?? null,
          before,
          after,
          diff: jsonDiff(before?.facts.attributes, after?.facts.attributes),
        },
      ],
      steps: stepsOf(name, request),
      rollback_steps: [
        found === null
          ? `delete ${name}`
          : request.after === null
            ? `add ${name} again, with its ${found.attributes.size} attributes`
            : `give ${name} the values that it has now`,
      ],
      capabilities: this.#capabilities,
    };
  }

  /** Raises CONNECTOR_PARAMS for a name outside of the base. */
  #nameOf(params: JsonObject): string {
    const dn = parseDn((params.dn ?? params.group) as string);
    if (isWithin(dn, this.#place.base)) return formatDn(dn);
    throw new IndelibleError('CONNECTOR_PARAMS', `the name does not lie below ${formatDn(this.#place.base)}`);
  }

  async #stateOf(found: Entry | null): Promise<TargetState | null> {
    return found === null ? null : stateOfEntry(found, this.#secrets);
  }

  async #foundState(found: Entry | null): Promise<FoundState | null> {
    return found === null ? null : { state: (await this.#stateOf(found))!, version: found.version };
  }

  #read(plan: ConnectorPlan, ctx: ConnectorContext): Promise<Entry | null> {
    return this.#directory.read(this.#nameOf(plan.params), ctx);
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    const found = await this.#read(plan, ctx);
    assertUnchanged(plan, found);
    const [{ resource, before }] = plan.targets as [ConnectorPlan['targets'][number]];
    const hidden = [...(found?.attributes ?? [])].filter(([name]) => this.#secrets.has(name));
    if (hidden.length === 0) return { targets: [{ resource, before }] };
    const kept = Object.fromEntries(
      hidden.map(([name, values]) => [name, values.map((value) => value.toString('base64'))]),
    );
    const blob = await ctx.blobs.put(new TextEncoder().encode(canonicalize(kept)));
    return { targets: [{ resource, before, blob }] };
  }

  async execute(
    plan: ConnectorPlan,
    snapshot: Parameters<Connector['execute']>[1],
    ctx: EffectContext,
    { commit }: { readonly commit: boolean },
  ): Promise<Execution> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    assertInTime(ctx.signal);
    const found = await this.#read(plan, ctx);
    const now = await this.#foundState(found);
    if (commit && judgeByState(plan, now) === 'applied')
      return executionOf(plan, now, { judged_by: 'state' }, true);
    assertUnchanged(plan, found);
    const dn = found?.dn ?? this.#nameOf(plan.params);
    const request = await requestOf(plan.action, plan.params, { dn, found, secrets: this.#secrets, ctx });
    await ctx.reached('checked');
    if (!commit) return dryExecutionOf(plan);
    const left = await this.#send(dn, request, found, ctx);
    await ctx.reached('changed');
    const evidence = { request: request.kind, entryCSN: left?.version ?? null };
    return executionOf(plan, await this.#foundState(left), evidence, false);
  }

  /** Resolves to the entry that it left. */
  async #send(dn: string, request: LdapRequest, found: Entry | null, ctx: ConnectorContext) {
    if (request.kind === 'add') return this.#directory.add(dn, request.after, ctx);
    if (request.kind === 'delete') return this.#directory.delete(dn, found!.version, ctx);
    // An undo may find that everything is as it was.
    if (request.changes.length === 0) return found;
    return this.#directory.modify(dn, found!.version, request.changes, ctx);
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    const found = await this.#read(plan, ctx);
    const seen = { entry: (found?.operational ?? null) as Json };
    return probeByState(plan, await this.#foundState(found), seen);
  }

  async verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext) {
    return verificationOf(execution, [await this.#stateOf(await this.#read(plan, ctx))]);
  }

  async planRollback(
    plan: ConnectorPlan,
    execution: Execution,
    snapshot: Parameters<Connector['planRollback']>[2],
    ctx: ConnectorContext,
    { override = false } = {},
  ): Promise<ConnectorPlan> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    const found = await this.#read(plan, ctx);
    assertUndoable(plan.capabilities, execution, [await this.#stateOf(found)], override);
    const [{ before, blob }] = snapshot.targets as [(typeof snapshot.targets)[number]];
    const dn = before === null ? this.#nameOf(plan.params) : (before.observed!.dn as string);
    const attributes = before?.facts.attributes ?? null;
    return this.#plan(RESTORE, { dn, attributes, ...(blob === undefined ? {} : { blob }) }, ctx);
  }

  async close(): Promise<void> {
    await this.#directory.close();
  }
}
