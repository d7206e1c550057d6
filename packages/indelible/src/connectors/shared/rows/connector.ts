/**
 * A connector for rows of a database that has transactions.
 *
 * Planning and dry runs do the change and roll it back: what they foretell is what the database did, defaults, type
 * conversions and triggers included. A real run writes a marker under its effect key in the same transaction, so that
 * the marker is there exactly when the effect is.
 *
 * Errors:  as the contract says.
 */
import { IndelibleError, type Json, type JsonObject } from '@indelible/core';
import type {
  Capabilities,
  Connector,
  ConnectorContext,
  ConnectorPlan,
  EffectContext,
  ExecutedTarget,
  Execution,
  Probe,
} from '../../contract.ts';
import { assertInTime, assertPlanOf, assertSnapshotOf, assertUndoable, paramsCheck } from '../checks.ts';
import { jsonDiff } from '../diff.ts';
import { byResource, digestOf, stateOf, verificationOf } from '../state.ts';
import { type RowLimits, rowActions, rowCapabilities } from './actions.ts';
import { type ChangedRow, changeRows, RESTORE } from './change.ts';
import type { FoundRow, Row, RowDatabase, RowSession, Table } from './contract.ts';

export interface RowConnectorOptions {
  readonly id: string;
  readonly kind: string;
  readonly code_version: number;
  /** What distinguishes this configuration, without secrets. */
  readonly place: JsonObject;
  readonly tables: readonly string[];
  readonly limits: RowLimits;
  readonly limitations: Readonly<Record<string, string>>;
  /** JSON Schema of a column's value. */
  readonly value: JsonObject;
  readonly database: RowDatabase;
}

export class RowConnector implements Connector {
  readonly id: string;
  readonly kind: string;
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations: Connector['limitations'];
  readonly #database: RowDatabase;
  readonly #limits: RowLimits;
  readonly #capabilities: Capabilities;
  readonly #check: ReturnType<typeof paramsCheck>;

  constructor({
    id,
    kind,
    code_version,
    place,
    tables,
    limits,
    limitations,
    value,
    database,
  }: RowConnectorOptions) {
    this.id = id;
    this.kind = kind;
    this.version = `${code_version}-${digestOf({ place, tables, ...limits }).slice(0, 16)}`;
    this.#capabilities = rowCapabilities(limits, limitations);
    this.actions = rowActions(this.#capabilities, tables, value);
    this.limitations = limitations;
    this.#database = database;
    this.#limits = limits;
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
    const changed = await this.#database.transaction('write', ctx.signal, async (session) => ({
      commit: false,
      result: await this.#change(session, action, params, null, async () => {}),
    }));
    const targets = changed.map(({ name, before, after }) => ({
      resource: this.#resource(name),
      version: before?.version ?? null,
      before: before && stateOf(before.row),
      after: after && stateOf(after.row),
      diff: jsonDiff(before?.row, after?.row),
    }));
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets: targets.sort(byResource),
      steps: changed.map(({ name, before, after }) => stepOf(name, before, after)),
      rollback_steps: changed.map(({ name, before, after }) => stepOf(name, after, before)).reverse(),
      capabilities: this.#capabilities,
    };
  }

  #change(
    session: RowSession,
    action: string,
    params: JsonObject,
    planned: ConnectorPlan['targets'] | null,
    checked: () => Promise<void>,
  ): Promise<ChangedRow[]> {
    const idOf = (name: string) => this.#resource(name).id;
    return changeRows(session, { action, params, planned, checked, idOf, limits: this.#limits });
  }

  #resource(name: string) {
    return { type: 'row', id: `${this.id}:${name}` };
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    // Selected as when planned: rows that match by now would be changed, too.
    await this.#database.transaction('write', ctx.signal, async (session) => ({
      commit: false,
      result: await this.#change(session, plan.action, plan.params, plan.targets, async () => {}),
    }));
    return { targets: plan.targets.map(({ resource, before }) => ({ resource, before })) };
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
    const { effect_key, fencing_epoch: epoch, operation_id } = ctx;
    const execution = await this.#database.transaction('write', ctx.signal, async (session) => {
      const marker = await session.effect(effect_key);
      if (commit && marker !== null && marker.execution !== null) {
        const earlier = JSON.parse(marker.execution) as Execution;
        return { commit: false, result: { ...earlier, repeated: true } };
      }
      if (marker !== null && marker.epoch > epoch) {
        throw new IndelibleError('EFFECT_FENCED', `epoch ${marker.epoch} has taken over from ${epoch}`);
      }
      await session.mark(effect_key, { operation_id, epoch, execution: null });
      const changed = await this.#change(session, plan.action, plan.params, plan.targets, () =>
        ctx.reached('checked'),
      );
      const result: Execution = {
        committed: commit,
        outcome: commit ? 'applied' : 'not_applied',
        repeated: false,
        targets: changed.map((row) => this.#executed(row, commit)).sort(byResource),
        evidence: await session.evidence(),
      };
      if (!commit) return { commit, result };
      await session.mark(effect_key, { operation_id, epoch, execution: JSON.stringify(result) });
      await ctx.reached('changed, not committed');
      assertInTime(ctx.signal);
      return { commit, result };
    });
    if (commit) await ctx.reached('committed');
    return execution;
  }

  #executed({ name, before, after }: ChangedRow, commit: boolean): ExecutedTarget {
    return {
      resource: this.#resource(name),
      before: before && stateOf(before.row),
      after: after && stateOf(after.row),
      version: (commit ? after : before)?.version ?? null,
    };
  }

  async fence(plan: ConnectorPlan, ctx: EffectContext): Promise<void> {
    assertPlanOf(this, plan);
    const { effect_key, fencing_epoch: epoch, operation_id } = ctx;
    await this.#database.transaction('write', ctx.signal, async (session) => {
      const marker = await session.effect(effect_key);
      if (marker !== null && (marker.execution !== null || marker.epoch >= epoch)) {
        return { commit: false, result: undefined };
      }
      await session.mark(effect_key, { operation_id, epoch, execution: null });
      return { commit: true, result: undefined };
    });
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    const marker = await this.#database.transaction('read', ctx.signal, async (session) => ({
      commit: false,
      result: await session.effect(ctx.effect_key),
    }));
    const evidence = { marker: marker === null ? 'none' : marker.execution === null ? 'fenced' : 'done' };
    if (marker === null || marker.execution === null) {
      return { outcome: 'not_applied', execution: null, evidence };
    }
    return { outcome: 'applied', execution: JSON.parse(marker.execution) as Execution, evidence };
  }

  async verify(plan: ConnectorPlan, execution: Execution, ctx: ConnectorContext) {
    return verificationOf(
      execution,
      (await this.#now(plan, ctx)).map((found) => found && stateOf(found.row)),
    );
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
    const now = (await this.#now(plan, ctx)).map((found) => found && stateOf(found.row));
    assertUndoable(plan.capabilities, execution, now, override);
    const keys = await this.#keys(plan, ctx);
    const rows = snapshot.targets.map(({ before }, i) => ({ key: keys[i]!, row: before?.facts ?? null }));
    return this.#plan(RESTORE, { table: plan.params.table!, rows }, ctx);
  }

  /** The rows as they are, in the order of the targets. */
  #now(plan: ConnectorPlan, ctx: ConnectorContext): Promise<(FoundRow | null)[]> {
    return this.#database.transaction('read', ctx.signal, async (session) => {
      const table = await session.describe(plan.params.table as string);
      const found: (FoundRow | null)[] = [];
      for (const key of plan.targets.map(({ resource }) => this.#keyOf(table, resource.id))) {
        const where = table.key.map((column) => ({ column, is: 'eq' as const, value: key[column]! }));
        found.push((await session.select(table, where, 1))[0] ?? null);
      }
      return { commit: false, result: found };
    });
  }

  #keys(plan: ConnectorPlan, ctx: ConnectorContext): Promise<Row[]> {
    return this.#database.transaction('read', ctx.signal, async (session) => {
      const table = await session.describe(plan.params.table as string);
      return { commit: false, result: plan.targets.map(({ resource }) => this.#keyOf(table, resource.id)) };
    });
  }

  /** A row that is not there before and not after has its key in its name alone. */
  #keyOf(table: Table, resource_id: string): Row {
    const values = JSON.parse(resource_id.slice(this.id.length + 1 + table.name.length)) as Json[];
    return Object.fromEntries(table.key.map((column, i) => [column, values[i]!]));
  }

  async close(): Promise<void> {
    await this.#database.close();
  }
}

function stepOf(name: string, from: unknown, to: unknown): string {
  if (from === null) return to === null ? `leave ${name} away` : `insert ${name}`;
  return to === null ? `delete ${name}` : `update ${name}`;
}
