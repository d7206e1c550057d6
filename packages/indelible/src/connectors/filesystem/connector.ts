/**
 * Files below one folder: written, deleted, moved and their modes set, each in one indivisible step.
 *
 * An effect is announced in the journal before it happens, with the inode that will tell whether it happened; see
 * steps.ts. One effect at a time: a lock that ends with its process is held from the last check to the last step.
 *
 * Errors:  as the contract says; CONNECTOR_CONFIG for the configuration.
 */
import { realpathSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { IndelibleError, type JsonObject } from '@indelible/core';
import type {
  Connector,
  ConnectorContext,
  ConnectorPlan,
  ConnectorSnapshot,
  EffectContext,
  Execution,
  Probe,
} from '../contract.ts';
import {
  assertInTime,
  assertLimits,
  assertPlanOf,
  assertSnapshotOf,
  assertUndoable,
  assertVersions,
  checkConnectorId,
  paramsCheck,
} from '../shared/checks.ts';
import { byResource, connectorVersion, stateOf, verificationOf } from '../shared/state.ts';
import { FILESYSTEM_LIMITATIONS, filesystemActions, filesystemCapabilities } from './actions.ts';
import { checkFilesystemConfig, MIB } from './config.ts';
import { Effects } from './effects.ts';
import { Files } from './files.ts';
import { type Journal, openJournal } from './journal.ts';
import { OWN_PREFIX } from './place.ts';
import {
  describe,
  describeUndo,
  type Foretold,
  fileDiff,
  foretell,
  pathsOf,
  RESTORE,
  stepsOf,
} from './planning.ts';
import { type FileFacts, fileFacts } from './read.ts';
import { assertWritable } from './steps.ts';

const CODE_VERSION = 1;

export async function openFilesystemConnector(id: string, config: unknown): Promise<Connector> {
  checkConnectorId(id);
  const {
    root,
    journal,
    max_bytes = 8 * MIB,
    timeout_ms = 30_000,
    rollback_window_ms = null,
  } = checkFilesystemConfig(config);
  const folder = resolve(root);
  let real: string;
  try {
    real = realpathSync(folder);
    if (!statSync(real).isDirectory()) throw new Error('not a folder');
  } catch (error) {
    throw new IndelibleError('CONNECTOR_CONFIG', `the root of ${id} is no folder`, { cause: error });
  }
  const limits = { max_bytes, timeout_ms, rollback_window_ms };
  return new FilesystemConnector(id, real, openJournal(resolve(journal ?? join(real, OWN_PREFIX))), limits);
}

type Limits = Parameters<typeof filesystemCapabilities>[0];

class FilesystemConnector implements Connector {
  readonly id: string;
  readonly kind = 'filesystem';
  readonly version: string;
  readonly actions: Connector['actions'];
  readonly limitations = FILESYSTEM_LIMITATIONS;
  readonly #files: Files;
  readonly #effects: Effects;
  readonly #limits: Limits;
  readonly #check: ReturnType<typeof paramsCheck>;
  readonly #owner = { uid: process.geteuid?.() ?? 0, gid: process.getegid?.() ?? 0 };

  constructor(id: string, root: string, journal: Journal, limits: Limits) {
    this.id = id;
    this.version = connectorVersion(CODE_VERSION, { root, ...limits });
    this.actions = filesystemActions(limits);
    this.#files = new Files(id, root, limits.max_bytes);
    this.#effects = new Effects(this.#files, journal);
    this.#limits = limits;
    this.#check = paramsCheck(this.actions);
  }

  capabilities(action: string, params: JsonObject) {
    this.#check(action, params);
    return filesystemCapabilities(this.#limits);
  }

  async plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    return this.#plan(action, this.#check(action, params), ctx);
  }

  async #plan(action: string, params: JsonObject, ctx: ConnectorContext): Promise<ConnectorPlan> {
    assertInTime(ctx.signal);
    const capabilities = filesystemCapabilities(this.#limits);
    const paths = pathsOf(action, params);
    const found = paths.map((path) => this.#files.at(path));
    const foretold = foretell(action, params, found, this.#owner);
    let bytes = 0;
    const targets = paths.map((path, i) => {
      const before = found[i] ?? null;
      const after = foretold[i] as Foretold;
      bytes += (before?.content.length ?? 0) + (after.facts?.size ?? 0);
      return {
        resource: { type: 'file', id: this.#files.idOf(path) },
        version: before?.version ?? null,
        before: before?.state ?? null,
        after: after.facts === null ? null : stateOf(fileFacts(after.facts)),
        diff: fileDiff(before, after),
      };
    });
    assertLimits(capabilities.limits, { targets: targets.length, bytes });
    targets.sort(byResource);
    const steps = stepsOf({ action, params, targets });
    for (const { path } of steps) await assertWritable(this.#files.root, path);
    return {
      connector: this.id,
      connector_version: this.version,
      action,
      params,
      targets,
      steps: steps.length === 0 ? ['nothing: everything is as it shall be'] : steps.map(describe),
      rollback_steps: steps.length === 0 ? ['nothing'] : steps.map(describeUndo).reverse(),
      capabilities,
    };
  }

  async snapshot(plan: ConnectorPlan, ctx: ConnectorContext) {
    assertPlanOf(this, plan);
    const found = this.#files.of(plan);
    assertVersions(
      plan.targets,
      found.map((file) => file?.version ?? null),
    );
    const targets = [];
    for (const [i, { resource, before }] of plan.targets.entries()) {
      const file = found[i];
      targets.push({ resource, before, ...(file ? { blob: await ctx.blobs.put(file.content) } : {}) });
    }
    return { targets };
  }

  async execute(
    plan: ConnectorPlan,
    snapshot: ConnectorSnapshot,
    ctx: EffectContext,
    { commit }: { readonly commit: boolean },
  ): Promise<Execution> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    assertInTime(ctx.signal);
    return this.#effects.execute(plan, ctx, commit);
  }

  fence(_plan: ConnectorPlan, ctx: EffectContext): Promise<void> {
    return this.#effects.fence(ctx);
  }

  async probe(plan: ConnectorPlan, _snapshot: unknown, ctx: EffectContext): Promise<Probe> {
    assertPlanOf(this, plan);
    return this.#effects.probe(plan, ctx.effect_key);
  }

  async verify(plan: ConnectorPlan, execution: Execution, _ctx: ConnectorContext) {
    const found = this.#files.of(plan);
    return verificationOf(
      execution,
      found.map((file) => file?.state ?? null),
    );
  }

  async planRollback(
    plan: ConnectorPlan,
    execution: Execution,
    snapshot: ConnectorSnapshot,
    ctx: ConnectorContext,
    { override = false } = {},
  ): Promise<ConnectorPlan> {
    assertPlanOf(this, plan);
    assertSnapshotOf(plan, snapshot);
    const now = this.#files.of(plan).map((file) => file?.state ?? null);
    assertUndoable(plan.capabilities, execution, now, override);
    if (!override && plan.action === 'move') {
      return this.#plan('move', { from: plan.params.to!, to: plan.params.from! }, ctx);
    }
    if (!override && plan.action === 'chmod') {
      const { mode } = plan.targets[0]!.before!.facts;
      return this.#plan('chmod', { path: plan.params.path!, mode: mode! }, ctx);
    }
    const files = snapshot.targets.map(({ resource, before, blob }) => ({
      path: this.#files.pathOf(resource.id),
      facts: before === null ? null : fileFacts(before.facts as unknown as FileFacts),
      blob: blob ?? null,
    }));
    return this.#plan(RESTORE, { files }, ctx);
  }

  async close(): Promise<void> {
    this.#effects.close();
  }
}
